/** What a server tells of itself: where it is reached, how it is doing, and all of it in numbers. */
import type { NodeInfo } from '../embedded/node-info.ts'
import { addressText } from '../lib/peer.ts'
import type { ListenAddress } from '../listeners/listen-options.ts'
import { NodeFacts } from './node-facts.ts'
import type { ServerAssembly, ServerParts } from './server-assembly.ts'
import type { ServerHttp } from './server-http.ts'
import type { ServerLife } from './server-life.ts'
import { alarmsOf, type Health, healthOf, NOT_LISTENING, type ServerStats, STOPPED } from './status.ts'

export class ServerReport {
  readonly #given: ServerParts
  readonly #life: ServerLife
  readonly #parts: ServerAssembly
  readonly #http: ServerHttp
  readonly #node: NodeFacts

  constructor(given: ServerParts, life: ServerLife, http: ServerHttp) {
    this.#given = given
    this.#life = life
    this.#parts = life.assembly
    this.#http = http
    const { config, storage } = given
    const { core, clock, listeners } = this.#parts
    this.#node = new NodeFacts({
      core,
      storage,
      uptimeMs: () => life.uptimeMs,
      nowMs: () => clock.monotonicMs(),
      addresses: () => this.addresses,
      httpListeners: () => http.listeners,
      certificates: () => listeners.dated(http.certificates),
      mechanisms: config.authMechanisms,
      // It may change.
      get consumerTimeoutMs() {
        return config.consumerTimeoutMs
      },
      defaultQueueType: config.defaultQueueType,
    })
  }

  get addresses(): readonly ListenAddress[] {
    return this.#parts.listeners.addresses
  }

  /** Of the first port that speaks AMQP. */
  get url(): string {
    if (this.addresses.length === 0) throw new Error(this.#life.isEnding ? STOPPED : NOT_LISTENING)
    const address = this.addresses.find(({ path, protocol }) => path === undefined && protocol.startsWith('amqp'))
    if (address === undefined) throw new Error('the server listens on no port for AMQP')
    return `${address.protocol}://${addressText(address.host, address.port)}`
  }

  async node(): Promise<NodeInfo> {
    return await this.#node.info()
  }

  health(): Health {
    if (this.#life.state !== 'running') return { status: 'stopped', uptimeMs: 0, warnings: [] }
    const { listeners, core } = this.#parts
    const warnings = [...listeners.warnings, ...this.#http.warnings]
    return healthOf({ core, journal: this.#given.storage.journal, warnings }, this.#life.uptimeMs)
  }

  /** Walks over all queues and connections. */
  stats(): ServerStats {
    const { core, loadWatch } = this.#parts
    return {
      uptimeMs: this.#life.uptimeMs,
      alarms: this.#life.state === 'running' ? alarmsOf(core, this.#given.storage.journal) : [],
      eventLoopDelayMs: loadWatch.delayMs,
      ...core.clients.traffic(),
      ...core.stats(),
    }
  }
}
