import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'

/** A relay in front of the broker that keeps what clients say. */
export class Recorder {
  readonly host = '127.0.0.1'
  readonly #server: Server
  /** The bytes of each connection, in the order they were opened. */
  readonly #streams: Buffer[][] = []

  private constructor(broker: { readonly host: string; readonly port: number }) {
    this.#server = createServer((client) => {
      const upstream = connect(broker.port, broker.host)
      const stream: Buffer[] = []
      this.#streams.push(stream)
      client.on('data', (chunk) => stream.push(chunk))
      client.on('error', () => upstream.destroy())
      upstream.on('error', () => client.destroy())
      client.pipe(upstream)
      upstream.pipe(client)
    })
  }

  static async start(broker: { readonly host: string; readonly port: number }): Promise<Recorder> {
    const recorder = new Recorder(broker)
    recorder.#server.listen(0, recorder.host)
    await once(recorder.#server, 'listening')
    return recorder
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port // it listens on a port, not a pipe
  }

  get uri(): string {
    return `amqp://guest:guest@${this.host}:${this.port}`
  }

  /** What was said since the last time. */
  take(): Buffer[] {
    return this.#streams.splice(0).map((chunks) => Buffer.concat(chunks))
  }

  async stop(): Promise<void> {
    this.#server.close()
    await once(this.#server, 'close')
  }
}
