/**
 * The consumers of one queue. The next message goes to a consumer of the highest priority that can take it; equals take
 * turns. RabbitMQ: consumer priorities, "round robin if several have the same priority". Those who could not take a message
 * when they were due are out of the round until they can: then they come to its back, as new ones do.
 */
import type { Consumer } from './consumer.ts'
import { ConsumerRound } from './consumer-round.ts'

interface Level {
  readonly priority: number
  readonly round: ConsumerRound
  /** Consumers that are not cancelled, in the round or not. */
  count: number
}

export class QueueConsumers {
  /** Whether one of them wants the queue for itself. */
  hasExclusive = false
  readonly #all = new Set<Consumer>()
  readonly #levels: Level[] = []

  get count(): number {
    return this.#all.size
  }

  add(consumer: Consumer): void {
    this.#all.add(consumer)
    let level = this.#level(consumer)
    if (level === undefined) {
      level = { priority: consumer.priority, round: new ConsumerRound(), count: 0 }
      this.#levels.splice(this.#place(consumer.priority), 0, level)
    }
    level.count++
    if (consumer.isExclusive) this.hasExclusive = true
    this.enter(consumer)
  }

  /** The consumer may be able to take messages again. */
  enter(consumer: Consumer): void {
    if (consumer.isInRound || consumer.isCancelled) return
    consumer.isInRound = true
    this.#level(consumer)?.round.push(consumer)
  }

  remove(consumer: Consumer): boolean {
    const level = this.#level(consumer)
    if (level === undefined || consumer.isCancelled || !this.#all.delete(consumer)) return false
    consumer.isCancelled = true
    if (consumer.isExclusive) this.hasExclusive = false
    level.count--
    if (level.count === 0) this.#levels.splice(this.#levels.indexOf(level), 1)
    // Cancelled ones stay in their place until they are the majority, so that many can be removed at once.
    else if (level.round.size > level.count * 2) level.round.compact()
    return true
  }

  /** The consumer whose turn it is, or undefined when none can take a message. */
  next(): Consumer | undefined {
    const levels = this.#levels
    for (let i = 0; i < levels.length; i++) {
      const { round } = levels[i] as Level
      while (round.size > 0) {
        const consumer = round.first
        if (consumer.credit > 0 && consumer.sink.isOpen && !consumer.isCancelled) {
          round.rotate()
          return consumer
        }
        round.shift()
        consumer.isInRound = false
      }
    }
    return undefined
  }

  all(): Consumer[] {
    return [...this.#all]
  }

  #level(consumer: Consumer): Level | undefined {
    if (this.#levels.length === 0) return undefined
    const level = this.#levels[this.#place(consumer.priority)]
    return level?.priority === consumer.priority ? level : undefined
  }

  /** Where the level of this priority is, or belongs: the highest comes first. */
  #place(priority: number): number {
    let [low, high] = [0, this.#levels.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#levels[middle] as Level).priority > priority) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Of a queue that has had no consumer yet, as most have none: all of them share it, and it stays empty. */
export const NO_CONSUMERS = new QueueConsumers()
