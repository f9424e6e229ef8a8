import type { Queue } from '../broker/queues/queue.ts'
import type { Deliveries } from './deliveries.ts'
import { type ReceivedMessage, readMessage } from './received-message.ts'

/**
 * Takes the next ready message of a queue, at once if it is in memory. `findQueue` is asked again after each wait for the
 * disk, since the queue may be gone by then.
 */
export async function takeMessage(
  findQueue: () => Queue,
  isNoAck: boolean,
  deliveries: Deliveries,
): Promise<ReceivedMessage | undefined> {
  for (;;) {
    const queue = findQueue()
    let message: ReceivedMessage | undefined
    let whenReadable = (): void => {}
    const readable = new Promise<void>((resolve) => {
      whenReadable = resolve
    })
    const found = queue.get(
      isNoAck,
      (segment, index, redelivered) => {
        const deliveryTag = isNoAck ? deliveries.skip() : deliveries.add(queue, segment, index, undefined)
        message = readMessage(segment, index, { queue: queue.name, deliveryTag, redelivered })
      },
      whenReadable,
    )
    if (found !== 'unread') return message
    await readable
  }
}
