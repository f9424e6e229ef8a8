import type { ConsumerOrigin } from '../queues/consumer.ts'
import type { Queue } from '../queues/queue.ts'
import type { Vhost } from '../vhost.ts'

/**
 * Ends the consumer with this tag that a channel has on the queue. Its client is told if it knows of that, as when the queue is deleted;
 * what it has not settled stays with its channel. False when there is none.
 */
export function cancelConsumer(
  vhost: Vhost,
  queue: Queue,
  { connection, channel }: ConsumerOrigin,
  tag: string,
): boolean {
  const consumer = queue.consumers.all().find(({ tag: own, sink: { origin } }) => {
    return own === tag && origin?.connection === connection && origin.channel === channel
  })
  if (consumer === undefined) return false
  if (queue.removeConsumer(consumer)) vhost.removeQueue(queue)
  consumer.sink.cancelled(consumer)
  return true
}
