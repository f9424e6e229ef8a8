/** What goes turn by turn, because it may be very much: the queues of a client that has gone, and all that is in a virtual host. */
import type { Queue } from './queues/queue.ts'
import type { Vhost } from './vhost.ts'

/** So many queues or exchanges go at once; of more, so many between two looks at the clock. */
const AT_ONCE_MAX = 64
const STEP_MAX = 8

/** Removes queues that the virtual host has forgotten (`Vhost.forgetQueues`), as `Vhost.removeQueue` does. */
export function removeForgotten(vhost: Vhost, queues: readonly Queue[]): void {
  let at = 0
  const step = (count: number): boolean => {
    for (const end = Math.min(at + count, queues.length); at < end; ) vhost.removeQueue(queues[at++] as Queue)
    return at === queues.length
  }
  vhost.removals.begin({ atOnce: AT_ONCE_MAX, perStep: STEP_MAX, step })
}

/**
 * Removes all that is in a virtual host, for good. The storage is told first, so that a restart removes the rest. Calls back when
 * nothing is left.
 */
export function clearVhost(vhost: Vhost, onCleared: () => void): void {
  vhost.removals.begin({
    atOnce: AT_ONCE_MAX,
    perStep: STEP_MAX,
    step: (count) => clearPart(vhost, count),
    onRest: () => {
      vhost.isGoing = true
      vhost.entities.vhostChanged(vhost)
    },
    onEnd: () => {
      try {
        vhost.policies.clear()
        vhost.limits.replace({})
      } finally {
        onCleared()
      }
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
  if (count === Number.POSITIVE_INFINITY) vhost.unbindings.finish()
  return vhost.unbindings.isEmpty
}
