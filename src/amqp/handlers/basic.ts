import type { MethodArguments } from '../../../protocol/methods.ts'
import { deliveriesBefore, type Segment } from '../../../storage/segment.ts'
import { refuse } from '../../broker/errors.ts'
import { shortString } from '../../broker/messages/message.ts'
import { accessQueue } from '../../broker/operations/queue-declaration.ts'
import { consumerSettings } from '../../broker/queues/consumer-arguments.ts'
import type { Queue } from '../../broker/queues/queue.ts'
import { REPLY_QUEUE } from '../../broker/routing/reply-to.ts'
import type { Channel } from '../channel.ts'
import { writeStoredContent } from '../delivery.ts'
import type { UnackedOwner } from '../unacked.ts'
import { carryOutRest, type Handler } from './handler.ts'
import { queueName } from './queue.ts'

type ReadRecord = (segment: Segment, index: number, isRedelivered: boolean) => void

/** What a message taken by basic.get belongs to while it is unacked: no consumer, no credit. */
class GetOwner implements UnackedOwner {
  readonly isConsumer = false
  readonly timeoutMs = undefined
  readonly queue: Queue

  constructor(queue: Queue) {
    this.queue = queue
  }

  returnCredit(): void {}
}

const qos: Handler<'basic.qos'> = (channel, { prefetchSize, prefetchCount, global }) => {
  if (prefetchSize !== 0) throw refuse.prefetchSize(prefetchSize)
  // RabbitMQ: a limit for each consumer lifts the one they shared.
  channel.consumers.limitAll(global ? prefetchCount : 0)
  if (!global) channel.consumers.prefetchCount = prefetchCount
  channel.connection.send(channel.id, 'basic.qos-ok', {})
}

const consume: Handler<'basic.consume'> = (channel, args) => {
  const { connection, consumers, session, vhost } = channel
  const name = queueName(channel, args.queue)
  const sendOk = (consumerTag: string): void => {
    if (!args.nowait) connection.send(channel.id, 'basic.consume-ok', { consumerTag })
  }
  if (name === REPLY_QUEUE) {
    const tag = consumers.newReplyTag(args.consumerTag)
    if (!args.noAck) throw refuse.replyConsumerAcks()
    consumers.addReplyConsumer(tag, () => sendOk(tag))
    return
  }
  const tag = consumers.newTag(args.consumerTag)
  const queue = accessQueue(vhost, name, session, 'read')
  const request = {
    tag,
    isNoAck: args.noAck,
    isExclusive: args.exclusive,
    ...consumerSettings(args.arguments, queue),
    arguments: args.arguments,
  }
  consumers.add(queue, request, () => sendOk(tag))
}

const cancel: Handler<'basic.cancel'> = (channel, { consumerTag, nowait }) => {
  channel.consumers.cancel(consumerTag)
  if (!nowait) channel.connection.send(channel.id, 'basic.cancel-ok', { consumerTag })
}

const get: Handler<'basic.get'> = (channel, args) => {
  const { connection, session, unacked, vhost } = channel
  const queue = accessQueue(vhost, queueName(channel, args.queue), session, 'read')
  if (queue.type === 'quorum' && queue.settings.isSingleActiveConsumer) {
    throw refuse.getBesideActive('queue', queue.name, queue.vhostName)
  }
  const read: ReadRecord = (segment, index, redelivered) => {
    const deliveryTag = args.noAck ? unacked.skip() : unacked.add(new GetOwner(queue), segment, index)
    channel.counts.got(args.noAck, redelivered)
    const { block } = segment
    const keyStart = segment.keyStart(index)
    const exchange = shortString(block, keyStart)
    const routingKey = shortString(block, keyStart + 1 + block.view.getUint8(keyStart))
    const messageCount = queue.readyCount
    connection.send(channel.id, 'basic.get-ok', { deliveryTag, redelivered, exchange, routingKey, messageCount })
    const returns = redelivered && queue.countsDeliveries ? deliveriesBefore(segment, index) : 0
    writeStoredContent(channel.answering, segment, index, returns)
    channel.consumers.holdBehindAnswers()
  }
  const found = takesMore(channel, args.noAck)
    ? queue.pull.get(args.noAck, read, () => getAgain(channel, args))
    : 'empty'
  if (found === 'empty') {
    channel.counts.gotEmpty++
    connection.send(channel.id, 'basic.get-empty', {})
  }
  if (found === 'unread') connection.intake.beginLongWork()
}

/** When a limit on unacked bytes is reached, queues look empty. */
function takesMore({ connection, unacked }: Channel, isNoAck: boolean): boolean {
  const full = isNoAck ? undefined : unacked.counted?.full
  if (full !== undefined) connection.log.deliveriesWait(full)
  return full === undefined
}

/** What had to be read from the disk is there. */
function getAgain(channel: Channel, args: MethodArguments<'basic.get'>): void {
  channel.connection.intake.endLongWork()
  if (!channel.isClosing) carryOutRest(channel, 'basic.get', () => get(channel, args))
}

const recover: Handler<'basic.recover'> = (channel, { requeue }) => {
  if (!requeue) throw refuse.recoverWithoutRequeue()
  channel.settling.requeueAll(() => {
    channel.connection.send(channel.id, 'basic.recover-ok', {})
    channel.consumers.holdBehindAnswers()
  })
}

const recoverAsync: Handler<'basic.recover-async'> = (channel, { requeue }) => {
  if (!requeue) throw refuse.recoverWithoutRequeue()
  channel.settling.requeueAll()
}

export const basicHandlers = {
  'basic.qos': qos,
  'basic.consume': consume,
  'basic.cancel': cancel,
  'basic.get': get,
  'basic.recover': recover,
  'basic.recover-async': recoverAsync,
} as const
