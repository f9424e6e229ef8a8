/**
 * Log-ins that failed, by the address they came from. An address may fail a few times; each further failure makes it wait twice
 * as long as the one before, and what it tries meanwhile is refused unseen. Every ten seconds one failure is forgiven.
 *
 * A name that has logged in from the address before is looked at all the same, until it fails that often itself: a stranger's
 * guesses do not lock out who shares his address. Addresses are remembered up to a number; the one that was quiet for longest is
 * forgotten first.
 */
import { addressKey } from '../../lib/address-key.ts'

const ADDRESSES_MAX = 10_000
const GOOD_NAMES_MAX = 16
const FORGIVE_MS = 10_000
const WAIT_MS = 1000
const WAIT_MS_MAX = 60_000

interface Failures {
  count: number
  countedAtMs: number
}

interface Address extends Failures {
  untilMs: number
  /** Names that have logged in from here, and how often each has failed since. */
  readonly good: Map<string, Failures>
}

export class LoginFailures {
  readonly #addresses = new Map<string, Address>()
  readonly #failuresMax: number
  readonly #now: () => number

  /** `failuresMax` in a row cost nothing; 0 counts none at all. */
  constructor(failuresMax: number, now: () => number) {
    this.#failuresMax = failuresMax
    this.#now = now
  }

  /** How long this log-in would have to wait; 0 when it may be tried. */
  waitMs(address: string, name: string): number {
    if (this.#failuresMax === 0) return 0
    const known = this.#addresses.get(addressKey(address))
    if (known === undefined) return 0
    const waitMs = known.untilMs - this.#now()
    if (waitMs <= 0) return 0
    const good = known.good.get(name)
    return good !== undefined && this.#count(good) < this.#failuresMax ? 0 : waitMs
  }

  failed(address: string, name: string): void {
    if (this.#failuresMax === 0) return
    const known = this.#touch(address)
    const nowMs = this.#now()
    this.#add(known)
    const good = known.good.get(name)
    if (good !== undefined) this.#add(good)
    const excess = Math.ceil(known.count - this.#failuresMax)
    if (excess > 0) known.untilMs = nowMs + Math.min(WAIT_MS_MAX, WAIT_MS * 2 ** (excess - 1))
  }

  succeeded(address: string, name: string): void {
    if (this.#failuresMax === 0) return
    const { good } = this.#touch(address)
    const before = good.get(name) ?? { count: 0, countedAtMs: 0 }
    good.delete(name)
    good.set(name, before)
    if (good.size > GOOD_NAMES_MAX) good.delete(good.keys().next().value as string) // it is not empty
  }

  #add(failures: Failures): void {
    failures.count = this.#count(failures) + 1
    failures.countedAtMs = this.#now()
  }

  #count({ count, countedAtMs }: Failures): number {
    return Math.max(0, count - (this.#now() - countedAtMs) / FORGIVE_MS)
  }

  /** The address, as the one that was heard of last. */
  #touch(peerAddress: string): Address {
    const key = addressKey(peerAddress)
    const address = this.#addresses.get(key) ?? { count: 0, countedAtMs: 0, untilMs: 0, good: new Map() }
    this.#addresses.delete(key)
    this.#addresses.set(key, address)
    if (this.#addresses.size > ADDRESSES_MAX) this.#addresses.delete(this.#addresses.keys().next().value as string)
    return address
  }
}
