/** A server as programs know it: starts its parts, tells how they are, and takes them down in reverse order. */
import { NUMBER_SETTINGS } from '../../config/number-settings.ts'
import type { RecoveryProgress, Storage } from '../../storage/storage.ts'
import type { Authenticator, Verdict } from '../auth/authenticator.ts'
import type { Broker } from '../broker/broker.ts'
import type { ConnectionDetails } from '../broker/clients/client-directory.ts'
import type { EmbeddedBroker } from '../embedded/embedded-broker.ts'
import type { EmbeddedClients } from '../embedded/embedded-clients.ts'
import type { EmbeddedUserLimits, EmbeddedVhostLimits } from '../embedded/embedded-limits.ts'
import type { EmbeddedGlobalParameters } from '../embedded/embedded-parameters.ts'
import type { EmbeddedPermissions } from '../embedded/embedded-permissions.ts'
import type { EmbeddedPolicies } from '../embedded/embedded-policies.ts'
import type { EmbeddedStatistics } from '../embedded/embedded-statistics.ts'
import type { EmbeddedUsers } from '../embedded/embedded-users.ts'
import type { NodeInfo } from '../embedded/node-info.ts'
import type { Transactions } from '../embedded/transactions.ts'
import { VirtualHosts } from '../embedded/virtual-hosts.ts'
import { checkOptions, wholeNumber } from '../lib/checks.ts'
import { addressText } from '../lib/peer.ts'
import type { ListenAddress, ListenOptions } from '../listeners/listen-options.ts'
import { parseAddress } from './listen-address.ts'
import { passwordLogin } from './login-parts.ts'
import { NodeFacts } from './node-facts.ts'
import { openStorage, restoreServer, type ServerRecovery } from './recovery.ts'
import { ServerAssembly, type ServerParts } from './server-assembly.ts'
import type { ServerConfig } from './server-config.ts'
import { ServerHttp } from './server-http.ts'
import { type AlarmName, type Health, NOT_LISTENING, NOT_RUNNING, type ServerStats, STOPPED } from './status.ts'

const CLOSED_BY_PROGRAM = "broker forced connection closure with reason 'closed by the program'"
const { shutdownGraceMs } = NUMBER_SETTINGS
const aGrace = wholeNumber(shutdownGraceMs.min, shutdownGraceMs.max)

/** A server goes from `stopped` to `running` once, and back once. */
export type ServerState = 'stopped' | 'starting' | 'running' | 'stopping'

const RABBITMQ_PROTOCOLS = { amqp: 'amqp', amqps: 'amqp/ssl', ws: 'http/web-amqp', wss: 'https/web-amqp' } as const

/** A broker with its listeners. `ServerBuilder` makes it; it runs from `listen` or `start` until `shutdown`. */
export class Server {
  /** The model itself, for what the public API does not offer. It may change in any version. */
  readonly core: Broker
  /** The management API and the metrics, for who opens them. */
  readonly http: ServerHttp
  /** What was found in the storage when it was opened; undefined before. */
  recovery: ServerRecovery | undefined
  readonly #config: ServerConfig
  readonly #storage: Storage
  readonly #parts: ServerAssembly
  /** Who it asks instead of the users in the storage. */
  readonly #authenticator: Authenticator | undefined
  readonly #listeners: readonly ListenOptions[]
  readonly #node: NodeFacts
  #state: ServerState = 'stopped'
  #start: Promise<void> | undefined
  #shutdown: Promise<void> | undefined
  #startedAtMs = 0

  constructor(parts: ServerParts) {
    this.#config = parts.config
    this.#storage = parts.storage
    this.#authenticator = parts.authenticator
    const { bind, port } = parts.config
    this.#listeners = parts.listeners ?? [{ protocol: 'amqp', host: bind, port }]
    this.#parts = new ServerAssembly(parts, {
      requireRunning: () => this.#requireRunning(),
      requireServing: () => {
        this.#requireRunning()
        if (this.#state === 'stopping') throw new Error(STOPPED)
      },
    })
    this.core = this.#parts.core
    const { logger, rareLines } = this.#parts
    this.http = new ServerHttp({ server: this, logger, rareLines }, () => this.#requireRunning())
    this.#node = new NodeFacts({
      core: this.core,
      storage: parts.storage,
      uptimeMs: () => this.#uptimeMs(),
      nowMs: () => this.#parts.clock.monotonicMs(),
      listeners: () => [...this.#amqpListeners(), ...this.http.listeners],
      certificates: () => this.#parts.listeners.certificates,
      mechanisms: parts.config.authMechanisms,
      consumerTimeoutMs: parts.config.consumerTimeoutMs,
    })
  }

  /**
   * The default virtual host, for code in this process. It sees what AMQP clients see. Throws Error while the server is
   * not running, BrokerError `not-allowed` when there is no virtual host of that name: the storage has others.
   */
  get broker(): EmbeddedBroker {
    this.#requireRunning()
    const { name } = this.core.requireVhost(this.#config.defaultVhost)
    return this.#parts.vhosts.at(name) as EmbeddedBroker // the vhost is there
  }

  /** Transactions of code in this process, in the default virtual host. Throws like `broker`. */
  get transactions(): Transactions {
    return this.broker.transactions
  }

  /** The policies of the default virtual host. Throws like `broker`. */
  get policies(): EmbeddedPolicies {
    return this.broker.policies
  }

  /** The operator policies of the default virtual host. Throws like `broker`. */
  get operatorPolicies(): EmbeddedPolicies {
    return this.broker.operatorPolicies
  }

  /**
   * What users may do in the default virtual host: changes are durable with the storage, and act on open connections. Throws like
   * `broker`. Its methods throw Error when the server asks an authenticator or an authorizer of its own.
   */
  get permissions(): EmbeddedPermissions {
    return this.broker.permissions
  }

  /** How many connections and queues the default virtual host may have. Throws like `broker`. */
  get limits(): EmbeddedVhostLimits {
    return this.broker.limits
  }

  /** How many connections and channels users may have. Throws Error while the server is not running. */
  get userLimits(): EmbeddedUserLimits {
    this.#requireRunning()
    return this.#parts.userLimits
  }

  /**
   * Who may connect: changes are durable with the storage. Throws Error while the server is not running, and when it asks
   * an authenticator of its own instead (`withAuthenticator`).
   */
  get users(): EmbeddedUsers {
    this.#requireRunning()
    if (this.#authenticator === undefined) return this.#parts.users
    throw new Error('this server was built with an authenticator of its own: that one knows the users')
  }

  /**
   * What an authorizer has answered counts no longer, about one user or about all: it is asked anew, about open connections and
   * their consumers, too. Throws Error while the server is not running.
   */
  authorizationChanged(userName?: string): void {
    this.#requireRunning()
    this.core.access.renew(userName)
  }

  /** All virtual hosts. Throws Error while the server is not running. */
  get virtualHosts(): VirtualHosts {
    this.#requireRunning()
    return new VirtualHosts(this.#parts.vhosts)
  }

  /** The connections of clients and their channels. Throws Error while the server is not running. */
  get clients(): EmbeddedClients {
    this.#requireRunning()
    return this.#parts.management.clients
  }

  /** Values of the operator under names. Throws Error while the server is not running. */
  get globalParameters(): EmbeddedGlobalParameters {
    this.#requireRunning()
    return this.#parts.management.globalParameters
  }

  /** Rates, and how counters were a while ago. */
  get statistics(): EmbeddedStatistics {
    return this.#parts.management.statistics
  }

  /** The server and the process that it runs in. */
  async node(): Promise<NodeInfo> {
    return await this.#node.info()
  }

  /** Whether a user may log in from this address with this password, as clients do by SASL PLAIN. */
  async login(name: string, password: string, peerAddress: string): Promise<Verdict> {
    this.#requireRunning()
    return await passwordLogin(this.#parts.logins, { name, password }, peerAddress)
  }

  /** `starting` and `stopping` are what `start`, `listen` and `shutdown` wait for. */
  get state(): ServerState {
    return this.#state
  }

  /** Where it listens: more than one after several calls of `listenAndServe`. */
  get addresses(): readonly ListenAddress[] {
    return this.#parts.listeners.addresses
  }

  /** `amqp://` or `amqps://` URL of the first port that speaks AMQP, without user and password. */
  get url(): string {
    if (this.addresses.length === 0) throw new Error(this.#shutdown === undefined ? NOT_LISTENING : STOPPED)
    const address = this.addresses.find(({ path, protocol }) => path === undefined && protocol.startsWith('amqp'))
    if (address === undefined) throw new Error('the server listens on no port for AMQP')
    return `${address.protocol}://${addressText(address.host, address.port)}`
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
   * Starts, and listens on all configured addresses. Throws the system's error when the system refuses one (EADDRINUSE,
   * EACCES …) and Error for TLS files that cannot be used, and shuts the server down then if this call has started it.
   */
  async listen(): Promise<readonly ListenAddress[]> {
    await this.#listenOn(this.#listeners)
    return this.addresses
  }

  /**
   * Starts, and listens on `host:port`, `:port` (all interfaces) or a port (of the configured address). May be called
   * several times. Throws RangeError for what is no address, else like `listen`.
   */
  async listenAndServe(address: string | number): Promise<readonly ListenAddress[]> {
    const { host, port } = parseAddress(address, this.#config.bind)
    await this.#listenOn([{ protocol: 'amqp', host, port }])
    return this.addresses
  }

  /**
   * Reads the TLS files again, as it does by itself when they change: new clients see the new certificates, those that are
   * connected stay. Files that cannot be used change nothing; the log and `health` say so. Throws Error while the server is not running.
   */
  reloadTls(): void {
    this.#requireRunning()
    this.#parts.listeners.reloadTls()
  }

  /** Lets the process end while the server listens, like `unref` of Node's servers. Connected clients still hold it. */
  unref(): void {
    this.#parts.listeners.unref()
    this.http.unref()
  }

  /**
   * Stops accepting, closes every client with 320 and the storage. Clients that do not leave within `graceMs` (default:
   * `shutdownGraceMs` of the configuration) are cut off. All calls wait for the same end.
   */
  async shutdown(options: { readonly graceMs?: number } = {}): Promise<void> {
    checkOptions('shutdown', options, { graceMs: aGrace })
    if (this.#start === undefined) return
    this.#shutdown ??= this.#close(options.graceMs ?? this.#config.shutdownGraceMs)
    await this.#shutdown
  }

  /**
   * Closes every client with 320, as an operator does, and goes on listening. Resolves when they are gone; those that do not
   * leave within `graceMs` (default: `shutdownGraceMs` of the configuration) are cut off.
   */
  async closeConnections(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.#requireRunning()
    checkOptions('closeConnections', options, { graceMs: aGrace })
    await this.#parts.connections.closeConnections(CLOSED_BY_PROGRAM, options.graceMs ?? this.#config.shutdownGraceMs)
  }

  /** Cuts every client off without a word, as a broken network does, and goes on listening. Resolves when they are gone. */
  async dropConnections(): Promise<void> {
    this.#requireRunning()
    await this.#parts.connections.dropConnections()
  }

  /** How the server is doing: for probes. */
  health(): Health {
    if (this.#state !== 'running') return { status: 'stopped', uptimeMs: 0, warnings: [] }
    const warnings: string[] = []
    const { memory, loadAlarm, storeAlarm } = this.core
    if (memory.isActive) warnings.push('low on memory: publishers are blocked')
    if (loadAlarm.isActive) warnings.push('the event loop is late: publishers are blocked')
    if (storeAlarm.isActive) warnings.push('the store is behind: publishers of durable messages are blocked')
    const { trouble } = this.#storage.journal
    if (trouble !== undefined) warnings.push(trouble)
    warnings.push(...this.#parts.listeners.warnings)
    let status: Health['status'] = warnings.length === 0 ? 'healthy' : 'degraded'
    if (trouble !== undefined) status = 'unhealthy'
    return { status, uptimeMs: this.#uptimeMs(), warnings }
  }

  /** The server in numbers. Walks over all queues and connections. */
  stats(): ServerStats {
    return {
      uptimeMs: this.#uptimeMs(),
      alarms: this.#alarms(),
      eventLoopDelayMs: this.#parts.loadWatch.delayMs,
      ...this.core.clients.traffic(),
      ...this.core.stats(),
    }
  }

  /** The open connections. */
  connections(): ConnectionDetails[] {
    return this.core.clients.open()
  }

  #alarms(): AlarmName[] {
    if (this.#state !== 'running') return []
    const { memory, loadAlarm, storeAlarm } = this.core
    const are: readonly (readonly [AlarmName, boolean])[] = [
      ['memory', memory.isActive],
      ['disk', this.#storage.journal.trouble !== undefined],
      ['event-loop', loadAlarm.isActive],
      ['store', storeAlarm.isActive],
    ]
    return are.filter(([, isActive]) => isActive).map(([name]) => name)
  }

  async #listenOn(listeners: readonly ListenOptions[]): Promise<void> {
    const isFirst = this.#start === undefined
    await this.start()
    try {
      for (const listener of listeners) await this.#parts.listeners.listen(listener)
    } catch (error) {
      this.#parts.hooks.call('onError', error)
      if (isFirst) await this.shutdown()
      throw error
    }
    if (this.#shutdown === undefined) return
    await this.#parts.listeners.stop()
    throw new Error('the server was shut down before it listened')
  }

  async #open(): Promise<void> {
    this.#state = 'starting'
    const storage = this.#storage
    try {
      const onProgress = (progress: RecoveryProgress): void => this.#tellProgress(progress)
      await openStorage(storage, { onProgress, clock: this.#parts.clock }, (found) => {
        this.recovery = restoreServer(found, this.#parts, this.#config, this.#authenticator === undefined)
      })
      this.#parts.journalWatch.start()
      this.#parts.storeDelay.start(storage.journal)
    } catch (error) {
      this.#state = 'stopped'
      this.#start = undefined
      this.#parts.hooks.call('onError', error)
      throw error
    }
    this.#parts.memoryWatch.start()
    this.#parts.loadWatch.start()
    this.#startedAtMs = this.#parts.clock.monotonicMs()
    this.#state = 'running'
    this.#parts.hooks.call('onStart')
  }

  #tellProgress({ step, readBytes, totalBytes }: RecoveryProgress): void {
    const percent = totalBytes === 0 ? 100 : Math.floor((readBytes / totalBytes) * 100)
    this.#parts.logger.info({ percent, readBytes, totalBytes }, step)
  }

  async #close(graceMs: number): Promise<void> {
    await this.#start?.catch(() => {}) // the caller of start was told
    if (this.#state !== 'running') return
    this.#state = 'stopping'
    const ports = this.#parts.listeners.stop()
    await this.#parts.connections.closeConnections("broker forced connection closure with reason 'shutdown'", graceMs)
    this.#parts.connections.close()
    await ports
    this.#parts.memoryWatch.stop()
    this.#parts.loadWatch.stop()
    this.#parts.storeDelay.stop()
    await this.http.close()
    this.#parts.management.statistics.stop()
    this.#parts.vhosts.close(new Error(STOPPED))
    this.core.finish()
    await this.#storage.close()
    this.#parts.journalWatch.stop()
    this.core.close()
    this.#parts.backends?.close()
    this.#parts.rareLines.close()
    this.#state = 'stopped'
    this.#parts.hooks.call('onStop')
  }

  /** By RabbitMQ's names of protocols. */
  #amqpListeners(): NodeInfo['listeners'] {
    const withPorts = this.addresses.filter(({ path }) => path === undefined)
    return withPorts.map(({ protocol, host, port }) => ({ protocol: RABBITMQ_PROTOCOLS[protocol], host, port }))
  }

  #requireRunning(): void {
    if (this.#state === 'running' || this.#state === 'stopping') return
    throw new Error(this.#shutdown === undefined ? NOT_RUNNING : STOPPED)
  }

  #uptimeMs(): number {
    return this.#state === 'stopped' || this.#state === 'starting'
      ? 0
      : Math.round(this.#parts.clock.monotonicMs() - this.#startedAtMs)
  }
}
