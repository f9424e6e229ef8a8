import type { Clock } from './clock.ts'

/** The longest time that a timer of Node.js takes: it does what is later at once. */
const TIMER_MS_MAX = 2 ** 31 - 1
/** So long may those that are due keep others waiting. */
const TURN_MS = 2
/** In place of a time: it is going off, and is armed anew after that. */
const GOING_OFF = Number.NEGATIVE_INFINITY

/** Waits for a time. It is in the timer's list while its place is 0 or more. */
export interface Timed {
  dueAtMs: number
  place: number
  goOff(nowMs: number): void
}

/**
 * One timer of the system for as many as want one, the earliest first. Each of them costs a place in a binary heap; a timer of its own
 * would take some 500 bytes.
 */
export class SharedTimer {
  readonly #clock: Clock
  readonly #heap: Timed[] = []
  #armedAtMs = Number.POSITIVE_INFINITY
  #cancel: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Has it go off at this time, and at no other; a time that has come already is one, too. */
  set(timed: Timed, atMs: number): void {
    timed.dueAtMs = atMs
    if (timed.place < 0) timed.place = this.#heap.push(timed) - 1
    this.#settle(timed)
    if (atMs < this.#armedAtMs) this.#arm()
  }

  /** It does not go off. The last one leaves no timer behind. */
  remove(timed: Timed): void {
    if (timed.place < 0) return
    const last = this.#heap.pop() as Timed // it is in there, so that there is one
    if (last !== timed) {
      last.place = timed.place
      this.#heap[last.place] = last
      this.#settle(last)
    }
    timed.place = -1
    if (this.#heap.length === 0 && this.#armedAtMs !== GOING_OFF) this.#disarm()
  }

  #arm(): void {
    this.#disarm()
    const [first] = this.#heap
    if (first === undefined) return
    const nowMs = this.#clock.monotonicMs()
    // Timers count whole milliseconds.
    const waitMs = Math.min(Math.max(0, Math.ceil(first.dueAtMs - nowMs)), TIMER_MS_MAX)
    this.#armedAtMs = nowMs + waitMs
    this.#cancel = this.#clock.after(waitMs, this.#goOff)
  }

  #disarm(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#armedAtMs = Number.POSITIVE_INFINITY
  }

  readonly #goOff = (): void => {
    this.#armedAtMs = GOING_OFF
    const beginMs = this.#clock.monotonicMs()
    try {
      // Some may want to go off again at once: they do in another turn.
      for (let left = this.#heap.length; left > 0; left--) {
        const first = this.#heap[0]
        const nowMs = this.#clock.monotonicMs()
        if (first === undefined || first.dueAtMs > nowMs || nowMs - beginMs > TURN_MS) return
        this.remove(first)
        first.goOff(nowMs)
      }
    } finally {
      this.#arm()
    }
  }

  /** Moves it to where it belongs in the heap: each comes behind its parent, at half of its place. */
  #settle(timed: Timed): void {
    const heap = this.#heap
    let { place } = timed
    while (place > 0) {
      const above = (place - 1) >>> 1
      if ((heap[above] as Timed).dueAtMs <= timed.dueAtMs) break
      this.#put(heap[above] as Timed, place)
      place = above
    }
    for (let below = place * 2 + 1; below < heap.length; below = place * 2 + 1) {
      const right = below + 1
      if (right < heap.length && (heap[right] as Timed).dueAtMs < (heap[below] as Timed).dueAtMs) below = right
      if ((heap[below] as Timed).dueAtMs >= timed.dueAtMs) break
      this.#put(heap[below] as Timed, place)
      place = below
    }
    this.#put(timed, place)
  }

  #put(timed: Timed, place: number): void {
    this.#heap[place] = timed
    timed.place = place
  }
}
