/**
 * The consumers of one queue. The next message goes to a consumer of the highest priority that can take it; equals take
 * turns. RabbitMQ: consumer priorities, "round robin if several have the same priority". Those who could not take a message
 * when they were due are out of the round until they can: then they come to its back, as new ones do. With a single active consumer
 * (`x-single-active-consumer`), that one alone is in the round, and the others wait until it goes.
 */
import type { Consumer } from './consumer.ts'
import { ConsumerRound } from './consumer-round.ts'
import { WaitingConsumers } from './waiting-consumers.ts'

interface Level {
  readonly priority: number
  readonly round: ConsumerRound
  /** Consumers that were not removed, in the round or not. */
  count: number
}

export class QueueConsumers {
  /** Those that have left do not count. */
  count = 0
  /** Whether one of them wants the queue for itself. */
  hasExclusive = false
  /** The single active one, where there may be one only, and it is there. */
  active: Consumer | undefined
  readonly #all = new Set<Consumer>()
  readonly #levels: Level[] = []
  /** Where there may be one active consumer only: the others. */
  readonly #waiting: WaitingConsumers<Consumer> | undefined

  /**
   * As RabbitMQ has it in quorum queues, the active one makes room for another of higher priority, and a consumer leaves the round with
   * the message that it can take last, not when it is due again.
   */
  readonly #isQuorum: boolean
  /** It does so now: it gets nothing more, and the other one is next when all that it has is settled. */
  #isYielding = false

  constructor(hasSingleActive = false, isQuorum = false) {
    this.#isQuorum = isQuorum
    this.#waiting = hasSingleActive ? new WaitingConsumers() : undefined
  }

  /** Whether the others have to wait for the active one. */
  get hasSingleActive(): boolean {
    return this.#waiting !== undefined
  }

  /** Whether the consumer may join the others. RabbitMQ: of the consumers of a queue that has a single active one, none is exclusive. */
  admits(consumer: Consumer, isSingleActive: boolean): boolean {
    if (this.hasExclusive) return false
    return !consumer.isExclusive || (this.count === 0 && !isSingleActive)
  }

  add(consumer: Consumer): void {
    this.#all.add(consumer)
    this.count++
    if (consumer.isExclusive) this.hasExclusive = true
    if (this.#waiting === undefined) this.#join(consumer)
    else if (this.active === undefined) this.#activate(consumer)
    else {
      this.#waiting.add(consumer)
      if (this.#isQuorum && !this.#isYielding && consumer.priority > this.active.priority) this.#yield(this.active)
    }
  }

  #yield(active: Consumer): void {
    this.#isYielding = true
    active.quiesce()
    this.#passOn(active)
  }

  /** The active one goes back to those that wait, unless it still has messages. */
  #passOn(active: Consumer): void {
    if (active.credit <= 0) return
    this.#leave(active)
    active.isInRound = false
    active.resume()
    this.#waiting?.add(active)
    this.#activate(this.#waiting?.takeFirst())
  }

  #activate(consumer: Consumer | undefined): void {
    this.active = consumer
    this.#isYielding = false
    if (consumer !== undefined) this.#join(consumer)
  }

  /** Takes turns with the others from now on. */
  #join(consumer: Consumer): void {
    let level = this.#level(consumer)
    if (level === undefined) {
      level = { priority: consumer.priority, round: new ConsumerRound(), count: 0 }
      this.#levels.splice(this.#place(consumer.priority), 0, level)
    }
    level.count++
    this.enter(consumer)
  }

  /** The consumer may be able to take messages again. */
  enter(consumer: Consumer): void {
    if (consumer.isCancelled || (this.#waiting !== undefined && consumer !== this.active)) return
    if (this.#isYielding) this.#passOn(consumer)
    if (consumer.isInRound || this.#isYielding || (this.#waiting !== undefined && consumer !== this.active)) return
    consumer.isInRound = true
    this.#level(consumer)?.round.push(consumer)
  }

  /** It is gone for all who look, and gets nothing more; `remove` takes it away. False when it has left already. */
  leave(consumer: Consumer): boolean {
    if (consumer.isCancelled) return false
    consumer.isCancelled = true
    this.count--
    if (consumer.isExclusive) this.hasExclusive = false
    return true
  }

  /** False when it has left already. */
  remove(consumer: Consumer): boolean {
    const isThere = this.leave(consumer)
    if (!this.#all.delete(consumer)) return false
    if (this.#waiting?.remove(consumer) !== true) this.#leave(consumer)
    if (this.active === consumer) this.#activate(this.#waiting?.takeFirst())
    return isThere
  }

  #leave(consumer: Consumer): void {
    const level = this.#level(consumer)
    if (level === undefined) return
    level.count--
    if (level.count === 0) this.#levels.splice(this.#levels.indexOf(level), 1)
    // Cancelled ones stay in their place until they are the majority, so that many can be removed at once.
    else if (level.round.size > level.count * 2) level.round.compact()
  }

  /** The consumer whose turn it is, or undefined when none can take a message. */
  next(): Consumer | undefined {
    const levels = this.#levels
    for (let i = 0; i < levels.length; i++) {
      const { round } = levels[i] as Level
      while (round.size > 0) {
        const consumer = round.first
        if (consumer.credit > 0 && !consumer.isCancelled && consumer.sink.isOpen) {
          if (consumer.credit > 1 || !this.#isQuorum) {
            round.rotate()
            return consumer
          }
          round.shift()
          consumer.isInRound = false
          return consumer
        }
        round.shift()
        consumer.isInRound = false
      }
    }
    return undefined
  }

  all(): Consumer[] {
    const all = [...this.#all]
    return all.length === this.count ? all : all.filter(({ isCancelled }) => !isCancelled)
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
