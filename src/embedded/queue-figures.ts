/** A queue in numbers, as they are when they are read: for what looks at very many queues, and copies nothing. */
import type { Queue } from '../broker/queues/queue.ts'
import { queueKindName } from '../broker/queues/queue-kinds.ts'
import { headTimestamp, type QueueInfo } from './entities.ts'

export class QueueFigures {
  readonly vhost: string
  readonly #queue: Queue

  /** Servers make it: see `EmbeddedInventory.queueFigures`. */
  constructor(vhost: string, queue: Queue) {
    this.vhost = vhost
    this.#queue = queue
  }

  get name(): string {
    return this.#queue.name
  }

  get durable(): boolean {
    return this.#queue.durable
  }

  get type(): QueueInfo['type'] {
    return queueKindName(this.#queue.arguments)
  }

  /** As in `QueueInfo`. */
  get user(): string | undefined {
    return this.#queue.user
  }

  get paused(): boolean {
    return this.#queue.isPaused
  }

  get consumers(): number {
    return this.#queue.consumers.count
  }

  get messagesReady(): number {
    return this.#queue.readyCount
  }

  get messagesUnacked(): number {
    return this.#queue.unackedCount
  }

  /** Both together. */
  get messages(): number {
    return this.#queue.readyCount + this.#queue.unackedCount
  }

  get bytesReady(): number {
    return this.#queue.readyBytes
  }

  get bytesUnacked(): number {
    return this.#queue.unackedBytes
  }

  get bytes(): number {
    return this.#queue.readyBytes + this.#queue.unackedBytes
  }

  get messagesPublished(): number {
    return this.#queue.publishedCount
  }

  /** What the publisher of the next message says of its time. */
  get headTimestamp(): Date | bigint | undefined {
    return headTimestamp(this.#queue)
  }
}
