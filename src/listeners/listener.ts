/** One address that the server listens on. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { ListenAddress, ListenOptions } from './listen-options.ts'
import { claimSocketFile, hasSocketFile, withSocketMode } from './unix-socket.ts'

const BACKLOG = 1024
const DEFAULT_MODE = 0o660

export interface ListenerEvents {
  accepted(socket: Socket, listener: Listener): void
  /** The system could not accept, or ended the listener. */
  failed(error: Error, listener: Listener): void
}

export class Listener {
  readonly name: string
  readonly #options: ListenOptions
  readonly #server: Server
  readonly #events: ListenerEvents
  #address: ListenAddress | undefined
  #isClosing = false

  constructor(name: string, options: ListenOptions, events: ListenerEvents) {
    this.name = name
    this.#options = options
    this.#events = events
    const settings = { pauseOnConnect: true, keepAlive: true, noDelay: true }
    this.#server = createServer(settings, (socket) => events.accepted(socket, this))
  }

  get protocol(): ListenOptions['protocol'] {
    return this.#options.protocol
  }

  get isUnix(): boolean {
    return this.#options.path !== undefined
  }

  /** Undefined until it listens. */
  get address(): ListenAddress | undefined {
    return this.#address
  }

  /** It should listen and does not: nothing reaches it any more. */
  get isDown(): boolean {
    if (this.#address === undefined || this.#isClosing) return false
    return !this.#server.listening || (this.#address.path !== undefined && !hasSocketFile(this.#address.path))
  }

  /** Rejects with the system's error when it refuses the address. */
  async open(): Promise<void> {
    const { path, mode = DEFAULT_MODE } = this.#options
    if (path !== undefined) await claimSocketFile(path)
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      const listening = (): void => {
        this.#server.off('error', reject)
        resolve()
      }
      if (path === undefined) this.#server.listen({ ...this.#place(), backlog: BACKLOG }, listening)
      else withSocketMode(path, mode, () => this.#server.listen({ path, backlog: BACKLOG }, listening))
    })
    this.#server.on('error', (error) => this.#events.failed(error, this))
    this.#address = this.#foundAddress()
  }

  unref(): void {
    this.#server.unref()
  }

  /** Takes no more clients. Resolves when those that it still counts have gone. */
  close(): Promise<void> {
    this.#isClosing = true
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  #place(): { readonly host?: string; readonly port: number } {
    const { host, port = 0 } = this.#options
    return host === undefined ? { port } : { host, port }
  }

  #foundAddress(): ListenAddress {
    const { protocol, path } = this.#options
    if (path !== undefined) return { name: this.name, protocol, host: '', port: 0, path }
    const { address, port } = this.#server.address() as AddressInfo // not a pipe: it listens on a host and a port
    return { name: this.name, protocol, host: address, port, path: undefined }
  }
}
