// Counts durations in buckets that grow with the value: 128 per power of two, so a percentile is at most 0.8 % off.
// The unit inside is a tenth of a microsecond; 31 bits of it reach 214 seconds, and what is longer counts as that.

const SUB_BITS = 7
const SUB_BUCKETS = 1 << SUB_BITS
const TENTHS_MAX = 0x7fff_ffff
const BUCKETS = bucketOf(TENTHS_MAX) + 1

/** What can travel between processes. */
export interface HistogramCounts {
  readonly buckets: Float64Array
  readonly maxUs: number
}

export interface Percentiles {
  readonly count: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export class Histogram {
  #buckets = new Float64Array(BUCKETS)
  #maxUs = 0

  add(us: number): void {
    const tenths = us * 10
    const value = tenths >= TENTHS_MAX ? TENTHS_MAX : tenths > 0 ? tenths | 0 : 0
    const bucket = bucketOf(value)
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1
    if (us > this.#maxUs) this.#maxUs = us
  }

  clear(): void {
    this.#buckets.fill(0)
    this.#maxUs = 0
  }

  counts(): HistogramCounts {
    return { buckets: this.#buckets.slice(), maxUs: this.#maxUs }
  }

  merge(other: HistogramCounts): void {
    for (const [bucket, count] of other.buckets.entries()) {
      if (count > 0) this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + count
    }
    this.#maxUs = Math.max(this.#maxUs, other.maxUs)
  }

  /** `undefined` when nothing was added. */
  percentiles(): Percentiles | undefined {
    const count = this.#buckets.reduce((sum, n) => sum + n, 0)
    if (count === 0) return undefined
    const at = (part: number): number => Math.min(this.#valueUs(count * part), this.#maxUs)
    return { count, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: this.#maxUs }
  }

  #valueUs(rank: number): number {
    let seen = 0
    for (const [bucket, count] of this.#buckets.entries()) {
      seen += count
      if (count > 0 && seen >= rank) return middleOf(bucket) / 10
    }
    return this.#maxUs
  }
}

function bucketOf(tenths: number): number {
  if (tenths < SUB_BUCKETS) return tenths
  const shift = 31 - Math.clz32(tenths) - SUB_BITS
  return (shift + 1) * SUB_BUCKETS + (tenths >> shift) - SUB_BUCKETS
}

function middleOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1
  const lowest = ((bucket % SUB_BUCKETS) + SUB_BUCKETS) * 2 ** shift
  return lowest + (2 ** shift - 1) / 2
}
