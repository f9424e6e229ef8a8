/**
 * How late the event loop is. A timer looks twice a second: how late it comes itself, and how long the loop was busy. Node's own histogram
 * takes finer samples outside JavaScript, when they are wanted; that wakes the process fifty times a second, which is half a percent of a
 * processor, so none are taken while the loop has nothing to do. Then the timer tells of what ends such a time.
 *
 * What is older than a minute or two goes.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks'

const RESOLUTION_MS = 20
const PERIOD_MS = 60_000
const LOOK_MS = 500
/** A loop that was busy for less than this share of the time had nothing to do. */
const IDLE_SHARE = 0.02
/** So many such looks in a row end the fine samples. */
const IDLE_LOOKS = 10

export interface DelayFigures {
  readonly meanSec: number
  readonly maxSec: number
  readonly p50Sec: number
  readonly p90Sec: number
  readonly p99Sec: number
}

const NONE: DelayFigures = { meanSec: 0, maxSec: 0, p50Sec: 0, p90Sec: 0, p99Sec: 0 }

export class EventLoopDelay {
  /** Called at each look, with the milliseconds that it came late. */
  onLook: (lateMs: number) => void = () => {}
  readonly #now: () => number
  readonly #lookMs: number
  #timer: NodeJS.Timeout | undefined
  #lookedAtMs = 0
  /** Undefined when no fine samples are wanted. */
  #histogram: IntervalHistogram | undefined
  /** False while the loop has nothing to do. */
  isMeasuring = false
  #busy = performance.eventLoopUtilization()
  #turns = 0
  #idleLooks = 0
  /** The longest turn that no fine sample tells of, since the period began. */
  #longestSec = 0
  #periodAtMs = 0
  /** The worst of this period before the histogram was reset. */
  #before = NONE
  /** The worst of the period before this one. */
  #last = NONE

  constructor(now: () => number, lookMs = LOOK_MS) {
    this.#now = now
    this.#lookMs = lookMs
  }

  start(): void {
    if (this.#timer !== undefined) return
    this.#lookedAtMs = this.#now()
    this.#periodAtMs = this.#lookedAtMs
    this.#timer = setInterval(() => this.#look(), this.#lookMs)
    this.#timer.unref()
  }

  /** Takes fine samples from now on. Calling it again does nothing. */
  measure(): void {
    if (this.#histogram !== undefined) return
    this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    this.#histogram.enable()
    this.isMeasuring = true
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#histogram?.disable()
    this.#histogram = undefined
    this.isMeasuring = false
  }

  /** Of this minute and the one before it, whichever is worse. */
  get figures(): DelayFigures {
    return worse(this.#ofPeriod(), this.#last)
  }

  #ofPeriod(): DelayFigures {
    const fine = this.#histogram === undefined ? NONE : figuresOf(this.#histogram)
    return worse({ ...fine, maxSec: Math.max(fine.maxSec, this.#longestSec) }, this.#before)
  }

  #look(): void {
    const nowMs = this.#now()
    const lateMs = Math.max(0, nowMs - this.#lookedAtMs - this.#lookMs)
    this.#lookedAtMs = nowMs
    if (this.#histogram !== undefined) this.#attend(this.#histogram, lateMs)
    if (nowMs - this.#periodAtMs >= PERIOD_MS) this.#beginPeriod()
    this.onLook(lateMs)
  }

  #attend(histogram: IntervalHistogram, lateMs: number): void {
    const [busy, turns] = [performance.eventLoopUtilization(), performance.nodeTiming.uvMetricsInfo.loopCount]
    const { active, utilization } = performance.eventLoopUtilization(busy, this.#busy)
    // What is busy may be a single turn or many of them: one took at least the mean.
    const longestMs = Math.max(lateMs, active / Math.max(1, turns - this.#turns))
    this.#busy = busy
    this.#turns = turns
    this.#idleLooks = utilization < IDLE_SHARE ? this.#idleLooks + 1 : 0
    if (!this.isMeasuring) this.#longestSec = Math.max(this.#longestSec, longestMs / 1000)
    if (this.isMeasuring && this.#idleLooks >= IDLE_LOOKS) {
      this.isMeasuring = false
      histogram.disable()
    } else if (!this.isMeasuring && this.#idleLooks === 0) {
      this.isMeasuring = true
      // Without a reset, the time without samples would count as a delay.
      this.#reset(this.#ofPeriod())
      histogram.enable()
    }
  }

  #beginPeriod(): void {
    this.#last = this.#ofPeriod()
    this.#periodAtMs = this.#lookedAtMs
    this.#reset(NONE)
  }

  #reset(before: DelayFigures): void {
    this.#before = before
    this.#longestSec = 0
    this.#histogram?.reset()
  }
}

function worse(one: DelayFigures, other: DelayFigures): DelayFigures {
  return one.maxSec >= other.maxSec ? one : other
}

/** The time that a sample was late by: what is measured is the whole interval. */
function figuresOf(histogram: IntervalHistogram): DelayFigures {
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
