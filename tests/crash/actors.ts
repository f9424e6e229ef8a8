// Clients that keep the broker busy until it is killed, and note in the model what they asked for and what they were
// promised. Each has a connection of its own.
import type { Random } from '../malice/random.ts'
import { headersOf } from '../support/dead-letters.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'
import type { Received } from '../support/received.ts'
import type { WireTable } from '../support/wire-values.ts'
import type { CrashBroker } from './crash-broker.ts'
import {
  bodyOf,
  type CrashModel,
  idOf,
  QUORUM_QUEUE,
  type QueueModel,
  TrackedMessage,
  type WholeOperation,
} from './model.ts'

/** Queues of publishers and consumers; the fanout exchange leads to the last two. The first one has priorities, the second is a quorum queue. */
export const STREAM_QUEUES = ['stream-0', QUORUM_QUEUE, 'stream-2', 'stream-3'] as const
const PRIORITY_QUEUE = STREAM_QUEUES[0]
/** More than are used in one life, so that each of them has some that are new. */
const PRIORITY_MAX = 60
/** In a quorum queue, those above are high. */
const NORMAL_PRIORITY_MAX = 4
export const FANOUT = 'crash-fanout'
const FANOUT_QUEUES = ['stream-2', 'stream-3'] as const
export const TX_QUEUES = ['tx-0', 'tx-1', 'tx-2'] as const
export const PURGED_QUEUE = 'purged'
/** No client publishes to it. */
export const BARRIER = 'crash-barrier'

const CLOSED = 'the broker closed the socket'

export interface Stage {
  readonly broker: CrashBroker
  readonly model: CrashModel
  readonly random: Random
  /** How long a publisher rests between its rounds; 1 when not given. */
  readonly pauseMs?: number
}

export async function connect({ broker }: Pick<Stage, 'broker'>): Promise<RawClient> {
  return await (await RawClient.connect(broker)).handshake()
}

/** Acts until the broker is gone; whatever else goes wrong is thrown. */
export async function untilKilled({ broker }: Stage, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    // The socket closes a moment before the process is known to be gone.
    if (/broker closed the socket|ECONNRE|EPIPE|CONNECTION_FORCED/.test(String(error)) || !broker.isRunning) return
    throw error
  }
}

export async function declareQueue(channel: RawChannel, queue: string): Promise<Received> {
  return await channel.call('queue.declare', { queue, durable: true, arguments: argumentsOf(queue) })
}

function argumentsOf(queue: string): WireTable {
  if (queue === PRIORITY_QUEUE) return { 'x-max-priority': PRIORITY_MAX }
  return queue === QUORUM_QUEUE ? { 'x-queue-type': 'quorum' } : {}
}

/** Waits for a commit behind everything so far: what is unbound was there, so that its end is on the disk. */
export async function commitBarrier(channel: RawChannel, queue: string): Promise<void> {
  const binding = { queue, exchange: BARRIER, routingKey: 'barrier' }
  await channel.call('queue.bind', binding)
  await channel.call('queue.unbind', binding)
}

function bodySize(random: Random): number {
  if (random.onceIn(150)) return 100_000 + random.below(200_000)
  if (random.onceIn(40)) return 33_000 + random.below(30_000)
  return 12 + random.below(random.onceIn(3) ? 6000 : 300)
}

/** A channel with confirms and what waits for them. */
export class ConfirmedChannel {
  readonly #channel: RawChannel
  #published = 0
  readonly #waiting = new Map<number, readonly TrackedMessage[]>()
  readonly #publisher: number
  readonly #stage: Stage

  constructor(channel: RawChannel, stage: Stage) {
    this.#channel = channel
    this.#stage = stage
    this.#publisher = stage.model.nextPublisher()
  }

  get waitingCount(): number {
    return this.#waiting.size
  }

  publish(
    exchange: string,
    routingKey: string,
    queues: readonly QueueModel[],
    isPersistent: boolean,
    bytes = bodySize(this.#stage.random),
  ): void {
    const { model } = this.#stage
    const id = model.nextId()
    const priority = this.#priority(routingKey)
    const level = routingKey === QUORUM_QUEUE ? Number(priority > NORMAL_PRIORITY_MAX) : priority
    const messages = queues.map((queue) => {
      const message = new TrackedMessage(id, this.#publisher, bytes, isPersistent || queue.rules.keepsAll, level)
      queue.messages.set(id, message)
      return message
    })
    this.#waiting.set(++this.#published, messages)
    const properties = { deliveryMode: isPersistent ? 2 : 1, priority }
    this.#channel.publish({ exchange, routingKey, body: bodyOf(id, bytes), properties })
  }

  #priority(queue: string): number {
    const { random } = this.#stage
    if (queue === QUORUM_QUEUE) return random.below(10)
    return queue === PRIORITY_QUEUE ? random.below(random.onceIn(4) ? PRIORITY_MAX + 1 : 5) : 0
  }

  /** Waits for one confirm, which may stand for many. */
  async confirm(): Promise<void> {
    const { args } = await this.#channel.expect('basic.ack')
    const last = Number(args.deliveryTag)
    if (last > this.#published) throw new Error(`confirm ${last} was never published`)
    for (const [tag, messages] of this.#waiting) {
      if (tag > last) break
      if (!args.multiple && tag !== last) continue
      this.#waiting.delete(tag)
      for (const message of messages) if (message.isPersistent) message.kept = 'certain'
    }
  }
}

export async function publishing(stage: Stage): Promise<void> {
  const { model, random } = stage
  const client = await connect(stage)
  const channel = await client.channel(1)
  await channel.call('confirm.select')
  const confirmed = new ConfirmedChannel(channel, stage)
  for (;;) {
    const window = random.below(300)
    for (let left = random.below(40); left > 0; left--) {
      const isFanout = random.onceIn(3)
      const names = isFanout ? FANOUT_QUEUES : [random.pick(STREAM_QUEUES)]
      const queues = names.map((name) => model.queue(name))
      if (queues.some(({ messages }) => messages.size > model.queueLengthMax)) continue
      confirmed.publish(isFanout ? FANOUT : '', isFanout ? '' : String(names[0]), queues, !random.onceIn(10))
    }
    while (confirmed.waitingCount > window) await confirmed.confirm()
    // With nothing to wait for, the end would go unnoticed.
    if (client.isClosed) throw new Error(CLOSED)
    await new Promise((resolve) => setTimeout(resolve, stage.pauseMs ?? 1))
  }
}

/** What a consumer did that is not promised to be on the disk yet. */
class Uncertain {
  #settled: [QueueModel, TrackedMessage][] = []
  #delivered: TrackedMessage[] = []

  settled(queue: QueueModel, message: TrackedMessage): void {
    message.settled = 'maybe'
    this.#settled.push([queue, message])
  }

  delivered(message: TrackedMessage): void {
    if (message.delivered === 'no') message.delivered = 'maybe'
    this.#delivered.push(message)
  }

  /** Waits for a commit behind everything so far. */
  async commit(barrier: RawChannel, queue: string): Promise<void> {
    const settled = this.#settled
    const delivered = this.#delivered
    this.#settled = []
    this.#delivered = []
    await commitBarrier(barrier, queue)
    for (const message of delivered) message.delivered = 'certain'
    for (const [of, message] of settled) of.settledForGood(message)
  }
}

function messageIn(queue: QueueModel, received: Received): TrackedMessage {
  const { content } = received
  if (content === undefined) throw new Error('a delivery without content')
  const id = idOf(content.body)
  const message = queue.messages.get(id)
  if (message === undefined || !content.body.equals(bodyOf(id, message.bodyBytes))) {
    throw new Error(`${queue.name}: message ${id} was delivered, and is not what was published`)
  }
  const returns = Number(headersOf({ ...received, content })['x-delivery-count'] ?? 0)
  if (returns > Math.min(message.returnsMax, queue.rules.returnsMax))
    throw new Error(
      `${queue.name}: message ${id} came back ${returns} times, and up to ${message.returnsMax} are possible`,
    )
  message.returnsMax++
  return message
}

export async function consuming(stage: Stage, name: string): Promise<void> {
  const { model, random } = stage
  const client = await connect(stage)
  const channel = await client.channel(1)
  const barrier = await client.channel(2)
  const queue = model.queue(name)
  const uncertain = new Uncertain()
  const prefetchCount = 1 + random.below(200)
  queue.sentUnseenMax = prefetchCount
  await channel.call('basic.qos', { prefetchCount })
  await channel.consume(name)
  const held: [tag: number, message: TrackedMessage][] = []
  for (;;) {
    const received = await channel.expect('basic.deliver')
    const message = messageIn(queue, received)
    uncertain.delivered(message)
    held.push([Number(received.args.deliveryTag), message])
    // One that holds all it may have gets no more.
    if (held.length >= prefetchCount || held.length > random.below(20))
      settleSome(channel, queue, held, uncertain, random)
    if (random.onceIn(60)) await uncertain.commit(barrier, name)
  }
}

function settleSome(
  channel: RawChannel,
  queue: QueueModel,
  held: [number, TrackedMessage][],
  uncertain: Uncertain,
  random: Random,
): void {
  const place = random.below(held.length)
  const [tag] = held[place] as [number, TrackedMessage]
  const isMultiple = random.onceIn(3)
  const isRequeued = random.onceIn(12)
  const taken = isMultiple ? held.splice(0, place + 1) : held.splice(place, 1)
  if (isRequeued) channel.nack(tag, { multiple: isMultiple, requeue: true })
  else {
    for (const [, message] of taken) uncertain.settled(queue, message)
    if (random.onceIn(10)) channel.nack(tag, { multiple: isMultiple, requeue: false })
    else channel.ack(tag, isMultiple)
  }
}

/** Takes messages from one queue and puts others into several, one transaction after the other. */
export async function transacting(stage: Stage): Promise<void> {
  const { model, random } = stage
  const client = await connect(stage)
  const channel = await client.channel(1)
  await channel.call('tx.select')
  const publisher = model.nextPublisher()
  for (;;) {
    const acks: [QueueModel, TrackedMessage][] = []
    const publishes: [QueueModel, TrackedMessage][] = []
    for (let left = random.below(6); left > 0; left--) {
      const queue = model.queue(random.pick(TX_QUEUES))
      queue.sentUnseenMax = 1
      const delivery = await channel.get(queue.name)
      queue.sentUnseenMax = 0
      if (delivery === undefined) continue
      const message = messageIn(queue, delivery)
      if (message.delivered === 'no') message.delivered = 'maybe'
      channel.ack(Number(delivery.args.deliveryTag))
      acks.push([queue, message])
    }
    for (let left = random.below(8); left > 0; left--) {
      const queue = model.queue(random.pick(TX_QUEUES))
      if (queue.messages.size > model.queueLengthMax) continue
      const message = new TrackedMessage(model.nextId(), publisher, bodySize(random), true)
      queue.messages.set(message.id, message)
      publishes.push([queue, message])
      const body = bodyOf(message.id, message.bodyBytes)
      channel.publish({ routingKey: queue.name, body, properties: { deliveryMode: 2 } })
    }
    if (random.onceIn(6)) await rollBack(channel, publishes)
    else {
      const transaction = { name: 'transaction', publishes, settles: acks }
      model.asked(transaction)
      await channel.call('tx.commit')
      model.answered(transaction)
    }
  }
}

async function rollBack(channel: RawChannel, publishes: readonly [QueueModel, TrackedMessage][]): Promise<void> {
  for (const [queue, { id }] of publishes) queue.messages.delete(id)
  await channel.call('tx.rollback')
  // The rolled back acks leave their messages with the channel: back to the queues.
  await channel.call('basic.recover', { requeue: true })
}

/** Fills a queue, then empties it: by purging it, or by deleting it and declaring it again. */
export async function purging(stage: Stage): Promise<void> {
  const { model, random } = stage
  const client = await connect(stage)
  const channel = await client.channel(1)
  const admin = await client.channel(2)
  await channel.call('confirm.select')
  const confirmed = new ConfirmedChannel(channel, stage)
  const queue = model.queue(PURGED_QUEUE)
  for (;;) {
    for (let left = random.below(60); left > 0; left--) confirmed.publish('', queue.name, [queue], !random.onceIn(10))
    while (confirmed.waitingCount > 0) await confirmed.confirm()
    if (random.onceIn(3)) continue
    const isDeleted = random.onceIn(2)
    const method = isDeleted ? 'queue.delete' : 'queue.purge'
    const dropped = wholeQueue(method, queue)
    model.asked(dropped)
    await admin.call(method, { queue: queue.name })
    model.answered(dropped)
    if (isDeleted) await declareQueue(admin, queue.name)
  }
}

/** What takes everything out of the queue. */
export function wholeQueue(name: string, queue: QueueModel): WholeOperation {
  const live = [...queue.messages.values()].filter(({ settled }) => settled !== 'certain')
  return { name, publishes: [], settles: live.map((message) => [queue, message] as const) }
}
