import type { Queue } from '../queues/queue.ts'
import type { Vhost } from '../vhost.ts'

/** Has the queue deliver nothing, also after a restart if it is durable, until it is resumed. */
export function pauseQueue(vhost: Vhost, queue: Queue): void {
  if (queue.isPaused) return
  queue.isPaused = true
  vhost.entities.queuePaused(queue)
}

export function resumeQueue(vhost: Vhost, queue: Queue): void {
  if (!queue.isPaused) return
  queue.isPaused = false
  queue.wake()
  vhost.entities.queueResumed(queue)
}
