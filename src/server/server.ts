/** A server as programs know it. */
import { NUMBER_SETTINGS } from '../../config/number-settings.ts'
import type { Broker } from '../broker/broker.ts'
import type { ConnectionDetails } from '../broker/clients/client-directory.ts'
import type { EmbeddedBroker } from '../embedded/embedded-broker.ts'
import type { EmbeddedClients } from '../embedded/embedded-clients.ts'
import type { EmbeddedUserLimits, EmbeddedVhostLimits } from '../embedded/embedded-limits.ts'
import type { EmbeddedLogins } from '../embedded/embedded-logins.ts'
import type { EmbeddedGlobalParameters } from '../embedded/embedded-parameters.ts'
import type { EmbeddedPermissions } from '../embedded/embedded-permissions.ts'
import type { EmbeddedPolicies } from '../embedded/embedded-policies.ts'
import type { EmbeddedStatistics } from '../embedded/embedded-statistics.ts'
import type { EmbeddedUsers } from '../embedded/embedded-users.ts'
import type { NodeInfo } from '../embedded/node-info.ts'
import type { Transactions } from '../embedded/transactions.ts'
import { VirtualHosts } from '../embedded/virtual-hosts.ts'
import { checkOptions, wholeNumber } from '../lib/checks.ts'
import type { ListenAddress } from '../listeners/listen-options.ts'
import type { ChangeableConfig } from './changeable-config.ts'
import { parseAddress } from './listen-address.ts'
import type { ServerRecovery } from './recovery.ts'
import type { ServerAssembly, ServerParts } from './server-assembly.ts'
import { ServerHttp } from './server-http.ts'
import { ServerLife, type ServerState } from './server-life.ts'
import { ServerReport } from './server-report.ts'
import type { Health, ServerStats } from './status.ts'

const CLOSED_BY_PROGRAM = "broker forced connection closure with reason 'closed by the program'"
const { shutdownGraceMs } = NUMBER_SETTINGS
const aGrace = wholeNumber(shutdownGraceMs.min, shutdownGraceMs.max)

/** A broker with its listeners. `ServerBuilder` makes it; it runs from `listen` or `start` until `shutdown`. */
export class Server {
  /** The model itself, for what the public API does not offer. It may change in any version. */
  readonly core: Broker
  /** The management API and the metrics, for who opens them. */
  readonly http: ServerHttp
  readonly #given: ServerParts
  readonly #life: ServerLife
  readonly #parts: ServerAssembly
  readonly #report: ServerReport

  constructor(parts: ServerParts) {
    this.#given = parts
    this.#life = new ServerLife(parts, () => this.http.close())
    this.#parts = this.#life.assembly
    this.core = this.#parts.core
    const { logger, rareLines } = this.#parts
    const tls = { logger, wallMs: () => this.#parts.clock.wallMs(), listenersTls: parts.tls }
    this.http = new ServerHttp(
      { server: this, logger, rareLines },
      tls,
      () => this.backup(),
      () => this.#life.requireRunning(),
    )
    this.#report = new ServerReport(parts, this.#life, this.http)
  }

  /**
   * The default virtual host, for code in this process. It sees what AMQP clients see. Throws Error while the server is
   * not running, BrokerError `not-allowed` when there is no virtual host of that name: the storage has others.
   */
  get broker(): EmbeddedBroker {
    this.#life.requireRunning()
    const { name } = this.core.requireVhost(this.#given.config.defaultVhost)
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
    this.#life.requireRunning()
    return this.#parts.userLimits
  }

  /**
   * Who may connect: changes are durable with the storage. Throws Error while the server is not running, and when it asks
   * an authenticator of its own instead (`withAuthenticator`).
   */
  get users(): EmbeddedUsers {
    this.#life.requireRunning()
    if (this.#given.authenticator === undefined) return this.#parts.users
    throw new Error('this server was built with an authenticator of its own: that one knows the users')
  }

  /**
   * What an authorizer has answered counts no longer, about one user or about all: it is asked anew, about open connections and
   * their consumers, too. Throws Error while the server is not running.
   */
  authorizationChanged(userName?: string): void {
    this.#life.requireRunning()
    this.core.access.renew(userName)
  }

  /** All virtual hosts. Throws Error while the server is not running. */
  get virtualHosts(): VirtualHosts {
    this.#life.requireRunning()
    return new VirtualHosts(this.#parts.vhosts)
  }

  /** The connections of clients and their channels. Throws Error while the server is not running. */
  get clients(): EmbeddedClients {
    this.#life.requireRunning()
    return this.#parts.management.clients
  }

  /** Values of the operator under names. Throws Error while the server is not running. */
  get globalParameters(): EmbeddedGlobalParameters {
    this.#life.requireRunning()
    return this.#parts.management.globalParameters
  }

  /** Rates, and how counters were a while ago. */
  get statistics(): EmbeddedStatistics {
    return this.#parts.management.statistics
  }

  /** The server and the process that it runs in. */
  async node(): Promise<NodeInfo> {
    return await this.#report.node()
  }

  /** Log-ins by other ways than a listener, and how many there were. */
  get logins(): EmbeddedLogins {
    return this.#parts.management.logins
  }

  /** What was found in the storage when it was opened; undefined before. */
  get recovery(): ServerRecovery | undefined {
    return this.#life.recovery
  }

  /** `starting` and `stopping` are what `start`, `listen` and `shutdown` wait for. */
  get state(): ServerState {
    return this.#life.state
  }

  /** Where it listens: more than one after several calls of `listenAndServe`. */
  get addresses(): readonly ListenAddress[] {
    return this.#report.addresses
  }

  /** `amqp://` or `amqps://` URL of the first port that speaks AMQP, without user and password. */
  get url(): string {
    return this.#report.url
  }

  /**
   * Opens the storage. `listen` does this by itself; call it to use the broker in this process alone. A server starts
   * once: throws Error after a shutdown.
   */
  async start(): Promise<void> {
    await this.#life.start()
  }

  /**
   * Starts, and listens on all configured addresses. Throws the system's error when the system refuses one (EADDRINUSE,
   * EACCES …) and Error for TLS files that cannot be used, and shuts the server down then if this call has started it.
   */
  async listen(): Promise<readonly ListenAddress[]> {
    const { bind, port } = this.#given.config
    await this.#life.listen(this.#given.listeners ?? [{ protocol: 'amqp', host: bind, port }])
    return this.addresses
  }

  /**
   * Starts, and listens on `host:port`, `:port` (all interfaces) or a port (of the configured address). May be called
   * several times. Throws RangeError for what is no address, else like `listen`.
   */
  async listenAndServe(address: string | number): Promise<readonly ListenAddress[]> {
    const { host, port } = parseAddress(address, this.#given.config.bind)
    await this.#life.listen([{ protocol: 'amqp', host, port }])
    return this.addresses
  }

  /**
   * Changes settings while the server runs. Throws RangeError or TypeError, and changes nothing then, and Error while the server is not
   * running.
   */
  changeConfig(changes: ChangeableConfig): void {
    this.#life.requireRunning()
    this.#parts.changeConfig(changes)
  }

  /**
   * What the server was told, as a config file of `leveret` has it, one setting a line: those of its settings that are options of the
   * command. Secrets are hidden.
   */
  async effectiveConfig(): Promise<string> {
    const { effectiveConfig } = await import('./effective-config.ts')
    return effectiveConfig(this.#given.config)
  }

  /**
   * A copy of the store, as a tar archive that `leveret restore` takes, while the server goes on: all that was confirmed before. To be
   * read to its end, or ended: it holds files of the store until then. Rejects with Error where nothing is kept, while another copy is
   * made, while nothing can be kept, and while the server is not running.
   */
  async backup(): Promise<AsyncIterable<Uint8Array>> {
    this.#life.requireRunning()
    const { storage } = this.#given
    if (storage.backup === undefined) throw new Error('messages are kept in memory: there is nothing to copy')
    return await storage.backup()
  }

  /**
   * Reads the TLS files again, as it does by itself when they change: new clients see the new certificates, those that are
   * connected stay. Files that cannot be used change nothing; the log and `health` say so. Throws Error while the server is not running.
   */
  reloadTls(): void {
    this.#life.requireRunning()
    this.#parts.listeners.reloadTls()
    this.http.reloadTls()
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
    await this.#life.shutdown(options.graceMs ?? this.#given.config.shutdownGraceMs)
  }

  /**
   * Closes every client with 320, as an operator does, and goes on listening. Resolves when they are gone; those that do not
   * leave within `graceMs` (default: `shutdownGraceMs` of the configuration) are cut off.
   */
  async closeConnections(options: { readonly graceMs?: number } = {}): Promise<void> {
    this.#life.requireRunning()
    checkOptions('closeConnections', options, { graceMs: aGrace })
    await this.#parts.connections.closeConnections(
      CLOSED_BY_PROGRAM,
      options.graceMs ?? this.#given.config.shutdownGraceMs,
    )
  }

  /** Cuts every client off without a word, as a broken network does, and goes on listening. Resolves when they are gone. */
  async dropConnections(): Promise<void> {
    this.#life.requireRunning()
    await this.#parts.connections.dropConnections()
  }

  /** How the server is doing: for probes. */
  health(): Health {
    return this.#report.health()
  }

  /** The server in numbers. Walks over all queues and connections. */
  stats(): ServerStats {
    return this.#report.stats()
  }

  /** The open connections. */
  connections(): ConnectionDetails[] {
    return this.core.clients.open()
  }
}
