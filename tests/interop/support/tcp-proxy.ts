// A TCP relay between a client and the broker that a test can cut, so that a lost connection looks the same
// against every broker: sockets end without a word of AMQP, and new ones are refused until it is restored.

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

export class TcpProxy {
  readonly #server: Server
  readonly #target: URL
  readonly #sockets = new Set<Socket>()
  #isCut = false

  private constructor(target: URL) {
    this.#target = target
    this.#server = createServer((client) => this.#relay(client))
  }

  static async open(brokerUri: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(new URL(brokerUri))
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  /** The broker's URI with this proxy's address in place of the broker's. */
  get uri(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen')
    const uri = new URL(this.#target)
    uri.hostname = '127.0.0.1'
    uri.port = String(address.port)
    return uri.href
  }

  /** Severs every connection; refuses new ones until {@link restore}. */
  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.destroy()
  }

  restore(): void {
    this.#isCut = false
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #relay(client: Socket): void {
    if (this.#isCut) {
      client.destroy()
      return
    }
    const broker = connect({ host: this.#target.hostname, port: Number(this.#target.port || 5672), noDelay: true })
    client.setNoDelay(true)
    this.#join(client, broker)
    this.#join(broker, client)
    client.pipe(broker)
    broker.pipe(client)
  }

  #join(socket: Socket, peer: Socket): void {
    this.#sockets.add(socket)
    // A reset arrives as an error and then as a close; the close is what ends the pair.
    socket.on('error', () => peer.destroy())
    socket.on('close', () => {
      this.#sockets.delete(socket)
      peer.destroy()
    })
  }
}
