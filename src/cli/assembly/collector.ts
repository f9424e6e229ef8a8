/**
 * Makes V8's garbage collector fit a broker. Messages are kept outside its heap, in blocks that are used again; but V8
 * counts new blocks as if they might be garbage, and with a heap of a few megabytes it would look through all of it for
 * every thirty megabytes that a burst of messages takes, which costs up to a quarter of the processor's time.
 */
import { setFlagsFromString } from 'node:v8'
import { heapUsedBytes } from '../../lib/memory-figures.ts'

/** So much may heap and blocks grow from one full collection to the next: this, or a share of the memory limit. */
const GROWTH_BYTES_MAX = 96 * 1024 * 1024
const GROWTH_SHARE_MAX = 1 / 40
/**
 * While a server starts, nearly all that it makes is there to stay: V8 need not look through a large store's queues again and
 * again. Until then the heap may grow by this share of the memory.
 */
const STARTING_SHARE_MAX = 1 / 8
/** Growth in percent of the heap, the largest first. With less than the last, V8 knows best: 0 leaves it to that. */
const PERCENTS = [800, 400, 200] as const
const WATCH_MS = 1000

export interface CollectorParts {
  /** What the process may use. */
  readonly memoryBytes: number
  readonly memoryLimitBytes: number
  readonly setFlags?: (flags: string) => void
  readonly heapBytes?: () => number
}

export interface Collector {
  /** Lets the heap grow while the server starts, whose work this is. */
  whileStarting(work: () => Promise<void>): Promise<void>
}

/** Lets a small heap be collected less often. Ends with the process. */
export function collectLessOften({
  memoryBytes,
  memoryLimitBytes,
  setFlags = setFlagsFromString,
  heapBytes = heapUsedBytes,
}: CollectorParts): Collector {
  let isStarting = false
  let percent = 0
  const look = (): void => {
    const before = percent
    const growthBytes = isStarting
      ? memoryBytes * STARTING_SHARE_MAX
      : Math.min(GROWTH_BYTES_MAX, memoryLimitBytes * GROWTH_SHARE_MAX)
    const heap = heapBytes()
    percent = PERCENTS.find((each) => (heap * each) / 100 <= growthBytes) ?? 0
    if (percent !== before) setFlags(`--heap-growing-percent=${percent}`)
  }
  look()
  setInterval(look, WATCH_MS).unref()
  return {
    async whileStarting(work) {
      isStarting = true
      look()
      try {
        await work()
      } finally {
        isStarting = false
        look()
      }
    },
  }
}
