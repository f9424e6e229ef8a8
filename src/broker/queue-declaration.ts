/** Declaring and deleting queues, with RabbitMQ's checks in RabbitMQ's order. */
import type { FieldTable } from '../../protocol/field-table.ts'
import { refuse } from './errors.ts'
import { checkArgumentEquivalence } from './exchange-declaration.ts'
import { entityName, generatedName, isReserved } from './names.ts'
import type { Queue } from './queue.ts'
import { COMPARED_ARGUMENTS, checkQueueArguments } from './queue-arguments.ts'
import type { Vhost } from './vhost.ts'

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
  const name = entityName(declaration.name)
  const existing = name === '' ? undefined : vhost.queue(name)
  if (existing !== undefined) {
    checkEquivalence(existing, declaration, user)
    return existing
  }
  if (isReserved(name)) throw refuse.reservedName('queue', name)
  checkQueueArguments(name, vhost.name, declaration.arguments)
  return vhost.addQueue({
    name: name === '' ? generatedName('amq.gen-') : name,
    // RabbitMQ: an exclusive queue goes with its connection, so it is never a durable one.
    durable: declaration.durable && !declaration.exclusive,
    autoDelete: declaration.autoDelete,
    arguments: declaration.arguments,
    owner: declaration.exclusive ? user : undefined,
  })
}

/** Throws BrokerError when the queue is exclusive to somebody else. Every use of a queue goes through this. */
export function accessQueue(vhost: Vhost, name: string, user: object): Queue {
  const queue = vhost.requireQueue(entityName(name))
  if (queue.owner !== undefined && queue.owner !== user) throw refuse.locked('queue', queue.name, vhost.name)
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
  const received = declaration.arguments.get('x-queue-type')
  if (received !== undefined && String(received.value) !== 'classic') {
    throw refuse.inequivalent('x-queue-type', resource, `'${String(received.value)}'`, "'classic'")
  }
  checkArgumentEquivalence(COMPARED_ARGUMENTS, resource, declaration.arguments, queue.arguments)
}
