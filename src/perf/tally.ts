import type { Histogram } from './histogram.ts'

/** What the connections of one process have done so far. */
export interface Tally {
  published: number
  confirmed: number
  nacked: number
  consumed: number
  consumedBytes: number
}

export function emptyTally(): Tally {
  return { published: 0, confirmed: 0, nacked: 0, consumed: 0, consumedBytes: 0 }
}

export function sumTallies(tallies: readonly Tally[]): Tally {
  return tallies.reduce((sum, tally) => combine(sum, tally, 1), emptyTally())
}

export function tallyDifference(later: Tally, earlier: Tally): Tally {
  return combine(later, earlier, -1)
}

function combine(a: Tally, b: Tally, sign: 1 | -1): Tally {
  return {
    published: a.published + sign * b.published,
    confirmed: a.confirmed + sign * b.confirmed,
    nacked: a.nacked + sign * b.nacked,
    consumed: a.consumed + sign * b.consumed,
    consumedBytes: a.consumedBytes + sign * b.consumedBytes,
  }
}

/** What publishers and consumers of one process write into. */
export interface Recording {
  readonly tally: Tally
  readonly deliveryTimes: Histogram
  readonly confirmTimes: Histogram
  /** Only what was sent in this span of time goes into the histograms. */
  fromUs: number
  untilUs: number
  /** When the last messages arrived. */
  deliveredAtUs: number
}
