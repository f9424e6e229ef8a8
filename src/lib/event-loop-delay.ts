/** How late the event loop is, by Node's own histogram: it takes samples outside JavaScript. What is older than a minute or two goes. */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 20
const PERIOD_MS = 60_000

export interface DelayFigures {
  readonly meanSec: number
  readonly maxSec: number
  readonly p50Sec: number
  readonly p90Sec: number
  readonly p99Sec: number
}

const NONE: DelayFigures = { meanSec: 0, maxSec: 0, p50Sec: 0, p90Sec: 0, p99Sec: 0 }

export class EventLoopDelay {
  #current: IntervalHistogram | undefined
  #last: DelayFigures | undefined
  #timer: NodeJS.Timeout | undefined

  start(): void {
    if (this.#current !== undefined) return
    const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    histogram.enable()
    this.#current = histogram
    this.#timer = setInterval(() => {
      this.#last = figures(histogram)
      histogram.reset()
    }, PERIOD_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#current?.disable()
    this.#current = undefined
  }

  /** Of this minute and the one before it, whichever is worse. */
  get figures(): DelayFigures {
    const now = this.#current === undefined ? NONE : figures(this.#current)
    const last = this.#last ?? NONE
    return now.maxSec >= last.maxSec ? now : last
  }
}

/** The time that a sample was late by: what is measured is the whole interval. */
function figures(histogram: IntervalHistogram): DelayFigures {
  if (histogram.count === 0) return NONE
  const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000)
  return {
    meanSec: seconds(histogram.mean),
    maxSec: seconds(histogram.max),
    p50Sec: seconds(histogram.percentile(50)),
    p90Sec: seconds(histogram.percentile(90)),
    p99Sec: seconds(histogram.percentile(99)),
  }
}
