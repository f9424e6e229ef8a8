/**
 * Bytes of messages that were delivered and are not settled, where there is a limit on them: of a connection, its user, its virtual
 * host and the node. Who has reached a limit gets no more that is to be acknowledged, until some of it is settled. The
 * message that reaches the limit still goes, so that one that is larger than the limit goes, too.
 *
 * A connection counts from the first moment on in which one of these has a limit, and with all four, so that each that has a limit
 * has the sum of all of its connections. Without limits nothing is counted.
 */
const NO_LIMIT = Number.POSITIVE_INFINITY
/** So many consumers are woken in one turn. */
const WOKEN_MAX = 64

/** What waits until there is room. */
interface WaitingConsumer {
  wake(): void
}

/** A connection that can be told to count. */
export interface UnackedHolder {
  /** Counts from now on, what is unacked now included. */
  countUnacked(): void
}

export type UnackedOf = 'connection' | 'user' | 'vhost' | 'node'

/** What all connections of a user, of a virtual host or of the node hold together, or one of them. */
export class UnackedAccount {
  readonly of: UnackedOf
  bytes = 0
  readonly holders = new Set<UnackedHolder>()
  #limit = NO_LIMIT
  readonly #nextTurn: (work: () => void) => void
  /** The one that has waited longest is the first. */
  readonly #waiting = new Set<WaitingConsumer>()
  #isWaking = false

  constructor(of: UnackedOf, nextTurn: (work: () => void) => void) {
    this.of = of
    this.#nextTurn = nextTurn
  }

  get limit(): number {
    return this.#limit
  }

  get hasLimit(): boolean {
    return this.#limit !== NO_LIMIT
  }

  get isFull(): boolean {
    return this.bytes >= this.#limit
  }

  /** Undefined, or below zero: any number. */
  setLimit(limit: number | undefined): void {
    this.#limit = limit === undefined || limit < 0 ? NO_LIMIT : limit
    if (this.hasLimit) for (const holder of this.holders) holder.countUnacked()
    this.#wake()
  }

  remove(bytes: number): void {
    this.bytes -= bytes
    if (this.#waiting.size > 0) this.#wake()
  }

  /** Whether it is the first one that waits. */
  wait(consumer: WaitingConsumer): boolean {
    this.#waiting.add(consumer)
    return this.#waiting.size === 1
  }

  forget(consumer: WaitingConsumer): void {
    this.#waiting.delete(consumer)
  }

  #wake(): void {
    if (this.#isWaking || this.isFull || this.#waiting.size === 0) return
    this.#isWaking = true
    this.#nextTurn(this.#wakeSome)
  }

  readonly #wakeSome = (): void => {
    this.#isWaking = false
    let left = WOKEN_MAX
    for (const consumer of this.#waiting) {
      if (this.isFull || left-- === 0) break
      this.#waiting.delete(consumer)
      consumer.wake()
    }
    this.#wake()
  }
}

/** What one connection holds. */
export class UnackedBytes {
  readonly #own: UnackedAccount
  readonly #user: UnackedAccount
  readonly #vhost: UnackedAccount
  readonly #node: UnackedAccount

  constructor(own: UnackedAccount, user: UnackedAccount, vhost: UnackedAccount, node: UnackedAccount) {
    this.#own = own
    this.#user = user
    this.#vhost = vhost
    this.#node = node
  }

  get bytes(): number {
    return this.#own.bytes
  }

  /** Whether there is a limit that concerns it. */
  get hasLimit(): boolean {
    return this.#own.hasLimit || this.#user.hasLimit || this.#vhost.hasLimit || this.#node.hasLimit
  }

  /** Whose limit is reached, if one is. */
  get full(): UnackedAccount | undefined {
    if (this.#own.isFull) return this.#own
    if (this.#user.isFull) return this.#user
    if (this.#vhost.isFull) return this.#vhost
    return this.#node.isFull ? this.#node : undefined
  }

  add(bytes: number): void {
    this.#own.bytes += bytes
    this.#user.bytes += bytes
    this.#vhost.bytes += bytes
    this.#node.bytes += bytes
  }

  remove(bytes: number): void {
    this.#own.remove(bytes)
    this.#user.remove(bytes)
    this.#vhost.remove(bytes)
    this.#node.remove(bytes)
  }

  /** The consumer is gone. */
  forget(consumer: WaitingConsumer): void {
    for (const account of [this.#own, this.#user, this.#vhost, this.#node]) account.forget(consumer)
  }
}

export interface UnackedLimits {
  readonly ofConnections: number
  readonly ofNode: number
  ofUser(user: string): number | undefined
  ofVhost(vhost: string): number | undefined
}

export class UnackedAccounts {
  readonly #limits: UnackedLimits
  readonly #nextTurn: (work: () => void) => void
  readonly #node: UnackedAccount
  readonly #users = new Map<string, UnackedAccount>()
  readonly #vhosts = new Map<string, UnackedAccount>()

  constructor(limits: UnackedLimits, nextTurn: (work: () => void) => void) {
    this.#limits = limits
    this.#nextTurn = nextTurn
    this.#node = new UnackedAccount('node', nextTurn)
    this.#node.setLimit(limits.ofNode)
  }

  /** A connection has been opened. */
  enter(holder: UnackedHolder, user: string, vhost: string): UnackedBytes {
    const own = new UnackedAccount('connection', this.#nextTurn)
    own.setLimit(this.#limits.ofConnections)
    const ofUser = this.#account('user', this.#users, user, this.#limits.ofUser(user))
    const ofVhost = this.#account('vhost', this.#vhosts, vhost, this.#limits.ofVhost(vhost))
    for (const account of [ofUser, ofVhost]) account.holders.add(holder)
    return new UnackedBytes(own, ofUser, ofVhost, this.#node)
  }

  /** The connection has ended. What is on its way back to the queues still counts. */
  leave(holder: UnackedHolder, user: string, vhost: string): void {
    leaveAccount(this.#users, user, holder)
    leaveAccount(this.#vhosts, vhost, holder)
  }

  userLimitChanged(user: string): void {
    this.#users.get(user)?.setLimit(this.#limits.ofUser(user))
  }

  vhostLimitChanged(vhost: string): void {
    this.#vhosts.get(vhost)?.setLimit(this.#limits.ofVhost(vhost))
  }

  #account(
    of: UnackedOf,
    accounts: Map<string, UnackedAccount>,
    name: string,
    limit: number | undefined,
  ): UnackedAccount {
    let account = accounts.get(name)
    if (account === undefined) {
      account = new UnackedAccount(of, this.#nextTurn)
      account.setLimit(limit)
      accounts.set(name, account)
    }
    return account
  }
}

function leaveAccount(accounts: Map<string, UnackedAccount>, name: string, holder: UnackedHolder): void {
  const account = accounts.get(name)
  account?.holders.delete(holder)
  if (account?.holders.size === 0) accounts.delete(name)
}
