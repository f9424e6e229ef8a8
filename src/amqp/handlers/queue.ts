import type { MethodArguments } from '../../../protocol/methods.ts'
import { refuse } from '../../broker/errors.ts'
import { entityName } from '../../broker/names.ts'
import { type BindingRequest, bindQueue, unbindQueue } from '../../broker/operations/binding-operations.ts'
import { accessQueue, declareQueue, deleteQueue, passiveQueue } from '../../broker/operations/queue-declaration.ts'
import { isReplyAddress, REPLY_QUEUE } from '../../broker/routing/reply-to.ts'
import type { Channel } from '../channel.ts'
import type { Handler } from './handler.ts'
import { whenUnbound } from './when-unbound.ts'

/** The queue a method names; an empty name stands for the one declared last on the channel. */
export function queueName(channel: Channel, name: string): string {
  if (name !== '') return name
  if (channel.lastQueueName === undefined) throw refuse.noPreviousQueue()
  return channel.lastQueueName
}

const declare: Handler<'queue.declare'> = (channel, args) => {
  const { connection, session, vhost } = channel
  const name = entityName(args.queue)
  if (name === REPLY_QUEUE || isReplyAddress(name)) {
    declareReplyAddress(channel, name, args.nowait)
    return
  }
  const queue = args.passive
    ? passiveQueue(vhost, args.queue, session)
    : declareQueue(vhost, { ...args, name: args.queue }, session)
  channel.lastQueueName = queue.name
  queue.renewLease()
  connection.channels.addExclusiveQueue(queue)
  if (args.nowait) return
  const isStaged = !args.passive && vhost.entities.isQueueStaged(queue.vhostName, queue.name)
  const counts = { messageCount: queue.readyCount, consumerCount: queue.consumers.count }
  connection.sendWhenDurable(channel.id, 'queue.declare-ok', { queue: queue.name, ...counts }, isStaged)
}

/** A replier may ask whether the requester is still there; the pseudo-queue itself always is. */
function declareReplyAddress(channel: Channel, queue: string, nowait: boolean): void {
  const { vhost } = channel
  if (queue !== REPLY_QUEUE && vhost.replyConsumers.at(queue) === undefined)
    throw refuse.missing('queue', queue, vhost.name)
  channel.lastQueueName = queue
  if (!nowait) channel.connection.send(channel.id, 'queue.declare-ok', { queue, messageCount: 0, consumerCount: 1 })
}

const remove: Handler<'queue.delete'> = (channel, args) => {
  const { connection, session, vhost } = channel
  const name = entityName(queueName(channel, args.queue))
  const messageCount = deleteQueue(vhost, name, args.ifUnused, args.ifEmpty, session)
  whenUnbound(channel, 'queue', name, () => {
    if (args.nowait) return
    const isStaged = vhost.entities.isQueueStaged(vhost.name, name)
    connection.sendWhenDurable(channel.id, 'queue.delete-ok', { messageCount }, isStaged)
  })
}

const purge: Handler<'queue.purge'> = (channel, args) => {
  const { connection, session, vhost } = channel
  const queue = accessQueue(vhost, queueName(channel, args.queue), session, 'read')
  const messageCount = queue.purge()
  if (args.nowait) return
  connection.sendWhenDurable(channel.id, 'queue.purge-ok', { messageCount }, queue.durable && messageCount > 0)
}

const bind: Handler<'queue.bind'> = (channel, args) => {
  const { connection, session, vhost } = channel
  const binding = bindQueue(vhost, bindingRequest(channel, args), session)
  if (args.nowait) return
  connection.sendWhenDurable(channel.id, 'queue.bind-ok', {}, vhost.entities.isBindingStaged(binding))
}

const unbind: Handler<'queue.unbind'> = (channel, args) => {
  const { connection, session, vhost } = channel
  const binding = unbindQueue(vhost, bindingRequest(channel, args), session)
  const isStaged = binding !== undefined && vhost.entities.isBindingStaged(binding)
  connection.sendWhenDurable(channel.id, 'queue.unbind-ok', {}, isStaged)
}

function bindingRequest(channel: Channel, args: MethodArguments<'queue.unbind'>): BindingRequest {
  const destination = queueName(channel, args.queue)
  // AMQP 0-9-1: with neither name given, the routing key is the name of the last queue.
  const routingKey = args.queue === '' && args.routingKey === '' ? destination : args.routingKey
  return { source: args.exchange, destination, routingKey, arguments: args.arguments }
}

export const queueHandlers = {
  'queue.declare': declare,
  'queue.delete': remove,
  'queue.purge': purge,
  'queue.bind': bind,
  'queue.unbind': unbind,
} as const
