/**
 * How old the oldest message of each queue is, about. Messages have no times of their own; what is known is how many were published
 * at which look. The oldest one that is there came after so many as have gone:
 *
 *     published   0      500     900     1200        at the looks, the last one now
 *     depth                               600        so 600 have gone: the oldest came between the first look and the second
 *
 * That holds for queues whose messages go in their order, to within the time between two looks. Looks that lie far back are thinned
 * out; a queue that was full at the first look is at least as old as that.
 */
import type { Queue } from '../../broker/queues/queue.ts'

const LOOKS_MAX = 64

interface Looks {
  readonly published: number[]
  readonly atMs: number[]
}

export class MessageAges {
  readonly #looks = new Map<Queue, Looks>()

  /** To be called for every queue, every few seconds. */
  look(queue: Queue, nowMs: number): void {
    const depth = queue.readyCount + queue.unackedCount
    if (depth === 0) {
      this.#looks.delete(queue)
      return
    }
    let looks = this.#looks.get(queue)
    if (looks === undefined) {
      looks = { published: [], atMs: [] }
      this.#looks.set(queue, looks)
    }
    const { publishedCount } = queue
    if (looks.published.at(-1) === publishedCount) return
    looks.published.push(publishedCount)
    looks.atMs.push(nowMs)
    const first = firstNeeded(looks, publishedCount - depth)
    looks.published.splice(0, first)
    looks.atMs.splice(0, first)
    if (looks.published.length > LOOKS_MAX) thin(looks)
  }

  /** Queues that are gone. */
  forgetDeleted(): void {
    for (const queue of this.#looks.keys()) if (queue.isDeleted) this.#looks.delete(queue)
  }

  /** 0 for a queue that is empty, or was at the last look. */
  ageMs(queue: Queue, nowMs: number): number {
    const looks = this.#looks.get(queue)
    const depth = queue.readyCount + queue.unackedCount
    if (looks === undefined || depth === 0) return 0
    return nowMs - (looks.atMs[firstNeeded(looks, queue.publishedCount - depth)] ?? nowMs)
  }
}

/** The last look at which no more had been published than have gone by now: the oldest message came after it. */
function firstNeeded({ published }: Looks, gone: number): number {
  let first = 0
  while (first + 1 < published.length && (published[first + 1] as number) <= gone) first++
  return first
}

/** Of the older half, every second one goes. */
function thin({ published, atMs }: Looks): void {
  for (let at = LOOKS_MAX / 2; at > 0; at -= 2) {
    published.splice(at, 1)
    atMs.splice(at, 1)
  }
}
