/** How much of everything that connections are made of users may have. A lower limit closes nothing that is open. */
import type { EntityRecords, EntityRegistry } from '../../../storage/entity-registry.ts'
import { type BrokerError, refuse } from '../errors.ts'
import { decodeLimits, encodeLimits, isReached, type LimitValues, withChanges } from './limit-values.ts'

const USER_LIMITS = ['maxConnections', 'maxChannels', 'maxConsumers', 'maxUnackedBytes'] as const
export type UserLimitValues = LimitValues<(typeof USER_LIMITS)[number]>

const NO_LIMITS: UserLimitValues = {}

export class UserLimits {
  /** Told after every change of a user's. */
  onChange: (user: string) => void = () => {}
  readonly #ofUsers = new Map<string, UserLimitValues>()
  readonly #records: EntityRecords

  constructor(registry: EntityRegistry) {
    this.#records = registry.register({
      number: 8,
      name: 'limits of user',
      staysWhenRefused: true,
      restore: ([user], value) => {
        if (user === undefined) throw new Error('its key is too short')
        this.#ofUsers.set(user, decodeLimits(USER_LIMITS, value))
      },
    })
  }

  of(user: string): UserLimitValues {
    return this.#ofUsers.get(user) ?? NO_LIMITS
  }

  /** The users that have limits. */
  users(): string[] {
    return [...this.#ofUsers.keys()]
  }

  /** Those that are not given stay as they are. */
  set(user: string, changes: UserLimitValues): void {
    this.replace(user, withChanges(this.of(user), changes))
  }

  /** Those that are not given are none from now on. */
  replace(user: string, values: UserLimitValues): void {
    if (Object.keys(values).length > 0) {
      this.#ofUsers.set(user, values)
      this.#records.put([user], () => encodeLimits(values))
    } else if (this.#ofUsers.delete(user)) this.#records.remove([user])
    this.onChange(user)
  }

  /** Why the user may have no further connection; undefined when it may. */
  connectionRefusal(user: string, connections: number): BrokerError | undefined {
    const { maxConnections } = this.of(user)
    return isReached(maxConnections, connections) ? refuse.userConnectionLimit(user, maxConnections) : undefined
  }

  /** Why the user may have no further channel; undefined when it may. */
  channelRefusal(user: string, channels: number): BrokerError | undefined {
    const { maxChannels } = this.of(user)
    return isReached(maxChannels, channels) ? refuse.userChannelLimit(user, maxChannels) : undefined
  }

  /** Throws BrokerError when the user may have no further consumer. */
  checkConsumer(user: string, consumers: number): void {
    const { maxConsumers } = this.of(user)
    if (isReached(maxConsumers, consumers)) throw refuse.userConsumerLimit(user, maxConsumers)
  }
}
