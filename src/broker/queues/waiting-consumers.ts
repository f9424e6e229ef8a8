/**
 * Consumers of a queue with a single active one that wait until they are it. The next is one of the highest priority, and among
 * equals the one that has waited longest.
 */
interface Prioritised {
  readonly priority: number
}

interface Line<C> extends Prioritised {
  /** The one that has waited longest comes first. */
  readonly consumers: Set<C>
}

export class WaitingConsumers<C extends Prioritised> {
  /** The line of the highest priority is the last. */
  readonly #lines: Line<C>[] = []

  add(consumer: C): void {
    const { priority } = consumer
    const place = this.#place(priority)
    let line = this.#lines[place]
    if (line?.priority !== priority) {
      line = { priority, consumers: new Set() }
      this.#lines.splice(place, 0, line)
    }
    line.consumers.add(consumer)
  }

  /** False when it does not wait here. */
  remove(consumer: C): boolean {
    const place = this.#place(consumer.priority)
    const line = this.#lines[place]
    if (line?.priority !== consumer.priority || !line.consumers.delete(consumer)) return false
    if (line.consumers.size === 0) this.#lines.splice(place, 1)
    return true
  }

  /** Takes the one that is next. */
  takeFirst(): C | undefined {
    const line = this.#lines.at(-1)
    if (line === undefined) return undefined
    const [first] = line.consumers
    if (first !== undefined) this.remove(first)
    return first
  }

  /** Where the line of this priority is, or belongs. */
  #place(priority: number): number {
    let [low, high] = [0, this.#lines.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#lines[middle] as Line<C>).priority < priority) low = middle + 1
      else high = middle
    }
    return low
  }
}
