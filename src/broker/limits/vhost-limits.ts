/** How many connections, queues, exchanges and bindings a virtual host may have. A lower limit closes and deletes nothing that is there. */
import { type BrokerError, refuse } from '../errors.ts'
import { isReached, type LimitValues, withChanges } from './limit-values.ts'

export const VHOST_LIMITS = ['maxConnections', 'maxQueues', 'maxExchanges', 'maxBindings'] as const
export type VhostLimitValues = LimitValues<(typeof VHOST_LIMITS)[number]>

/** Where limits are kept. */
export interface VhostLimitRecords {
  vhostLimitsSet(vhost: string, limits: VhostLimitValues): void
  vhostLimitsRemoved(vhost: string): void
}

export class VhostLimits {
  values: VhostLimitValues = {}
  readonly #vhostName: string
  readonly #records: VhostLimitRecords

  constructor(vhostName: string, records: VhostLimitRecords) {
    this.#vhostName = vhostName
    this.#records = records
  }

  /** Those that are not given stay as they are. */
  set(changes: VhostLimitValues): void {
    this.values = withChanges(this.values, changes)
    this.#records.vhostLimitsSet(this.#vhostName, this.values)
  }

  clear(): void {
    if (Object.keys(this.values).length === 0) return
    this.values = {}
    this.#records.vhostLimitsRemoved(this.#vhostName)
  }

  /** Why there may be no further connection; undefined when there may. */
  connectionRefusal(userName: string, connections: number): BrokerError | undefined {
    const { maxConnections } = this.values
    if (!isReached(maxConnections, connections)) return undefined
    return refuse.vhostConnectionLimit(this.#vhostName, userName, maxConnections)
  }

  /** Throws BrokerError when there are as many queues as there may be. */
  checkQueue(queueName: string, queues: number): void {
    const { maxQueues } = this.values
    if (isReached(maxQueues, queues)) throw refuse.queueLimit(queueName, this.#vhostName, maxQueues)
  }

  /** The predeclared exchanges count. Throws BrokerError, as the next one does. */
  checkExchange(exchangeName: string, exchanges: number): void {
    const { maxExchanges } = this.values
    if (isReached(maxExchanges, exchanges)) throw refuse.exchangeLimit(exchangeName, this.#vhostName, maxExchanges)
  }

  /** `exchangeName`: where the binding begins. */
  checkBinding(exchangeName: string, bindings: number): void {
    const { maxBindings } = this.values
    if (isReached(maxBindings, bindings)) throw refuse.bindingLimit(exchangeName, this.#vhostName, maxBindings)
  }
}
