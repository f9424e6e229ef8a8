/** Makes all the parts, wires them, and takes them down in reverse order. */
import { hostname } from 'node:os'
import { NUMBER_SETTINGS } from '../config/number-settings.ts'
import type { Recovery, RecoveryProgress, Storage } from '../storage/storage.ts'
import type { AmqpContext } from './amqp/context.ts'
import { AmqpListener, type ListenAddress } from './amqp/listener.ts'
import { OutboxFlusher } from './amqp/outbox.ts'
import { ReadBuffer } from './amqp/read-buffer.ts'
import { serverProperties } from './amqp/server-properties.ts'
import type { Authenticator } from './auth/authenticator.ts'
import { USER_KIND, UserList } from './auth/user-list.ts'
import { Broker } from './broker/broker.ts'
import type { ConnectionDetails } from './broker/clients/client-directory.ts'
import type { EmbeddedBroker } from './embedded/embedded-broker.ts'
import { EmbeddedUsers } from './embedded/embedded-users.ts'
import { EmbeddedVhosts } from './embedded/embedded-vhosts.ts'
import type { Transactions } from './embedded/transactions.ts'
import { GarbageWatch } from './garbage-watch.ts'
import { checkOptions, wholeNumber } from './lib/checks.ts'
import { type Clock, SystemClock } from './lib/clock.ts'
import { guarded } from './lib/guarded.ts'
import { heapFigures } from './lib/heap.ts'
import { type Logger, steadyLogger } from './lib/logger.ts'
import { RareLines } from './lib/rare-lines.ts'
import { leveretVersion } from './lib/version.ts'
import { parseAddress } from './server-address.ts'
import type { ServerConfig } from './server-config.ts'
import { HookCalls, type ServerHooks } from './server-hooks.ts'
import { MemoryWatch, programBytes } from './server-memory.ts'
import { openStorage, reportRecovery, restoreEntities, type ServerRecovery } from './server-recovery.ts'
import { type Health, NOT_RUNNING, type ServerStats, STOPPED } from './server-status.ts'

const CLOSED_BY_PROGRAM = "broker forced connection closure with reason 'closed by the program'"
const { shutdownGraceMs } = NUMBER_SETTINGS
const aGrace = wholeNumber(shutdownGraceMs.min, shutdownGraceMs.max)

/** A server goes from `stopped` to `running` once, and back once. */
export type ServerState = 'stopped' | 'starting' | 'running' | 'stopping'

export interface ServerParts {
  readonly config: ServerConfig
  readonly storage: Storage
  readonly logger: Logger
  /** Undefined for the users in the storage. */
  readonly authenticator: Authenticator | undefined
  readonly hooks: ServerHooks
}

/** A broker with its listeners. `ServerBuilder` makes it; it runs from `listen` or `start` until `shutdown`. */
export class Server {
  /** The model itself, for what the public API does not offer. It may change in any version. */
  readonly core: Broker
  /** What was found in the storage when it was opened; undefined before. */
  recovery: ServerRecovery | undefined
  readonly #parts: ServerParts
  readonly #clock: Clock
  readonly #hooks: HookCalls
  readonly #rareLines: RareLines
  readonly #garbage: GarbageWatch
  readonly #memoryWatch: MemoryWatch
  readonly #listener: AmqpListener
  readonly #vhosts: EmbeddedVhosts
  readonly #userList: UserList
  readonly #users: EmbeddedUsers
  #state: ServerState = 'stopped'
  #start: Promise<void> | undefined
  #shutdown: Promise<void> | undefined
  #startedAtMs = 0
  #trouble: string | undefined
  #unsubscribe: () => void = () => {}

  constructor(parts: ServerParts) {
    const { config } = parts
    const logger = steadyLogger(parts.logger)
    this.#parts = { ...parts, logger }
    this.#rareLines = new RareLines(logger)
    this.#hooks = new HookCalls(parts.hooks, logger)
    const onDefect = (error: unknown): void => {
      logger.error({ err: error }, 'internal error while delivering')
      this.#hooks.call('onError', error)
    }
    const run = guarded((work: () => void) => work(), onDefect)
    const clock = new SystemClock(onDefect)
    this.#clock = clock
    this.#garbage = new GarbageWatch({
      strayBytes: () => this.#strayBytes(),
      heapBytes: () => heapFigures().usedBytes,
      now: () => clock.monotonicMs(),
    })
    this.core = new Broker({
      storage: parts.storage,
      memoryLimitBytes: config.memoryLimitBytes,
      heapLimitBytes: heapFigures().limitBytes,
      otherBytes: () =>
        programBytes(config.memoryLimitBytes) +
        heapFigures().usedBytes +
        (this.#listener?.unsentBytes ?? 0) +
        this.#garbage.keptBytes,
      nextTurn: (work) => setImmediate(run, work),
      clock,
      onDefect,
    })
    const { loopbackUsers, allowAnonymous, defaultUser } = config
    this.#userList = new UserList({ loopbackUsers, anonymousUser: allowAnonymous ? defaultUser : undefined })
    this.#userList.keepIn(this.core.entityRegistry)
    this.#listener = new AmqpListener(this.#amqpContext(), () => clock.monotonicMs())
    this.#memoryWatch = new MemoryWatch({
      memory: this.core.memory,
      storage: parts.storage.memory,
      bodies: this.core.bodies,
      garbage: this.#garbage,
      logger,
      rareLines: this.#rareLines,
      relieve: () => this.#listener.relieveMemory(),
    })
    this.#vhosts = new EmbeddedVhosts({
      core: this.core,
      logger,
      maxMessageSizeBytes: config.maxMessageSizeBytes,
      requireRunning: () => this.#requireRunning(),
    })
    this.#users = new EmbeddedUsers({
      core: this.core,
      list: this.#userList,
      requireRunning: () => {
        this.#requireRunning()
        if (this.#state === 'stopping') throw new Error(STOPPED)
      },
    })
  }

  /**
   * The default virtual host, for code in this process. It sees what AMQP clients see. Throws Error while the server is
   * not running, BrokerError `not-allowed` when there is no virtual host of that name: the storage has others.
   */
  get broker(): EmbeddedBroker {
    this.#requireRunning()
    const { name } = this.core.requireVhost(this.#parts.config.defaultVhost)
    return this.#vhosts.at(name) as EmbeddedBroker // the vhost is there
  }

  /** Transactions of code in this process, in the default virtual host. Throws like `broker`. */
  get transactions(): Transactions {
    return this.broker.transactions
  }

  /**
   * Who may connect: changes are durable with the storage. Throws Error while the server is not running, and when it asks
   * an authenticator of its own instead (`withAuthenticator`).
   */
  get users(): EmbeddedUsers {
    this.#requireRunning()
    if (this.#parts.authenticator === undefined) return this.#users
    throw new Error('this server was built with an authenticator of its own: that one knows the users')
  }

  /** `starting` and `stopping` are what `start`, `listen` and `shutdown` wait for. */
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
    if (address === undefined && this.#shutdown !== undefined) throw new Error(STOPPED)
    if (address === undefined) throw new Error('the server does not listen yet: call listen() first')
    const host = address.host.includes(':') ? `[${address.host}]` : address.host
    return `amqp://${host}:${address.port}`
  }

  /**
   * Opens the storage. `listen` does this by itself; call it to use the broker in this process alone. A server starts
   * once: throws Error after a shutdown.
   */
  async start(): Promise<void> {
    if (this.#shutdown !== undefined) throw new Error(STOPPED)
    this.#start ??= this.#open()
    await this.#start
  }

  /**
   * Starts, and listens on the configured address. Throws the system's error when the system refuses the port (EADDRINUSE,
   * EACCES …), and shuts the server down then if this call has started it.
   */
  async listen(): Promise<readonly ListenAddress[]> {
    await this.#listenOn(this.#parts.config.bind, this.#parts.config.port)
    return this.addresses
  }

  /**
   * Starts, and listens on `host:port`, `:port` (all interfaces) or a port (of the configured address). May be called
   * several times. Throws RangeError for what is no address, else like `listen`.
   */
  async listenAndServe(address: string | number): Promise<readonly ListenAddress[]> {
    const { host, port } = parseAddress(address, this.#parts.config.bind)
    await this.#listenOn(host, port)
    return this.addresses
  }

  /** Lets the process end while the server listens, like `unref` of Node's servers. Connected clients still hold it. */
  unref(): void {
    this.#listener.unref()
  }

  /**
   * Stops accepting, closes every client with 320 and the storage. Clients that do not leave within `graceMs` (default:
   * `shutdownGraceMs` of the configuration) are cut off. All calls wait for the same end.
   */
  async shutdown(options: { readonly graceMs?: number } = {}): Promise<void> {
    checkOptions('shutdown', options, { graceMs: aGrace })
    if (this.#start === undefined) return
    this.#shutdown ??= this.#close(options.graceMs ?? this.#parts.config.shutdownGraceMs)
    await this.#shutdown
  }

  /**
   * Closes every client with 320, as an operator does, and goes on listening. Resolves when they are gone; those that do not
   * leave within `graceMs` (default: `shutdownGraceMs` of the configuration) are cut off.
   */
  async closeConnections(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.#requireRunning()
    checkOptions('closeConnections', options, { graceMs: aGrace })
    await this.#listener.closeConnections(CLOSED_BY_PROGRAM, options.graceMs ?? this.#parts.config.shutdownGraceMs)
  }

  /** Cuts every client off without a word, as a broken network does, and goes on listening. Resolves when they are gone. */
  async dropConnections(): Promise<void> {
    this.#requireRunning()
    await this.#listener.dropConnections()
  }

  /** How the server is doing: for probes. */
  health(): Health {
    if (this.#state !== 'running') return { status: 'stopped', uptimeMs: 0, warnings: [] }
    const warnings: string[] = []
    if (this.core.memory.isActive) warnings.push('low on memory: publishers are blocked')
    const { trouble } = this.#parts.storage.journal
    if (trouble !== undefined) warnings.push(trouble)
    if (this.#listener.isFull) warnings.push('the system lets the process open no more files: connections are refused')
    let status: Health['status'] = warnings.length === 0 ? 'healthy' : 'degraded'
    if (trouble !== undefined) status = 'unhealthy'
    return { status, uptimeMs: this.#uptimeMs(), warnings }
  }

  /** The server in numbers. Walks over all queues and connections. */
  stats(): ServerStats {
    return { uptimeMs: this.#uptimeMs(), ...this.core.clients.traffic(), ...this.core.stats() }
  }

  /** The open connections. */
  connections(): ConnectionDetails[] {
    return this.core.clients.open()
  }

  async #listenOn(host: string | undefined, port: number): Promise<void> {
    const isFirst = this.#start === undefined
    await this.start()
    try {
      await this.#listener.listen(host, port)
    } catch (error) {
      this.#hooks.call('onError', error)
      if (isFirst && this.addresses.length === 0) await this.shutdown()
      throw error
    }
    if (this.#shutdown === undefined) return
    await this.#listener.stopListening()
    throw new Error('the server was shut down before it listened')
  }

  async #open(): Promise<void> {
    this.#state = 'starting'
    const { storage } = this.#parts
    try {
      const onProgress = (progress: RecoveryProgress): void => this.#tellProgress(progress)
      await openStorage(storage, { onProgress, clock: this.#clock }, (found) => this.#restore(found))
      this.#unsubscribe = storage.journal.onChange(() => this.#journalChanged())
      this.#journalChanged()
    } catch (error) {
      this.#state = 'stopped'
      this.#start = undefined
      this.#hooks.call('onError', error)
      throw error
    }
    this.#memoryWatch.start()
    this.#startedAtMs = this.#clock.monotonicMs()
    this.#state = 'running'
    this.#hooks.call('onStart')
  }

  #tellProgress({ step, readBytes, totalBytes }: RecoveryProgress): void {
    const percent = totalBytes === 0 ? 100 : Math.floor((readBytes / totalBytes) * 100)
    this.#parts.logger.info({ percent, readBytes, totalBytes }, step)
  }

  async #close(graceMs: number): Promise<void> {
    await this.#start?.catch(() => {}) // the caller of start was told
    if (this.#state !== 'running') return
    this.#state = 'stopping'
    const ports = this.#listener.stopListening()
    await this.#listener.closeConnections("broker forced connection closure with reason 'shutdown'", graceMs)
    this.#listener.close()
    await ports
    this.#memoryWatch.stop()
    this.#vhosts.close(new Error(STOPPED))
    this.core.longWork.finish()
    await this.#parts.storage.close()
    this.#unsubscribe()
    this.core.close()
    this.#rareLines.close()
    this.#state = 'stopped'
    this.#hooks.call('onStop')
  }

  /** Restores what the storage has; in a new one, makes the default user and virtual host. */
  #restore(found: Recovery): void {
    const { logger, storage, config, authenticator } = this.#parts
    const { defaultUser, defaultPass, defaultVhost } = config
    const users = this.#userList
    this.recovery = restoreEntities(found, this.core, users)
    if (storage.isDurable) reportRecovery(this.recovery, logger)
    if (this.recovery.vhosts === 0) this.core.createVhost(defaultVhost)
    if (authenticator !== undefined) return
    // RabbitMQ: a default user that was deleted, or has another password by now, is left alone.
    const isNew = found.entities.every(({ kind }) => kind !== USER_KIND)
    if (isNew && found.quarantined > 0)
      logger.warn({}, `no users were found: '${defaultUser}' is made as in a new store`)
    if (isNew) users.add(defaultUser, defaultPass, ['administrator'])
    else if (this.recovery.users === 0) logger.warn({}, 'there are no users in the storage: no client can log in')
    else if ('refusal' in users.authenticate({ name: defaultUser, password: Buffer.from(defaultPass) }, '127.0.0.1')) {
      logger.info({}, `user '${defaultUser}' is not as configured: the storage has users already, and they stay`)
    }
  }

  #journalChanged(): void {
    const { logger, storage } = this.#parts
    const { trouble } = storage.journal
    if (trouble !== this.#trouble) {
      if (trouble === undefined) logger.info({}, 'the disk can be written again: publishers go on')
      else logger.error({}, `${trouble}; publishers wait, consumers go on`)
      this.#trouble = trouble
      if (trouble !== undefined) this.#listener.diskFailed()
    }
    if (!storage.journal.isCongested) this.#listener.resumePublishers()
  }

  /** Bytes of buffers that are not known to be in use: garbage, and what others have. */
  #strayBytes(): number {
    const { memory } = this.#parts.storage
    if (memory === undefined) return 0
    const inMessages = this.core === undefined ? 0 : this.core.memory.heldBytes + this.core.bodies.freeBytes
    const known = memory.bufferBytes + inMessages + (this.#listener?.unsentBytes ?? 0)
    return Math.max(0, heapFigures().externalBytes - known)
  }

  #requireRunning(): void {
    if (this.#state === 'running' || this.#state === 'stopping') return
    throw new Error(this.#shutdown === undefined ? NOT_RUNNING : STOPPED)
  }

  #uptimeMs(): number {
    return this.#state === 'stopped' || this.#state === 'starting'
      ? 0
      : Math.round(this.#clock.monotonicMs() - this.#startedAtMs)
  }

  #amqpContext(): AmqpContext {
    const { config, logger, authenticator } = this.#parts
    return {
      broker: this.core,
      authenticator: authenticator ?? this.#userList,
      logger,
      rareLines: this.#rareLines,
      limits: config,
      mechanisms: ['PLAIN', 'AMQPLAIN', ...(config.allowAnonymous ? ['ANONYMOUS'] : [])],
      serverProperties: serverProperties(leveretVersion(), `leveret@${hostname()}`),
      flusher: new OutboxFlusher(),
      readBuffer: new ReadBuffer(Math.max(config.frameMaxBytes, config.initialFrameMaxBytes)),
      onOpen: (details) => {
        this.#hooks.call('onConnect', details)
      },
      onClose: (details) => {
        this.#garbage.expectGarbage()
        this.#hooks.call('onDisconnect', details)
      },
    }
  }
}
