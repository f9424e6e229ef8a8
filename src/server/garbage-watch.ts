/**
 * Asks V8 to collect its garbage when much of the memory beside the heap is garbage. V8 collects as it allocates: an idle
 * broker would keep what a burst has left behind, and a broker that waits for memory would wait for ever.
 */
import { collectGarbage } from '../lib/collect-garbage.ts'

/** Worth a collection when there was so much for so many looks, and so much of what V8 has to look through: its heap. */
const GARBAGE_BYTES_MIN = 32 * 1024 * 1024
const GARBAGE_SHARE_MIN = 0.5
const LOOKS = 3
/** When memory is short, so little is worth one. */
const NEEDED_BYTES_MIN = 4 * 1024 * 1024
/** Collections may take so much of the time, more while publishers wait for memory; and so long there is none after one. */
const TIME_SHARE = 0.01
const SHORT_TIME_SHARE = 0.1
const PAUSE_MS = 1000
const SHORT_PAUSE_MS = 500
/** Memory is freed beside the program: only so long after a collection it shows how much. */
const FREED_MS = 300
/** After collections that freed little. */
const PAUSE_MS_MAX = 60_000

export interface GarbageParts {
  /** Bytes that may be garbage: what is not known to be in use. */
  readonly strayBytes: () => number
  readonly heapBytes: () => number
  readonly now: () => number
  readonly collect?: () => void
}

export class GarbageWatch {
  readonly #strayBytes: () => number
  readonly #heapBytes: () => number
  readonly #now: () => number
  readonly #collect: () => void
  /** What is there to stay: the least there was since the last collection that has shown what it frees. */
  keptBytes: number
  /** What is more than that, and may be garbage. */
  garbageBytes = 0
  /** The least there was since the last collection. */
  #floorBytes: number
  #looks = 0
  #pauseMs = PAUSE_MS
  /** What there was before the last collection, until it shows what that has freed. */
  #bytesBefore: number | undefined
  /** The smallest heap there was since then. */
  #heapFloorBytes: number
  #collectedAtMs = Number.NEGATIVE_INFINITY
  #durationMs = 0

  constructor({ strayBytes, heapBytes, now, collect = collectGarbage }: GarbageParts) {
    this.#strayBytes = strayBytes
    this.#heapBytes = heapBytes
    this.#now = now
    this.#collect = collect
    this.#floorBytes = this.keptBytes = strayBytes()
    this.#heapFloorBytes = heapBytes()
  }

  /** To be called about once a second, or more often while memory is short (`isShort`). */
  look(isShort: boolean): void {
    const stray = this.#strayBytes()
    const nowMs = this.#now()
    this.#floorBytes = Math.min(this.#floorBytes, stray)
    this.keptBytes = Math.min(this.keptBytes, stray)
    const sinceMs = nowMs - this.#collectedAtMs
    const isShown = sinceMs >= FREED_MS
    if (isShown && this.#bytesBefore !== undefined) this.#learn(this.#bytesBefore)
    const garbage = stray - this.keptBytes
    this.garbageBytes = garbage
    if (!isShown) return
    const heap = this.#heapBytes()
    this.#heapFloorBytes = Math.min(this.#heapFloorBytes, heap)
    const isMuch = garbage >= Math.max(GARBAGE_BYTES_MIN, heap * GARBAGE_SHARE_MIN)
    this.#looks = isMuch ? this.#looks + 1 : 0
    if (isShort) {
      // What the floor takes for granted may be garbage after all: it is worth a try from time to time.
      const heapGarbage = heap - this.#heapFloorBytes
      const pauseMs = garbage + heapGarbage >= NEEDED_BYTES_MIN ? SHORT_PAUSE_MS : this.#pauseMs
      if (stray + heapGarbage >= NEEDED_BYTES_MIN && sinceMs >= Math.max(pauseMs, this.#durationMs / SHORT_TIME_SHARE))
        this.#run(stray)
    } else if (this.#looks >= LOOKS && sinceMs >= Math.max(this.#pauseMs, this.#durationMs / TIME_SHARE))
      this.#run(stray)
  }

  /** Something large may have become garbage, though collections have freed little so far. */
  expectGarbage(): void {
    this.#pauseMs = PAUSE_MS
  }

  /** Much has become garbage, and no look follows. V8 itself counts little of it, and may never collect it. */
  collectSoon(): void {
    setImmediate(this.#collect).unref()
  }

  #run(stray: number): void {
    const startMs = this.#now()
    this.#collect()
    this.#collectedAtMs = this.#now()
    this.#durationMs = this.#collectedAtMs - startMs
    this.#looks = 0
    this.#bytesBefore = stray
    this.#floorBytes = this.#heapFloorBytes = Number.POSITIVE_INFINITY
  }

  #learn(before: number): void {
    this.#bytesBefore = undefined
    this.keptBytes = this.#floorBytes
    const isWorthIt = this.#floorBytes < before / 2 || before - this.#floorBytes >= GARBAGE_BYTES_MIN
    this.#pauseMs = isWorthIt ? PAUSE_MS : Math.min(PAUSE_MS_MAX, this.#pauseMs * 2)
  }
}
