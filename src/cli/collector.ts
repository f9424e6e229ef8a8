/**
 * Makes V8's garbage collector fit a broker. Messages are kept outside its heap, in blocks that are used again; but V8
 * counts new blocks as if they might be garbage, and with a heap of a few megabytes it would look through all of it for
 * every thirty megabytes that a burst of messages takes, which costs up to a quarter of the processor's time.
 */
import { setFlagsFromString } from 'node:v8'

/** By how much the heap and the blocks may grow from one full collection to the next, in percent of the heap. */
const GROWING_PERCENT = 800
/** A larger heap than this has so many objects of its own that V8 knows best. */
const SMALL_HEAP_BYTES = 64 * 1024 * 1024
const WATCH_MS = 1000

/** Lets a small heap be collected less often. Ends with the process. */
export function collectLessOften(
  setFlags: (flags: string) => void = setFlagsFromString,
  heapBytes: () => number = () => process.memoryUsage().heapUsed,
): void {
  let isSmall: boolean | undefined
  const look = (): void => {
    const before = isSmall
    isSmall = heapBytes() < SMALL_HEAP_BYTES
    // 0 leaves it to V8.
    if (isSmall !== before) setFlags(`--heap-growing-percent=${isSmall ? GROWING_PERCENT : 0}`)
  }
  look()
  setInterval(look, WATCH_MS).unref()
}
