// Decisions of a sequence: random, the same for the same seed, and in keeping with what the sequence has decided before.
import { Random } from '../malice/random.ts'
import { QUEUES } from './names.ts'
import type { Place } from './step.ts'

export type Mode = 'confirm' | 'transactions'

export class Draw {
  readonly random: Random
  /** Consumer tags by channel. */
  readonly #tags = new Map<string, string[]>()
  readonly #modes = new Map<string, Mode>()
  /** Channels that have fetched messages which they did not settle at once. */
  readonly #fetching = new Set<string>()
  /** Channels with a limit of unsettled messages of their own. */
  readonly #limited = new Set<string>()

  constructor(seed: number) {
    this.random = new Random(seed * 7919 + 13)
  }

  chance(share: number): boolean {
    return this.random.below(1_000_000) < share * 1_000_000
  }

  /** True with this probability, and left out else. */
  flag(name: string, share: number): Readonly<Record<string, boolean>> {
    return this.chance(share) ? { [name]: true } : {}
  }

  pick<T>(from: readonly T[]): T {
    return this.random.pick(from)
  }

  /** One of the values, each with its weight. */
  weighted<T>(pairs: readonly (readonly [weight: number, value: T])[]): T {
    const total = pairs.reduce((sum, [weight]) => sum + weight, 0)
    let left = (this.random.below(1_000_000) / 1_000_000) * total
    for (const [weight, value] of pairs) {
      left -= weight
      if (left < 0) return value
    }
    return this.pick(pairs)[1]
  }

  /** Each channel consumes from one queue only: otherwise the order of its deliveries is a matter of chance. */
  homeOf({ connection, channel }: Place): string {
    return QUEUES[(connection * 3 + channel - 1) % QUEUES.length] as string
  }

  remembersTag(at: Place, tag: string): void {
    this.#tags.set(key(at), [...(this.#tags.get(key(at)) ?? []), tag])
  }

  tagOf(at: Place): string {
    return this.pick(this.#tags.get(key(at)) ?? ['t0'])
  }

  /** A channel stays in the mode that it was first in. */
  modeOf(at: Place): Mode {
    const mode = this.#modes.get(key(at)) ?? this.pick<Mode>(['confirm', 'transactions'])
    this.#modes.set(key(at), mode)
    return mode
  }

  /**
   * Whether a message may be fetched without settling it at once. RabbitMQ counts such messages against a limit of the
   * channel, and says itself that it should not: one channel does only one of both.
   */
  mayFetch(at: Place): boolean {
    if (this.#limited.has(key(at))) return false
    this.#fetching.add(key(at))
    return true
  }

  mayLimit(at: Place): boolean {
    if (this.#fetching.has(key(at))) return false
    this.#limited.add(key(at))
    return true
  }
}

function key({ connection, channel }: Place): string {
  return `${connection}/${channel}`
}
