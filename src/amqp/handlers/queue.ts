import type { MethodArguments } from '../../../protocol/methods.ts'
import { type BindingAction, changeQueueBinding } from '../../broker/binding-operations.ts'
import { refuse } from '../../broker/errors.ts'
import { entityName } from '../../broker/names.ts'
import { accessQueue, declareQueue, deleteQueue } from '../../broker/queue-declaration.ts'
import { isReplyAddress, REPLY_QUEUE } from '../../broker/reply-to.ts'
import type { Channel } from '../channel.ts'
import type { Handler } from '../dispatch.ts'

/** The queue a method names; an empty name stands for the one declared last on the channel. */
export function queueName(channel: Channel, name: string): string {
  if (name !== '') return name
  if (channel.lastQueueName === undefined) throw refuse.noPreviousQueue()
  return channel.lastQueueName
}

const declare: Handler<'queue.declare'> = (channel, args) => {
  const { connection } = channel
  if (args.queue === REPLY_QUEUE || isReplyAddress(args.queue)) {
    declareReplyAddress(channel, args)
    return
  }
  const isNew = !args.passive && connection.vhost.queue(args.queue) === undefined
  const queue = args.passive
    ? accessQueue(connection.vhost, args.queue, connection)
    : declareQueue(connection.vhost, { ...args, name: args.queue }, connection)
  channel.lastQueueName = queue.name
  if (isNew) connection.channels.warnOfArguments(queue)
  connection.channels.addExclusiveQueue(queue)
  if (args.nowait) return
  const isStaged = !args.passive && connection.vhost.entities.isQueueStaged(queue.vhostName, queue.name)
  const counts = { messageCount: queue.readyCount, consumerCount: queue.consumers.count }
  connection.sendWhenDurable(channel.id, 'queue.declare-ok', { queue: queue.name, ...counts }, isStaged)
}

/** A replier may ask whether the requester is still there; the pseudo-queue itself always is. */
function declareReplyAddress(channel: Channel, { queue, nowait }: MethodArguments<'queue.declare'>): void {
  const { vhost } = channel.connection
  if (queue !== REPLY_QUEUE && vhost.replyConsumers.at(queue) === undefined)
    throw refuse.missing('queue', queue, vhost.name)
  if (!nowait) channel.connection.send(channel.id, 'queue.declare-ok', { queue, messageCount: 0, consumerCount: 1 })
}

const remove: Handler<'queue.delete'> = (channel, args) => {
  const { connection } = channel
  const name = queueName(channel, args.queue)
  const messageCount = deleteQueue(connection.vhost, name, args.ifUnused, args.ifEmpty, connection)
  if (args.nowait) return
  const isStaged = connection.vhost.entities.isQueueStaged(connection.vhost.name, entityName(name))
  connection.sendWhenDurable(channel.id, 'queue.delete-ok', { messageCount }, isStaged)
}

const purge: Handler<'queue.purge'> = (channel, args) => {
  const { connection } = channel
  const queue = accessQueue(connection.vhost, queueName(channel, args.queue), connection)
  const messageCount = queue.purge()
  if (args.nowait) return
  connection.sendWhenDurable(channel.id, 'queue.purge-ok', { messageCount }, queue.durable && messageCount > 0)
}

const bind: Handler<'queue.bind'> = (channel, args) => {
  const isStaged = change(channel, 'bind', args)
  if (!args.nowait) channel.connection.sendWhenDurable(channel.id, 'queue.bind-ok', {}, isStaged)
}

const unbind: Handler<'queue.unbind'> = (channel, args) => {
  const isStaged = change(channel, 'unbind', args)
  channel.connection.sendWhenDurable(channel.id, 'queue.unbind-ok', {}, isStaged)
}

/** Whether the disk does not know of the change yet. */
function change(channel: Channel, action: BindingAction, args: MethodArguments<'queue.unbind'>): boolean {
  const { connection } = channel
  const destination = queueName(channel, args.queue)
  // AMQP 0-9-1: with neither name given, the routing key is the name of the last queue.
  const routingKey = args.queue === '' && args.routingKey === '' ? destination : args.routingKey
  const request = { source: args.exchange, destination, routingKey, arguments: args.arguments }
  const binding = changeQueueBinding(connection.vhost, action, request, connection)
  return connection.vhost.entities.isBindingStaged(binding)
}

export const queueHandlers = {
  'queue.declare': declare,
  'queue.delete': remove,
  'queue.purge': purge,
  'queue.bind': bind,
  'queue.unbind': unbind,
} as const
