/** Declaring and deleting queues, with RabbitMQ's checks in RabbitMQ's order. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import { Undecided } from '../access/undecided.ts'
import type { Permission } from '../authorizer.ts'
import { BrokerError, refuse } from '../errors.ts'
import { queueBytes } from '../memory/topology-bytes.ts'
import { entityName, isReserved } from '../names.ts'
import type { Queue } from '../queues/queue.ts'
import { checkQueueArguments, comparedArguments, queueSettings, withQueueType } from '../queues/queue-arguments.ts'
import { queueKind } from '../queues/queue-kinds.ts'
import type { Session } from '../session.ts'
import type { Vhost } from '../vhost.ts'
import { checkArgumentEquivalence } from './exchange-declaration.ts'

export interface QueueDeclaration {
  /** Empty for a name made by the broker. */
  readonly name: string
  readonly durable: boolean
  readonly exclusive: boolean
  readonly autoDelete: boolean
  readonly arguments: FieldTable
}

/** An exclusive queue belongs to the session that declares it. Throws BrokerError. */
export function declareQueue(vhost: Vhost, declaration: QueueDeclaration, session: Session): Queue {
  try {
    return declare(vhost, declaration, session)
  } catch (error) {
    if (error instanceof BrokerError) session.serverNameUsed()
    throw error
  }
}

function declare(vhost: Vhost, declaration: QueueDeclaration, session: Session): Queue {
  const asked = entityName(declaration.name)
  // RabbitMQ: not even a queue that was given such a name by the broker is declared again under it.
  if (isReserved(asked)) throw refuse.reservedName('queue', asked)
  const queueArguments = withDefaultType(vhost, declaration)
  const kind = queueKind(queueArguments)
  if (asked === '' && kind.isAlwaysDurable) throw refuse.serverNamed(kind.module)
  const name = asked === '' ? session.serverName() : asked
  session.require('configure', 'queue', name)
  vhost.requireQueueGone(name)
  vhost.churn.queuesDeclared++
  try {
    return declareNamed(vhost, { ...declaration, name, arguments: queueArguments }, session)
  } catch (error) {
    // It comes again.
    if (error instanceof Undecided) vhost.churn.queuesDeclared--
    throw error
  }
}

function declareNamed(vhost: Vhost, declaration: QueueDeclaration, session: Session): Queue {
  const { name, arguments: queueArguments } = declaration
  const existing = vhost.queue(name)
  if (existing !== undefined) {
    checkEquivalence(existing, declaration, session)
    existing.catchUp()
    existing.renewLease()
    return existing
  }
  requireDeadLettering(name, queueArguments, session)
  checkQueueArguments(name, vhost.name, queueArguments)
  vhost.removals.checkRoom(session, {
    ofVhost: () => vhost.limits.checkQueue(name, vhost.heldQueueCount),
    ofAll: () => {
      vhost.nodeLimits.checkQueue(name)
      if (vhost.topology.hasRoomFor(queueBytes({ name, user: session.declarer, arguments: queueArguments }))) return
      throw refuse.topologyFull('declare', 'queue', name, vhost.name)
    },
  })
  if (queueKind(queueArguments).isAlwaysDurable) requireDurable(name, vhost.name, declaration)
  session.serverNameUsed()
  return vhost.addQueue({
    name,
    // RabbitMQ: an exclusive queue goes with its connection, so it is never a durable one.
    durable: declaration.durable && !declaration.exclusive,
    autoDelete: declaration.autoDelete,
    arguments: queueArguments,
    owner: declaration.exclusive ? session : undefined,
    user: session.declarer,
  })
}

/** RabbitMQ: the default type of a virtual host is for queues that it can be the type of; the others are classic. */
function withDefaultType({ defaultQueueType }: Vhost, declaration: QueueDeclaration): FieldTable {
  const { durable, exclusive, autoDelete, arguments: all } = declaration
  if (defaultQueueType === undefined || !durable || exclusive || autoDelete) return all
  return withQueueType(all, defaultQueueType)
}

function requireDurable(name: string, vhostName: string, { durable, exclusive, autoDelete }: QueueDeclaration): void {
  const [wrong] = [
    ...(autoDelete ? ['auto-delete'] : []),
    ...(exclusive ? ['exclusive-owner'] : []),
    ...(durable ? [] : ['non-durable']),
  ]
  if (wrong !== undefined) throw refuse.invalidProperty(wrong, 'queue', name, vhostName)
}

/** queue.declare with the passive bit: only asks for the queue, which takes any permission on it. Throws like `accessQueue`. */
export function passiveQueue(vhost: Vhost, name: string, session: Session): Queue {
  const plainName = entityName(name)
  session.requireAny('queue', plainName)
  return ownQueue(vhost, plainName, session)
}

/** The queue, for a use that takes this permission. Throws BrokerError, also when it is exclusive to another session. */
export function accessQueue(vhost: Vhost, name: string, session: Session, permission: Permission): Queue {
  const plainName = entityName(name)
  session.require(permission, 'queue', plainName)
  return ownQueue(vhost, plainName, session)
}

/**
 * The queue, unless it is exclusive to another session: then this throws BrokerError. Every use of a queue goes through this: what
 * its consumers can take they have by then.
 */
export function ownQueue(vhost: Vhost, name: string, session: Session): Queue {
  const queue = vhost.requireQueue(entityName(name))
  if (queue.owner !== undefined && queue.owner !== session) throw refuse.locked('queue', queue.name, vhost.name)
  queue.catchUp()
  return queue
}

/** Deletes a queue if it is there; how many ready messages went with it. */
export function deleteQueue(vhost: Vhost, name: string, ifUnused: boolean, ifEmpty: boolean, session: Session): number {
  const plainName = entityName(name)
  session.require('configure', 'queue', plainName)
  if (vhost.queue(plainName) === undefined) return 0
  const queue = ownQueue(vhost, plainName, session)
  if (queue.type === 'quorum' && (ifUnused || ifEmpty)) {
    throw refuse.conditionalDelete(ifUnused ? 'if-unused' : 'if-empty', 'queue', queue.name, vhost.name)
  }
  if (ifEmpty && queue.readyCount + queue.delayedCount > 0) throw refuse.notEmpty('queue', queue.name, vhost.name)
  if (ifUnused && queue.consumers.count > 0) throw refuse.inUse('queue', queue.name, vhost.name)
  return vhost.removeQueue(queue)
}

/** RabbitMQ: who has messages dead-lettered takes them out of the queue, and publishes them. */
function requireDeadLettering(name: string, queueArguments: FieldTable, session: Session): void {
  const { deadLetterExchange } = queueSettings(queueArguments)
  if (deadLetterExchange === undefined) return
  session.require('read', 'queue', name)
  session.require('write', 'exchange', deadLetterExchange)
}

function checkEquivalence(queue: Queue, declaration: QueueDeclaration, session: Session): void {
  const resource = ['queue', queue.name, queue.vhostName] as const
  const owner = declaration.exclusive ? session : undefined
  if (queue.owner !== owner) throw refuse.locked(...resource)
  const flags = [
    ['durable', declaration.durable && !declaration.exclusive, queue.durable],
    ['auto_delete', declaration.autoDelete, queue.autoDelete],
  ] as const
  for (const [flag, received, current] of flags) {
    if (received !== current) throw refuse.inequivalent(flag, resource, `'${received}'`, `'${current}'`)
  }
  checkArgumentEquivalence(
    comparedArguments(queue.type),
    resource,
    withQueueType(declaration.arguments),
    withQueueType(queue.arguments),
  )
}
