/** Makes all the parts, wires them, and takes them down in reverse order. */
import { hostname } from 'node:os'
import type { Storage } from '../storage/storage.ts'
import type { AmqpContext, ConnectionDetails } from './amqp/context.ts'
import { AmqpListener, type ListenAddress } from './amqp/listener.ts'
import { OutboxFlusher } from './amqp/outbox.ts'
import { serverProperties } from './amqp/server-properties.ts'
import { ReadBuffer } from './amqp/transport.ts'
import type { Authenticator } from './auth/authenticator.ts'
import { Broker } from './broker/broker.ts'
import type { Logger } from './lib/logger.ts'
import { leveretVersion } from './lib/version.ts'
import type { ServerConfig } from './server-config.ts'

const MEMORY_SAMPLE_MS = 1000
/** While publishers wait, memory is looked at more often, so that they go on as soon as they can. */
const ALARM_SAMPLE_MS = 50

/** Called as the server and its connections come and go. An error thrown by one is logged and otherwise ignored. */
export interface ServerHooks {
  readonly onStart?: () => void
  readonly onStop?: () => void
  readonly onConnect?: (connection: ConnectionDetails) => void
  readonly onDisconnect?: (connection: ConnectionDetails) => void
}

export type ServerState = 'stopped' | 'starting' | 'running' | 'stopping'

export interface ServerParts {
  readonly config: ServerConfig
  readonly storage: Storage
  readonly logger: Logger
  readonly authenticator: Authenticator
  readonly hooks: ServerHooks
}

export interface Health {
  readonly status: 'healthy' | 'degraded' | 'stopped'
  readonly uptimeMs: number
  /** What is wrong, in plain words; empty when all is well. */
  readonly warnings: readonly string[]
}

export class Server {
  readonly core: Broker
  readonly #parts: ServerParts
  readonly #listener: AmqpListener
  #state: ServerState = 'stopped'
  #startedAtMs = 0
  #memoryTimer: NodeJS.Timeout | undefined
  #memoryAlarmTimer: NodeJS.Timeout | undefined

  constructor(parts: ServerParts) {
    const { config, logger } = parts
    this.#parts = parts
    this.core = new Broker({
      storage: parts.storage,
      memoryLimitBytes: config.memoryLimitBytes,
      processBytes,
      nextTurn: (work) => setImmediate(work),
      onDefect: (error) => logger.error({ err: error }, 'internal error while delivering'),
    })
    this.core.createVhost(config.defaultVhost)
    this.core.memory.onChange((isActive) => this.#memoryAlarmChanged(isActive))
    this.#listener = new AmqpListener(this.#amqpContext(), () => performance.now())
  }

  get state(): ServerState {
    return this.#state
  }

  /** Where it listens: more than one after several calls of `listenAndServe`. */
  get addresses(): readonly ListenAddress[] {
    return this.#listener.addresses
  }

  /** `amqp://` URL of the first address, without user and password. */
  get url(): string {
    const address = this.addresses[0]
    if (address === undefined) throw new Error('the server does not listen yet: call listen() first')
    const host = address.host.includes(':') ? `[${address.host}]` : address.host
    return `amqp://${host}:${address.port}`
  }

  /** Opens the storage. `listen` does this by itself; call it to use the broker in this process alone. */
  async start(): Promise<void> {
    if (this.#state === 'running') return
    if (this.#state !== 'stopped') throw new Error(`the server cannot start while it is ${this.#state}`)
    this.#state = 'starting'
    try {
      await this.#parts.storage.open()
    } catch (error) {
      this.#state = 'stopped'
      throw error
    }
    this.#memoryTimer = setInterval(() => this.core.memory.sample(), MEMORY_SAMPLE_MS)
    this.#memoryTimer.unref()
    this.#startedAtMs = performance.now()
    this.#state = 'running'
    this.#callHook('onStart')
  }

  /** Starts, and listens on the configured address. */
  async listen(): Promise<readonly ListenAddress[]> {
    await this.#listenOn(this.#parts.config.bind, this.#parts.config.port)
    return this.addresses
  }

  /** Starts, and listens on `host:port`, `:port` (all interfaces) or a port (of the configured address). */
  async listenAndServe(address: string | number): Promise<readonly ListenAddress[]> {
    const { host, port } = parseAddress(address, this.#parts.config.bind)
    await this.#listenOn(host, port)
    return this.addresses
  }

  /** Stops accepting, closes every client with 320 and the storage. Clients that do not leave in time are cut off. */
  async shutdown(options: { readonly graceMs?: number } = {}): Promise<void> {
    if (this.#state !== 'running') return
    this.#state = 'stopping'
    const { config, storage } = this.#parts
    const ports = this.#listener.stopListening()
    const reason = "broker forced connection closure with reason 'shutdown'"
    await this.#listener.closeConnections(reason, options.graceMs ?? config.shutdownGraceMs)
    await ports
    clearInterval(this.#memoryTimer)
    clearInterval(this.#memoryAlarmTimer)
    this.core.close()
    await storage.close()
    this.#state = 'stopped'
    this.#callHook('onStop')
  }

  health(): Health {
    if (this.#state !== 'running') return { status: 'stopped', uptimeMs: 0, warnings: [] }
    const warnings = this.core.memory.isActive ? ['low on memory: publishers are blocked'] : []
    const uptimeMs = Math.round(performance.now() - this.#startedAtMs)
    return { status: warnings.length === 0 ? 'healthy' : 'degraded', uptimeMs, warnings }
  }

  /** The open connections. */
  connections(): ConnectionDetails[] {
    return [...this.#listener.connections].flatMap(({ details }) => (details === undefined ? [] : [details]))
  }

  async #listenOn(host: string, port: number): Promise<void> {
    await this.start()
    try {
      await this.#listener.listen(host, port)
    } catch (error) {
      if (this.#listener.addresses.length === 0) await this.shutdown()
      throw error
    }
  }

  #amqpContext(): AmqpContext {
    const { config, logger, authenticator } = this.#parts
    return {
      broker: this.core,
      authenticator,
      logger,
      limits: config,
      mechanisms: ['PLAIN', 'AMQPLAIN', ...(config.allowAnonymous ? ['ANONYMOUS'] : [])],
      serverProperties: serverProperties(leveretVersion(), `leveret@${hostname()}`),
      flusher: new OutboxFlusher(),
      readBuffer: new ReadBuffer(Math.max(config.frameMaxBytes, config.initialFrameMaxBytes)),
      onOpen: (details) => {
        logger.info({ ...logged(details) }, 'connection opened')
        this.#callHook('onConnect', details)
      },
      onClose: (details) => {
        logger.info({ ...logged(details) }, 'connection closed')
        this.#callHook('onDisconnect', details)
      },
    }
  }

  #memoryAlarmChanged(isActive: boolean): void {
    const { usedBytes, limitBytes } = this.core.memory
    clearInterval(this.#memoryAlarmTimer)
    if (!isActive) {
      this.#parts.logger.info({ usedBytes, limitBytes }, 'memory is below its limit again: publishers go on')
      return
    }
    this.#parts.logger.warn({ usedBytes, limitBytes }, 'memory is over its limit: publishers wait, consumers go on')
    this.#memoryAlarmTimer = setInterval(() => this.core.memory.sample(), ALARM_SAMPLE_MS)
    this.#memoryAlarmTimer.unref()
  }

  #callHook(name: 'onStart' | 'onStop'): void
  #callHook(name: 'onConnect' | 'onDisconnect', details: ConnectionDetails): void
  #callHook(name: keyof ServerHooks, details?: ConnectionDetails): void {
    try {
      this.#parts.hooks[name]?.(details as ConnectionDetails) // the overloads say who gets one
    } catch (error) {
      this.#parts.logger.error({ err: error, hook: name }, 'a hook threw an error')
    }
  }
}

function logged({ id, peerAddress, peerPort, user, vhost }: ConnectionDetails): object {
  return { connection: id, peer: `${peerAddress}:${peerPort}`, user: user.name, vhost }
}

/** Bytes of JavaScript objects and of buffers. */
function processBytes(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function parseAddress(address: string | number, bind: string): { host: string; port: number } {
  if (typeof address === 'number') return { host: bind, port: address }
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, Math.max(0, colon)).replace(/^\[(.*)\]$/, '$1')
  const port = Number(address.slice(colon + 1))
  if (colon < 0 || !Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new RangeError(`'${address}' is no address to listen on: write host:port or :port, port 0 to 65535`)
  }
  return { host: host === '' ? '::' : host, port }
}
