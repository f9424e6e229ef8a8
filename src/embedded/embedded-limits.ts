/** Limits of virtual hosts and users, for code in this process. */
import { checkUserName } from '../auth/user-record.ts'
import type { Broker } from '../broker/broker.ts'
import { refuse } from '../broker/errors.ts'
import { withChanges } from '../broker/limits/limit-values.ts'
import type { UserLimitValues } from '../broker/limits/user-limits.ts'
import type { VhostLimitValues } from '../broker/limits/vhost-limits.ts'
import type { Vhost } from '../broker/vhost.ts'
import { type Checks, checkOptions, wholeNumber } from '../lib/checks.ts'
import { durable } from './durable.ts'

const aLimit = wholeNumber(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
const VHOST_CHECKS: Checks<VhostLimitValues> = {
  maxConnections: aLimit,
  maxChannels: aLimit,
  maxConsumers: aLimit,
  maxQueues: aLimit,
  maxExchanges: aLimit,
  maxBindings: aLimit,
  maxUnackedBytes: aLimit,
}
const USER_CHECKS: Checks<UserLimitValues> = {
  maxConnections: aLimit,
  maxChannels: aLimit,
  maxConsumers: aLimit,
  maxUnackedBytes: aLimit,
}

/**
 * A limit of 0 allows none, one below zero any number. A change counts at once for what is opened or declared from then on, and for
 * open connections where it is about unacked bytes; its promise resolves when it is durable.
 */
export class EmbeddedVhostLimits {
  readonly #requireVhost: () => Vhost

  /** Servers make it: see `EmbeddedBroker.limits`. */
  constructor(requireVhost: () => Vhost) {
    this.#requireVhost = requireVhost
  }

  get(): VhostLimitValues {
    return { ...this.#requireVhost().limits.values }
  }

  /** Those that are not given stay as they are. Rejects with TypeError or RangeError for what is no whole number. */
  async set(limits: VhostLimitValues): Promise<void> {
    const vhost = this.#requireVhost()
    checkOptions('set', limits, VHOST_CHECKS, { noun: 'limit' })
    vhost.limits.set(limits)
    await durable(vhost.journal)
  }

  /** Those that are not given are none from then on. Rejects as `set` does. */
  async replace(limits: VhostLimitValues): Promise<void> {
    const vhost = this.#requireVhost()
    checkOptions('replace', limits, VHOST_CHECKS, { noun: 'limit' })
    vhost.limits.replace(withChanges({}, limits))
    await durable(vhost.journal)
  }

  clear(): Promise<void> {
    return this.replace({})
  }
}

export interface UserLimitsContext {
  readonly core: Broker
  /** Whether there may be such a user. */
  readonly isUser: (name: string) => boolean
  /** Throws while nothing can be changed. */
  readonly requireRunning: () => void
}

/** As those of virtual hosts, in all of them together. They go with their user. */
export class EmbeddedUserLimits {
  readonly #context: UserLimitsContext

  /** Servers make it: see `Server.userLimits`. */
  constructor(context: UserLimitsContext) {
    this.#context = context
  }

  get(user: string): UserLimitValues {
    return { ...this.#context.core.userLimits.of(user) }
  }

  /** The users that have limits. */
  users(): string[] {
    return this.#context.core.userLimits.users()
  }

  /**
   * Those that are not given stay as they are. Rejects with TypeError or RangeError for what is no whole number, with BrokerError
   * `not-found` for a user that the server does not have.
   */
  async set(user: string, limits: UserLimitValues): Promise<void> {
    const { core, isUser, requireRunning } = this.#context
    requireRunning()
    checkOptions('set', limits, USER_CHECKS, { noun: 'limit' })
    if (!isUser(checkUserName(user))) throw refuse.missingUser(user)
    core.userLimits.set(user, limits)
    await durable(core.journal)
  }

  /** Those that are not given are none from then on. Rejects as `set` does. */
  async replace(user: string, limits: UserLimitValues): Promise<void> {
    const { core, isUser, requireRunning } = this.#context
    requireRunning()
    checkOptions('replace', limits, USER_CHECKS, { noun: 'limit' })
    if (!isUser(checkUserName(user))) throw refuse.missingUser(user)
    core.userLimits.replace(user, withChanges({}, limits))
    await durable(core.journal)
  }

  async clear(user: string): Promise<void> {
    const { core, requireRunning } = this.#context
    requireRunning()
    core.userLimits.replace(user, {})
    await durable(core.journal)
  }
}
