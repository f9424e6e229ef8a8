// What is done to a queue of very many messages with one request, and what the model has to know of it.
import type { RawChannel } from '../support/raw-channel.ts'
import { ConfirmedChannel, connect, declareQueue, type Stage, wholeQueue } from './actors.ts'
import { bodyOf, type FoundMessage, type QueueModel, TrackedMessage } from './model.ts'
import { processProblems, readQueue } from './verify.ts'

const LARGE_QUEUE = 'large'
export const LARGE_COUNT = 100_000
const BESIDE_QUEUES = ['beside-0', 'beside-1'] as const
/** A transaction puts so many messages into each of these, too. */
const BESIDE_COUNT = 2000
const BATCH = 1000
/** A page of many small messages, and now and then a body that is kept beside it. */
const BODY_BYTES_MAX = 60
const LARGE_BODY_BYTES = 40_000

export interface LargeOperation {
  readonly name: string
  /** Makes everything ready; returns what asks for the operation at once, and resolves when it is answered. */
  prepare(stage: Stage): Promise<() => Promise<void>>
}

/** Publishes and confirms until the queue has so many. */
async function fill(channel: RawChannel, stage: Stage, queue: QueueModel): Promise<void> {
  const confirmed = new ConfirmedChannel(channel, stage)
  const { socket } = channel.client
  let missing = LARGE_COUNT - liveCount(queue)
  while (missing > 0) {
    const count = Math.min(missing, BATCH)
    socket.cork()
    for (let left = count; left > 0; left--) confirmed.publish('', queue.name, [queue], true, bodyBytes(stage))
    socket.uncork()
    missing -= count
    while (confirmed.waitingCount > 5 * BATCH) await confirmed.confirm()
  }
  while (confirmed.waitingCount > 0) await confirmed.confirm()
}

function bodyBytes({ random }: Stage): number {
  return random.onceIn(2000) ? LARGE_BODY_BYTES : 12 + random.below(BODY_BYTES_MAX)
}

function liveCount(queue: QueueModel): number {
  let count = 0
  for (const { settled } of queue.messages.values()) if (settled !== 'certain') count++
  return count
}

async function declare(channel: RawChannel, { model }: Stage, queue: string): Promise<void> {
  await declareQueue(channel, queue)
  model.entities.set(`queue ${queue}`, 'certain')
}

async function confirming(stage: Stage): Promise<RawChannel> {
  const channel = await (await connect(stage)).channel(1)
  await declare(channel, stage, LARGE_QUEUE)
  await channel.call('confirm.select')
  return channel
}

/** Fills the queue and leaves a channel that has nothing on its way. */
async function filled(stage: Stage): Promise<{ channel: RawChannel; queue: QueueModel }> {
  const channel = await confirming(stage)
  const queue = stage.model.queue(LARGE_QUEUE)
  await fill(channel, stage, queue)
  return { channel, queue }
}

async function emptying(stage: Stage, method: 'queue.purge' | 'queue.delete'): Promise<() => Promise<void>> {
  const { channel, queue } = await filled(stage)
  return async () => {
    const operation = wholeQueue(method, queue)
    stage.model.asked(operation)
    if (method === 'queue.delete') stage.model.entities.set(`queue ${LARGE_QUEUE}`, 'maybe')
    await channel.call(method, { queue: LARGE_QUEUE })
    stage.model.answered(operation)
    if (method === 'queue.delete') stage.model.entities.set(`queue ${LARGE_QUEUE}`, 'no')
    await channel.client.close()
  }
}

/** Takes everything out of the queue and puts something into two others. */
async function moving(stage: Stage): Promise<() => Promise<void>> {
  const { model } = stage
  const { channel, queue } = await filled(stage)
  const operation = { ...wholeQueue('tx.commit', queue), publishes: [] as [QueueModel, TrackedMessage][] }
  const other = await channel.client.channel(2)
  await other.call('tx.select')
  await readQueue(other, LARGE_QUEUE, LARGE_COUNT)
  for (const message of queue.messages.values()) message.delivered = 'maybe'
  other.ack(0, true)
  for (const name of BESIDE_QUEUES) {
    await declare(other, stage, name)
    const beside = model.queue(name)
    const publisher = model.nextPublisher()
    for (let left = BESIDE_COUNT; left > 0; left--) {
      const message = new TrackedMessage(model.nextId(), publisher, bodyBytes(stage), true)
      operation.publishes.push([beside, message])
      const body = bodyOf(message.id, message.bodyBytes)
      other.publish({ routingKey: name, body, properties: { deliveryMode: 2 } })
    }
  }
  // All of it has come, and nothing happens before the commit.
  await other.expectQuiet()
  return async () => {
    for (const [beside, message] of operation.publishes) beside.messages.set(message.id, message)
    model.asked(operation)
    await other.call('tx.commit')
    model.answered(operation)
    await channel.client.close()
  }
}

/** Commits one after the other: what is there of them has no gap. */
async function publishing(stage: Stage): Promise<() => Promise<void>> {
  const channel = await confirming(stage)
  await channel.call('queue.purge', { queue: LARGE_QUEUE })
  const queue = stage.model.queue(LARGE_QUEUE)
  queue.messages.clear()
  return async () => {
    await fill(channel, stage, queue)
    await channel.client.close()
  }
}

export const LARGE_OPERATIONS: readonly LargeOperation[] = [
  { name: 'commits', prepare: publishing },
  { name: 'tx.commit', prepare: moving },
  { name: 'queue.purge', prepare: (stage) => emptying(stage, 'queue.purge') },
  { name: 'queue.delete', prepare: (stage) => emptying(stage, 'queue.delete') },
]

/** Everything that is not as it was promised. */
export async function largeProblems(stage: Stage): Promise<string[]> {
  const { model } = stage
  const problems = processProblems(stage.broker)
  const client = await connect(stage)
  const found = new Map<string, FoundMessage[]>()
  let channelId = 0
  for (const name of [LARGE_QUEUE, ...BESIDE_QUEUES]) {
    const channel = await client.channel(++channelId)
    channel.send('queue.declare', { queue: name, passive: true })
    const { name: answer, args } = await channel.next()
    const isThere = answer === 'queue.declare-ok'
    found.set(name, isThere ? await readQueue(channel, name, Number(args.messageCount)) : [])
    const state = model.entities.get(`queue ${name}`)
    if (!isThere && state === 'certain') problems.push(`${name} is missing`)
    if (isThere && state === 'no') problems.push(`${name} was deleted`)
    // A queue goes with its messages.
    if (isThere && state === 'maybe' && found.get(name)?.length === 0)
      problems.push(`${name} was emptied by its deletion`)
  }
  problems.push(...model.operationProblems(found))
  for (const [name, messages] of found) {
    const queue = model.queue(name)
    problems.push(...queue.problems(messages), ...gaps(queue, messages))
    queue.accept(messages)
  }
  await client.close()
  return problems
}

/** What one channel published into one queue was kept in this order, and not settled one by one. */
function gaps(queue: QueueModel, found: readonly FoundMessage[]): string[] {
  const ids = new Set(found.map(({ id }) => id))
  const missing = new Map<number, number>()
  const problems: string[] = []
  for (const { id, publisher, settled } of queue.messages.values()) {
    if (settled !== 'no') continue
    if (!ids.has(id)) missing.set(publisher, id)
    else if (missing.has(publisher))
      problems.push(`${queue.name}: ${id} is there, and ${missing.get(publisher)} is not`)
  }
  return problems
}
