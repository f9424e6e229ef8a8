/**
 * What goes turn by turn, because it may be very much: the queues and consumers of a client that has gone, and all that is in a virtual
 * host.
 */
import { doAll } from '../lib/do-all.ts'
import type { Closing } from './clients/client-directory.ts'
import { consumerBytes } from './memory/topology-bytes.ts'
import type { Consumer } from './queues/consumer.ts'
import type { Queue } from './queues/queue.ts'
import { USUAL_PACE } from './scheduling/removals.ts'
import type { Vhost } from './vhost.ts'

/** Removes queues that the virtual host has forgotten (`Vhost.forgetQueue`), as `Vhost.removeQueue` does. */
export function removeForgotten(vhost: Vhost, queues: readonly Queue[]): void {
  removeEach(vhost, queues, (queue) => vhost.removeQueue(queue))
}

/** Takes away consumers that have left their queues (`Queue.leave`), and the queues that the virtual host has forgotten because of that. */
export function removeLeft(vhost: Vhost, consumers: readonly Consumer[]): void {
  removeEach(vhost, consumers, (consumer) => {
    const { queue } = consumer
    vhost.topology.remove(consumerBytes(consumer))
    try {
      queue.consumers.remove(consumer)
    } finally {
      if (queue.isDeleted) vhost.removeQueue(queue)
    }
  })
}

function removeEach<T>(vhost: Vhost, all: readonly T[], remove: (one: T) => void): void {
  let at = 0
  const step = (count: number): boolean => {
    for (const end = Math.min(at + count, all.length); at < end; ) remove(all[at++] as T)
    return at === all.length
  }
  vhost.removals.begin({ ...USUAL_PACE, step })
}

/**
 * Removes all that is in a virtual host, for good, once its clients are closed. The storage is told first, so that a restart removes the
 * rest. Calls back when nothing is left.
 */
export function clearVhost(vhost: Vhost, onCleared: () => void, closing: Closing): void {
  vhost.removals.begin({
    ...USUAL_PACE,
    number: closing.number,
    isLast: true,
    step: (count) => closing.step(count) && clearPart(vhost, count),
    onRest: () => {
      vhost.isGoing = true
      vhost.entities.vhostChanged(vhost)
    },
    onEnd: () => {
      doAll(
        () => vhost.policies.clear(),
        () => vhost.limits.replace({}),
        onCleared,
      )
    },
  })
}

function clearPart(vhost: Vhost, count: number): boolean {
  let left = count
  for (const queue of vhost.heldQueues()) {
    if (left-- === 0) return false
    vhost.removeQueue(queue)
  }
  for (const exchange of vhost.exchanges()) {
    if (left-- === 0) return false
    vhost.removeExchange(exchange)
  }
  return true
}
