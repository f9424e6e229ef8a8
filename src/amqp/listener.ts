/** Accepts AMQP connections on TCP ports and looks after all of them together: their clock, their end, their alarms. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { Connection } from './connection.ts'
import type { AmqpContext } from './context.ts'

/** Heartbeats of one second need a look every half second. */
const TICK_MS = 500
const BACKLOG = 1024

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

export class AmqpListener {
  readonly #context: AmqpContext
  readonly #now: () => number
  readonly #connections = new Set<Connection>()
  readonly #servers: Server[] = []
  readonly #unsubscribe: () => void
  #timer: NodeJS.Timeout | undefined
  #nextId = 1
  #whenEmpty: (() => void) | undefined

  constructor(context: AmqpContext, now: () => number) {
    this.#context = context
    this.#now = now
    this.#unsubscribe = context.broker.memory.onChange((isActive) => {
      if (!isActive) for (const connection of this.#connections) connection.unblockPublisher()
    })
  }

  get connections(): Iterable<Connection> {
    return this.#connections
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  get addresses(): ListenAddress[] {
    return this.#servers.map((server) => {
      const { address, port } = server.address() as AddressInfo // not a pipe: it listens on a host and port
      return { host: address, port }
    })
  }

  /** Rejects with the system's error when the port cannot be had. */
  async listen(host: string, port: number): Promise<void> {
    const server = createServer({ pauseOnConnect: true, keepAlive: true }, (socket) => this.#accept(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, backlog: BACKLOG }, () => {
        server.off('error', reject)
        resolve()
      })
    })
    server.on('error', (error) => this.#context.logger.error({ err: error }, 'listener failed'))
    this.#servers.push(server)
  }

  /** Takes no more connections. */
  async stopListening(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
    // Connections keep `close` from calling back; the ports are free at once.
    if (this.#connections.size === 0) await Promise.all(closed)
    this.#servers.length = 0
  }

  /** Closes every connection with 320 and waits for them to go; after the grace period they are cut off. */
  async closeConnections(reason: string, graceMs: number): Promise<void> {
    for (const connection of this.#connections) connection.force(reason)
    if (this.#connections.size > 0) {
      const isEmpty = new Promise<void>((resolve) => {
        this.#whenEmpty = resolve
      })
      const timer = setTimeout(() => {
        for (const connection of this.#connections) connection.destroy()
      }, graceMs)
      await isEmpty
      clearTimeout(timer)
    }
    this.#unsubscribe()
  }

  #accept(socket: Socket): void {
    if (socket.remoteAddress === undefined) {
      socket.destroy()
      return
    }
    const connection = new Connection(this.#nextId++, socket, this.#context, this.#now(), (closed) =>
      this.#closed(closed),
    )
    this.#connections.add(connection)
    this.#timer ??= setInterval(this.#tick, TICK_MS)
  }

  #closed(connection: Connection): void {
    this.#connections.delete(connection)
    if (this.#connections.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#whenEmpty?.()
  }

  readonly #tick = (): void => {
    const nowMs = this.#now()
    for (const connection of this.#connections) connection.tick(nowMs)
  }
}
