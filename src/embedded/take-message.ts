import { lookThrough } from '../../storage/look-ahead.ts'
import type { Segment } from '../../storage/segment.ts'
import type { Queue } from '../broker/queues/queue.ts'
import type { PeekOptions } from './call-options.ts'
import type { Deliveries } from './deliveries.ts'
import { type PeekedMessage, type ReceivedMessage, readMessage, readRecord } from './received-message.ts'

/** What waits for the disk; the end of the server ends it. */
export class DiskWaits {
  readonly #open = new Set<(error: Error) => void>()

  /** Resolves once `read` calls back. Rejects when the server ends first: a disk that has failed never calls back. */
  until(read: (whenReadable: () => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#open.add(reject)
      read(() => {
        this.#open.delete(reject)
        resolve()
      })
    })
  }

  end(error: Error): void {
    for (const reject of this.#open) reject(error)
    this.#open.clear()
  }
}

/**
 * Takes the next ready message of a queue, at once if it is in memory. `findQueue` is asked again after each wait for the
 * disk, since the queue may be gone by then.
 */
export async function takeMessage(
  findQueue: () => Queue,
  isNoAck: boolean,
  deliveries: Deliveries,
  waits: DiskWaits,
): Promise<ReceivedMessage | undefined> {
  let message: ReceivedMessage | undefined
  const take = (whenReadable: () => void): boolean => {
    const queue = findQueue()
    const found = queue.pull.get(
      isNoAck,
      (segment, index, redelivered) => {
        const deliveryTag = isNoAck ? deliveries.skip() : deliveries.add(queue, segment, index, undefined)
        message = readMessage(segment, index, { queue: queue.name, deliveryTag, redelivered })
      },
      whenReadable,
    )
    return found !== 'unread'
  }
  for (let isDone = false; !isDone; ) {
    await waits.until((whenReadable) => {
      isDone = take(whenReadable)
      if (isDone) whenReadable()
    })
  }
  return message
}

const PEEK_BYTES = 16 * 1024 * 1024

/** Copies of the messages that are due next in a queue. */
export async function peekMessages(
  queue: Queue,
  { count = 1, maxBytes = PEEK_BYTES }: PeekOptions,
  waits: DiskWaits,
): Promise<PeekedMessage[]> {
  const messages: PeekedMessage[] = []
  let bytes = 0
  const show = (segment: Segment, index: number, deliveryCount: number): boolean => {
    bytes += segment.bodyBytes(index)
    if (bytes > maxBytes && messages.length > 0) return false
    const facts = { queue: queue.name, redelivered: deliveryCount > 0, deliveryCount }
    messages.push({ ...facts, ...readRecord(segment, index) })
    return messages.length < count
  }
  await waits.until((whenShown) => lookThrough(queue.lookAhead(), show, whenShown))
  return messages
}
