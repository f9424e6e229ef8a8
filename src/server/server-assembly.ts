/** Makes all the parts of a server, and wires them. */
import { hostname } from 'node:os'
import type { Storage } from '../../storage/storage.ts'
import { AmqpConnections } from '../amqp/connections.ts'
import type { AmqpContext } from '../amqp/context.ts'
import { OutboxFlusher } from '../amqp/outbox-flusher.ts'
import { ReadBuffer } from '../amqp/read-buffer.ts'
import { serverProperties } from '../amqp/server-properties.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import type { BackendChain } from '../auth/backends/backend-chain.ts'
import type { Logins } from '../auth/logins/logins.ts'
import type { UserList } from '../auth/user-list.ts'
import type { PermissionList } from '../broker/access/permission-list.ts'
import { ALLOW_ALL, type Authorizer } from '../broker/authorizer.ts'
import { Broker, type BrokerOptions } from '../broker/broker.ts'
import type { EmbeddedContext } from '../embedded/embedded-context.ts'
import { EmbeddedUserLimits } from '../embedded/embedded-limits.ts'
import { EmbeddedManagement } from '../embedded/embedded-management.ts'
import { EmbeddedUsers } from '../embedded/embedded-users.ts'
import { EmbeddedVhosts } from '../embedded/embedded-vhosts.ts'
import { type Clock, SystemClock } from '../lib/clock.ts'
import { EventLoopDelay } from '../lib/event-loop-delay.ts'
import { guarded } from '../lib/guarded.ts'
import { type Logger, steadyLogger } from '../lib/logger.ts'
import { heapUsedBytes, type MemoryFigures, memoryFigures } from '../lib/memory-figures.ts'
import type { Networks } from '../lib/networks.ts'
import { oldSpaceBytes } from '../lib/old-space.ts'
import { RareLines } from '../lib/rare-lines.ts'
import { leveretVersion } from '../lib/version.ts'
import type { ListenOptions } from '../listeners/listen-options.ts'
import { Listeners } from '../listeners/listeners.ts'
import type { TlsOptions } from '../listeners/tls-options.ts'
import { type ChangeableConfig, changeConfig } from './changeable-config.ts'
import { GarbageWatch } from './garbage-watch.ts'
import { JournalWatch } from './journal-watch.ts'
import { LoadWatch } from './load-watch.ts'
import { backendChain, logins, userList } from './login-parts.ts'
import { MemoryWatch, programBytes, strayBytes } from './memory-watch.ts'
import type { ServerConfig } from './server-config.ts'
import { HookCalls, type ServerHooks } from './server-hooks.ts'
import { StoreDelay } from './store-delay.ts'

/** What the program gives. */
export interface ServerParts {
  readonly config: ServerConfig
  readonly storage: Storage
  readonly logger: Logger
  /** Undefined for the users in the storage. */
  readonly authenticator: Authenticator | undefined
  /** Undefined for the permissions in the storage; with an authenticator, every user may do everything then. */
  readonly authorizer: Authorizer | undefined
  readonly hooks: ServerHooks
  /** Where `listen` listens; undefined for the address and the port of the configuration. */
  readonly listeners: readonly ListenOptions[] | undefined
  readonly tls: TlsOptions | undefined
  readonly proxies: Networks | undefined
  /** Web pages of these origins may connect by WebSocket. */
  readonly origins: readonly string[]
}

/** When code in the process may use the server. Both throw Error. */
export interface ServerGuards {
  /** It runs, and may be stopping. */
  readonly requireRunning: () => void
  /** It runs, and is not stopping. */
  readonly requireServing: () => void
}

export class ServerAssembly {
  readonly core: Broker
  readonly logger: Logger
  readonly clock: Clock
  readonly hooks: HookCalls
  readonly rareLines: RareLines
  readonly connections: AmqpConnections
  readonly listeners: Listeners
  readonly memoryWatch: MemoryWatch
  readonly journalWatch: JournalWatch
  readonly storeDelay: StoreDelay
  readonly eventLoop: EventLoopDelay
  readonly loadWatch: LoadWatch
  readonly vhosts: EmbeddedVhosts
  readonly userList: UserList
  /** Undefined when the list has all users. */
  readonly backends: BackendChain | undefined
  readonly users: EmbeddedUsers
  readonly userLimits: EmbeddedUserLimits
  readonly management: EmbeddedManagement
  readonly logins: Logins
  readonly #garbage: GarbageWatch
  /** As of the last look at memory. */
  #figures: MemoryFigures = memoryFigures()
  readonly #parts: ServerParts

  constructor(parts: ServerParts, { requireRunning, requireServing }: ServerGuards) {
    const { config, storage } = parts
    const logger = steadyLogger(parts.logger)
    this.#parts = parts
    this.logger = logger
    this.rareLines = new RareLines(logger)
    this.hooks = new HookCalls(parts.hooks, logger)
    const onDefect = (error: unknown): void => {
      logger.error({ err: error }, 'internal error while delivering')
      this.hooks.call('onError', error)
    }
    const run = guarded((work: () => void) => work(), onDefect)
    const clock = new SystemClock(onDefect)
    this.clock = clock
    this.#garbage = new GarbageWatch({
      strayBytes: () => this.#strayBytes(),
      heapBytes: heapUsedBytes,
      now: () => clock.monotonicMs(),
    })
    this.userList = userList(config)
    this.backends = this.#makeBackends()
    this.core = new Broker({
      storage,
      ...this.#authorization(parts),
      limits: config,
      memoryLimitBytes: config.memoryLimitBytes,
      heapLimitBytes: oldSpaceBytes(),
      otherBytes: () => {
        this.#figures = memoryFigures()
        const program = programBytes(config.memoryLimitBytes, this.#figures, storage.memory?.untouchedBytes ?? 0)
        return program + (this.connections?.unsentBytes ?? 0) + this.#garbage.keptBytes
      },
      heapBytes: heapUsedBytes,
      nextTurn: (work) => setImmediate(run, work),
      clock,
      onDefect,
    })
    this.userList.keepIn(this.core.entityRegistry)
    const now = (): number => clock.monotonicMs()
    this.logins = logins(config, parts.authenticator ?? this.backends ?? this.userList, now)
    this.connections = new AmqpConnections(this.#amqpContext(), now)
    this.listeners = this.#makeListeners(parts, clock)
    this.memoryWatch = new MemoryWatch({
      memory: this.core.memory,
      storage: storage.memory,
      bodies: this.core.bodies,
      garbage: this.#garbage,
      logger,
      rareLines: this.rareLines,
      relieve: () => this.connections.relieveMemory(),
    })
    const { loadAlarm, storeAlarm } = this.core
    this.journalWatch = new JournalWatch(storage, this.connections, this.core, logger)
    this.storeDelay = new StoreDelay({ alarm: storeAlarm, limitMs: () => config.storeDelayLimitMs, now, logger })
    this.eventLoop = new EventLoopDelay(now)
    this.loadWatch = new LoadWatch(this.eventLoop, {
      alarm: loadAlarm,
      limitMs: () => config.eventLoopDelayLimitMs,
      logger,
    })
    this.vhosts = new EmbeddedVhosts(this.#embeddedContext(requireRunning))
    this.management = this.#makeManagement(onDefect, { requireRunning, requireServing })
    this.users = new EmbeddedUsers({ core: this.core, list: this.userList, requireRunning: requireServing })
    const isUser = (name: string): boolean => this.#isUser(name)
    this.userLimits = new EmbeddedUserLimits({ core: this.core, isUser, requireRunning: requireServing })
  }

  /** Throws RangeError or TypeError. */
  changeConfig(changes: ChangeableConfig): void {
    changeConfig(this.#parts.config, changes)
    this.core.memory.setLimit(this.#parts.config.memoryLimitBytes)
  }

  #makeManagement(onDefect: (error: unknown) => void, guards: ServerGuards): EmbeddedManagement {
    const { core, logins, clock, userList } = this
    const { authenticator, storage } = this.#parts
    return new EmbeddedManagement({
      core,
      logins,
      isInternalUser: (name) => authenticator === undefined && userList.has(name),
      store: storage.figures,
      clock,
      eventLoop: this.eventLoop,
      onDefect,
      ...guards,
    })
  }

  #authorization({
    authenticator,
    authorizer,
  }: ServerParts): Pick<BrokerOptions, 'authorizer' | 'onAuthorizerFailure'> {
    return {
      authorizer: authorizer ?? (authenticator === undefined ? this.backends : ALLOW_ALL),
      onAuthorizerFailure: (error) => this.rareLines.log('error', { err: error }, 'the authorizer failed'),
    }
  }

  #embeddedContext(requireRunning: () => void): EmbeddedContext {
    const { config } = this.#parts
    return {
      core: this.core,
      logger: this.logger,
      maxMessageSizeBytes: config.maxMessageSizeBytes,
      // It may change.
      get consumerTimeoutMs() {
        return config.consumerTimeoutMs
      },
      clock: this.clock,
      permissions: () => this.#permissions(),
      isUser: (name) => this.#isUser(name),
      defaultUser: config.defaultUser,
      defaultQueueType: config.defaultQueueType,
      requireRunning,
    }
  }

  #makeBackends(): BackendChain | undefined {
    const { config, authenticator } = this.#parts
    if (authenticator !== undefined) return undefined
    const { userList: users, clock, rareLines } = this
    return backendChain(config, { users, permissions: () => this.core.permissions, clock, rareLines })
  }

  /** Any user may be one of another backend, or of the program's authenticator. */
  #isUser(name: string): boolean {
    return this.#parts.authenticator !== undefined || this.backends !== undefined || this.userList.has(name)
  }

  #permissions(): PermissionList {
    const { authenticator, authorizer } = this.#parts
    if (authenticator === undefined && authorizer === undefined) return this.core.permissions
    throw new Error(
      'this server was built with an authenticator or an authorizer of its own: that one knows the permissions',
    )
  }

  #makeListeners({ config, tls, proxies, origins }: ServerParts, clock: Clock): Listeners {
    return new Listeners({
      logger: this.logger,
      rareLines: this.rareLines,
      now: () => clock.monotonicMs(),
      wallMs: () => clock.wallMs(),
      handshakeTimeoutMs: config.handshakeTimeoutMs,
      waitingMax: { inAll: config.loginSocketsMax, perAddress: config.loginSocketsPerAddressMax },
      tls,
      proxies,
      origins,
      frameMaxBytes: config.frameMaxBytes,
      maxMessageSizeBytes: config.maxMessageSizeBytes,
      amqp: (arrival) => this.connections.accept(arrival),
    })
  }

  /** Bytes of buffers that are not known to be in use: garbage, and what others have. */
  #strayBytes(): number {
    const { memory } = this.#parts.storage
    if (memory === undefined) return 0
    const inMessages = this.core === undefined ? 0 : this.core.memory.heldBytes + this.core.bodies.freeBytes
    const known = memory.bufferBytes + inMessages + (this.connections?.unsentBytes ?? 0)
    return strayBytes(this.#figures, known, memory.untouchedBytes)
  }

  #amqpContext(): AmqpContext {
    const { config } = this.#parts
    const nodeName = `leveret@${hostname()}`
    const flusher = new OutboxFlusher()
    const readBuffer = new ReadBuffer(Math.max(config.frameMaxBytes, config.initialFrameMaxBytes))
    readBuffer.line.beforeTurn = (nowMs, lastTookMs) => flusher.flushLate(nowMs, lastTookMs)
    return {
      broker: this.core,
      logins: this.logins,
      logger: this.logger,
      rareLines: this.rareLines,
      limits: config,
      serverProperties: serverProperties(leveretVersion(), nodeName),
      nodeName,
      flusher,
      readBuffer,
      wallMs: () => this.clock.wallMs(),
      onOpen: (details) => {
        this.hooks.call('onConnect', details)
      },
      onClose: (details) => {
        this.#garbage.expectGarbage()
        this.hooks.call('onDisconnect', details)
      },
    }
  }
}
