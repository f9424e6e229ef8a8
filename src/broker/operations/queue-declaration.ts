/** Declaring and deleting queues, with RabbitMQ's checks in RabbitMQ's order. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import { refuse } from '../errors.ts'
import { checkArgumentEquivalence } from './exchange-declaration.ts'
import { entityName, generatedName, isReserved } from '../names.ts'
import type { Queue } from '../queues/queue.ts'
import { COMPARED_ARGUMENTS, checkQueueArguments, withQueueType } from '../queues/queue-arguments.ts'
import { queueBytes } from '../memory/topology-bytes.ts'
import type { Vhost } from '../vhost.ts'

export interface QueueDeclaration {
  /** Empty for a name made by the broker. */
  readonly name: string
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  readonly arguments: FieldTable
}

/** `user` is the connection that declares: what an exclusive queue belongs to. */
export function declareQueue(vhost: Vhost, declaration: QueueDeclaration, user: object): Queue {
  const asked = entityName(declaration.name)
  // RabbitMQ: not even a queue that was given such a name by the broker is declared again under it.
  if (isReserved(asked)) throw refuse.reservedName('queue', asked)
  const existing = asked === '' ? undefined : vhost.queue(asked)
  if (existing !== undefined) {
    checkEquivalence(existing, declaration, user)
    existing.catchUp()
    return existing
  }
  const name = asked === '' ? generatedName('amq.gen-') : asked
  checkQueueArguments(name, vhost.name, declaration.arguments)
  if (!vhost.topology.hasRoomFor(queueBytes({ name, arguments: declaration.arguments }))) {
    throw refuse.topologyFull('declare', 'queue', name, vhost.name)
  }
  return vhost.addQueue({
    name,
    // RabbitMQ: an exclusive queue goes with its connection, so it is never a durable one.
    durable: declaration.durable && !declaration.exclusive,
    autoDelete: declaration.autoDelete,
    arguments: declaration.arguments,
    owner: declaration.exclusive ? user : undefined,
  })
}

/**
 * Throws BrokerError when the queue is exclusive to another connection. Every use of a queue goes through this: what its consumers
 * can take they have by then.
 */
export function accessQueue(vhost: Vhost, name: string, user: object): Queue {
  const queue = vhost.requireQueue(entityName(name))
  if (queue.owner !== undefined && queue.owner !== user) throw refuse.locked('queue', queue.name, vhost.name)
  queue.catchUp()
  return queue
}

/** Deletes a queue if it is there; how many ready messages went with it. */
export function deleteQueue(vhost: Vhost, name: string, ifUnused: boolean, ifEmpty: boolean, user: object): number {
  if (vhost.queue(entityName(name)) === undefined) return 0
  const queue = accessQueue(vhost, name, user)
  if (ifEmpty && queue.readyCount > 0) throw refuse.notEmpty('queue', queue.name, vhost.name)
  if (ifUnused && queue.consumers.count > 0) throw refuse.inUse('queue', queue.name, vhost.name)
  return vhost.removeQueue(queue)
}

function checkEquivalence(queue: Queue, declaration: QueueDeclaration, user: object): void {
  const resource = ['queue', queue.name, queue.vhostName] as const
  const owner = declaration.exclusive ? user : undefined
  if (queue.owner !== owner) throw refuse.locked(...resource)
  const flags = [
    ['durable', declaration.durable && !declaration.exclusive, queue.durable],
    ['auto_delete', declaration.autoDelete, queue.autoDelete],
  ] as const
  for (const [flag, received, current] of flags) {
    if (received !== current) throw refuse.inequivalent(flag, resource, `'${received}'`, `'${current}'`)
  }
  checkArgumentEquivalence(
    COMPARED_ARGUMENTS,
    resource,
    withQueueType(declaration.arguments),
    withQueueType(queue.arguments),
  )
}
