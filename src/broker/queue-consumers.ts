/**
 * The consumers of one queue. The next message goes to a consumer of the highest priority that can take it; equals take
 * turns. RabbitMQ: consumer priorities, "round robin if several have the same priority".
 */
import type { Consumer } from './consumer.ts'

interface Level {
  readonly priority: number
  consumers: Consumer[]
  /** Where the round goes on. */
  next: number
  cancelledCount: number
}

export class QueueConsumers {
  count = 0
  /** Whether one of them wants the queue for itself. */
  hasExclusive = false
  #levels: Level[] = []

  add(consumer: Consumer): void {
    let level = this.#levels.find((candidate) => candidate.priority === consumer.priority)
    if (level === undefined) {
      level = { priority: consumer.priority, consumers: [], next: 0, cancelledCount: 0 }
      this.#levels.push(level)
      this.#levels.sort((a, b) => b.priority - a.priority)
    }
    level.consumers.push(consumer)
    this.count++
    if (consumer.isExclusive) this.hasExclusive = true
  }

  remove(consumer: Consumer): boolean {
    const level = this.#levels.find((candidate) => candidate.priority === consumer.priority)
    if (level === undefined || consumer.isCancelled) return false
    consumer.isCancelled = true
    this.count--
    if (consumer.isExclusive) this.hasExclusive = false
    // Cancelled ones stay in their place until they are the majority, so that many can be removed at once.
    if (++level.cancelledCount * 2 > level.consumers.length) this.#compact(level)
    return true
  }

  /** The consumer whose turn it is, or undefined when none can take a message. */
  next(): Consumer | undefined {
    for (const level of this.#levels) {
      const { consumers } = level
      const { length } = consumers
      let at = level.next
      for (let tried = 0; tried < length; tried++) {
        if (at >= length) at = 0
        const consumer = consumers[at++] as Consumer
        if (consumer.credit > 0 && !consumer.isCancelled && consumer.sink.isOpen) {
          level.next = at
          return consumer
        }
      }
    }
    return undefined
  }

  all(): Consumer[] {
    return this.#levels.flatMap((level) => level.consumers.filter((consumer) => !consumer.isCancelled))
  }

  #compact(level: Level): void {
    const next = level.consumers.slice(0, level.next).filter((consumer) => !consumer.isCancelled).length
    level.consumers = level.consumers.filter((consumer) => !consumer.isCancelled)
    level.cancelledCount = 0
    level.next = next
    if (level.consumers.length === 0) this.#levels.splice(this.#levels.indexOf(level), 1)
  }
}
