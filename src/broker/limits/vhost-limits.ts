/** How much of everything a virtual host may have. A lower limit closes and deletes nothing that is there. */
import { type BrokerError, refuse } from '../errors.ts'
import { isReached, type LimitValues, withChanges } from './limit-values.ts'

export const VHOST_LIMITS = [
  'maxConnections',
  'maxChannels',
  'maxConsumers',
  'maxQueues',
  'maxExchanges',
  'maxBindings',
  'maxUnackedBytes',
] as const
export type VhostLimitValues = LimitValues<(typeof VHOST_LIMITS)[number]>

/** Where limits are kept. */
export interface VhostLimitRecords {
  vhostLimitsSet(vhost: string, limits: VhostLimitValues): void
  vhostLimitsRemoved(vhost: string): void
}

export class VhostLimits {
  values: VhostLimitValues = {}
  /** Told after every change. */
  onChange: () => void = () => {}
  readonly #vhostName: string
  readonly #records: VhostLimitRecords

  constructor(vhostName: string, records: VhostLimitRecords) {
    this.#vhostName = vhostName
    this.#records = records
  }

  /** Those that are not given stay as they are. */
  set(changes: VhostLimitValues): void {
    this.replace(withChanges(this.values, changes))
  }

  /** Those that are not given are none from now on. */
  replace(values: VhostLimitValues): void {
    const hadLimits = Object.keys(this.values).length > 0
    this.values = values
    if (Object.keys(values).length > 0) this.#records.vhostLimitsSet(this.#vhostName, values)
    else if (hadLimits) this.#records.vhostLimitsRemoved(this.#vhostName)
    this.onChange()
  }

  /** Why there may be no further connection; undefined when there may. */
  connectionRefusal(userName: string, connections: number): BrokerError | undefined {
    const { maxConnections } = this.values
    if (!isReached(maxConnections, connections)) return undefined
    return refuse.vhostConnectionLimit(this.#vhostName, userName, maxConnections)
  }

  channelRefusal(channels: number): BrokerError | undefined {
    const { maxChannels } = this.values
    return isReached(maxChannels, channels) ? refuse.vhostChannelLimit(this.#vhostName, maxChannels) : undefined
  }

  checkConsumer(consumers: number): void {
    const { maxConsumers } = this.values
    if (isReached(maxConsumers, consumers)) throw refuse.vhostConsumerLimit(this.#vhostName, maxConsumers)
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
