/**
 * How late the event loop is, by Node's own histogram: it takes samples outside JavaScript. What is older than a minute or two goes.
 *
 * To take samples wakes the process fifty times a second, which is half a percent of a processor. While the loop has nothing to do, none
 * are taken.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 20
const PERIOD_MS = 60_000
/** So often it looks whether the loop has something to do: less than this share of the time is nothing. */
const LOOK_MS = 5000
const IDLE_SHARE = 0.02

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
  #lookTimer: NodeJS.Timeout | undefined
  /** False while the loop has nothing to do. */
  isMeasuring = false
  readonly #lookMs: number

  constructor(lookMs = LOOK_MS) {
    this.#lookMs = lookMs
  }

  start(): void {
    if (this.#current !== undefined) return
    const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    histogram.enable()
    this.#current = histogram
    this.isMeasuring = true
    let before = performance.eventLoopUtilization()
    this.#lookTimer = setInterval(() => {
      const now = performance.eventLoopUtilization()
      this.#measure(histogram, performance.eventLoopUtilization(now, before).utilization >= IDLE_SHARE)
      before = now
    }, this.#lookMs)
    this.#lookTimer.unref()
    this.#timer = setInterval(() => {
      this.#last = figures(histogram)
      histogram.reset()
    }, PERIOD_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    clearInterval(this.#lookTimer)
    this.#current?.disable()
    this.#current = undefined
    this.isMeasuring = false
  }

  #measure(histogram: IntervalHistogram, isBusy: boolean): void {
    if (isBusy === this.isMeasuring) return
    this.isMeasuring = isBusy
    if (!isBusy) histogram.disable()
    else {
      // Without the reset, the time without samples would count as a delay.
      this.#last = this.figures
      histogram.reset()
      histogram.enable()
    }
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
