/** The queues of a virtual host, by their names. Some may be gone for all who look, and have still to be taken away. */
import type { Queue } from './queue.ts'

export class QueueList {
  readonly #held = new Map<string, Queue>()
  #goneCount = 0

  get count(): number {
    return this.#held.size - this.#goneCount
  }

  /** With those that have still to be taken away. */
  get heldCount(): number {
    return this.#held.size
  }

  at(name: string): Queue | undefined {
    const queue = this.#held.get(name)
    return queue?.isDeleted === true ? undefined : queue
  }

  /** The one of this name that has still to be taken away. */
  goneAt(name: string): Queue | undefined {
    const queue = this.#held.get(name)
    return queue?.isDeleted === true ? queue : undefined
  }

  there(): Iterable<Queue> {
    return this.#goneCount === 0 ? this.#held.values() : thereOf(this.#held.values())
  }

  held(): Iterable<Queue> {
    return this.#held.values()
  }

  add(queue: Queue): void {
    this.#held.set(queue.name, queue)
  }

  /** One of these is gone for all who look, if it is not yet. */
  forget(queue: Queue): void {
    if (queue.isDeleted) return
    queue.isDeleted = true
    this.#goneCount++
  }

  /** Takes one away; false when that has been done. */
  takeAway(queue: Queue): boolean {
    if (this.#held.get(queue.name) !== queue) return false
    this.forget(queue)
    this.#held.delete(queue.name)
    this.#goneCount--
    return true
  }

  clear(): void {
    this.#held.clear()
    this.#goneCount = 0
  }
}

function* thereOf(queues: Iterable<Queue>): Generator<Queue, undefined> {
  for (const queue of queues) if (!queue.isDeleted) yield queue
}
