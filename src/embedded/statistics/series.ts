/**
 * The counters of one object at the last ticks, oldest overwritten first:
 *
 *     | counters at tick n | counters at tick n + 1 | …
 *
 * All objects have the ticks of their `SampleTimes`. Before its first sample an object counts as new: its counters were 0.
 */

export interface Sample {
  readonly value: number
  readonly timestampMs: number
}

/** When samples were taken. */
export class SampleTimes {
  /** The number of the last tick, from 1; 0 before the first. */
  last = 0
  readonly intervalMs: number
  #lastAtMs = 0
  #previousAtMs = 0

  constructor(intervalMs: number) {
    this.intervalMs = intervalMs
  }

  tick(nowMs: number): void {
    this.last++
    this.#previousAtMs = this.#lastAtMs
    this.#lastAtMs = nowMs
  }

  /** Seconds between the last two ticks. */
  get stepSec(): number {
    return this.#previousAtMs === 0 ? this.intervalMs / 1000 : (this.#lastAtMs - this.#previousAtMs) / 1000
  }

  /** When a tick was; about, if it was not one of the last two. */
  at(tick: number): number {
    return this.#lastAtMs - (this.last - tick) * this.intervalMs
  }
}

/** Memory for the counters of many objects: one piece for each would be an allocation outside the heap each time. */
export class SeriesRoom {
  #left = new Float64Array(0)

  take(values: number): Float64Array {
    if (this.#left.length < values) this.#left = new Float64Array(Math.max(values, PIECE_VALUES))
    const taken = this.#left.subarray(0, values)
    this.#left = this.#left.subarray(values)
    return taken
  }
}

const PIECE_VALUES = 16_384

export class Series {
  readonly #times: SampleTimes
  readonly #width: number
  readonly #values: Float64Array
  readonly #length: number
  #firstTick: number
  #lastTick: number
  #changedTick: number
  #changedAtMs: number

  constructor(times: SampleTimes, width: number, length: number, room = new SeriesRoom()) {
    this.#times = times
    this.#width = width
    this.#length = length
    this.#values = room.take(width * length)
    this.#firstTick = times.last
    this.#lastTick = times.last - 1
    this.#changedTick = times.last
    this.#changedAtMs = times.at(times.last)
  }

  /** The last tick that it has a sample of. */
  get lastTick(): number {
    return this.#lastTick
  }

  /** Adds the sample of the tick at hand. Ticks that were left out had what the last one has. */
  push(values: ArrayLike<number>): void {
    const { last } = this.#times
    if (this.#differs(values)) {
      this.#changedTick = last
      this.#changedAtMs = this.#times.at(last)
    }
    for (let tick = Math.max(this.#lastTick + 1, last - this.#length + 1); tick <= last; tick++) {
      const from = (tick % this.#length) * this.#width
      for (let at = 0; at < this.#width; at++) this.#values[from + at] = values[at] as number
    }
    this.#lastTick = last
  }

  #differs(values: ArrayLike<number>): boolean {
    for (let at = 0; at < this.#width; at++) if (values[at] !== this.value(at, this.#lastTick)) return true
    return false
  }

  /** Since when, in milliseconds since 1970, nothing has changed; undefined for what has changed before the last tick. */
  get idleSinceMs(): number | undefined {
    return this.#changedTick < this.#times.last ? this.#changedAtMs : undefined
  }

  /** From now on, its counters have always been what they are. */
  forget(): void {
    const last = (this.#lastTick % this.#length) * this.#width
    for (let row = 0; row < this.#length; row++) {
      if (row * this.#width !== last) this.#values.copyWithin(row * this.#width, last, last + this.#width)
    }
    this.#firstTick = Number.NEGATIVE_INFINITY
  }

  value(at: number, tick: number): number {
    if (tick < this.#firstTick) return 0
    const known = Math.min(Math.max(tick, this.#lastTick - this.#length + 1, 0), this.#lastTick)
    return this.#values[(known % this.#length) * this.#width + at] as number
  }

  /** How much it grew in a second between the last two ticks; less than 0 for what shrinks. */
  rate(at: number): number {
    const { last, stepSec } = this.#times
    return stepSec <= 0 ? 0 : (this.value(at, last) - this.value(at, last - 1)) / stepSec
  }

  /** One sample for each `incrSec` of the last `ageSec`, the newest first. */
  samples(at: number, ageSec: number, incrSec: number): Sample[] {
    const { last, intervalMs } = this.#times
    const step = Math.max(1, Math.round((incrSec * 1000) / intervalMs))
    const found: Sample[] = []
    for (let back = 0; back * intervalMs <= ageSec * 1000; back += step) {
      found.push({ value: this.value(at, last - back), timestampMs: this.#times.at(last - back) })
    }
    return found
  }
}
