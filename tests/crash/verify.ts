// Reads everything the broker kept, and holds it against the model.
import type { RawChannel } from '../support/raw-channel.ts'
import {
  BARRIER,
  commitBarrier,
  connect,
  declareQueue,
  FANOUT,
  PURGED_QUEUE,
  STREAM_QUEUES,
  type Stage,
  TX_QUEUES,
} from './actors.ts'
import type { CrashBroker } from './crash-broker.ts'
import { entityProblems } from './entity-actor.ts'
import { type FoundMessage, foundMessage } from './model.ts'

const QUEUES = [...STREAM_QUEUES, ...TX_QUEUES, PURGED_QUEUE]

/** What every life of the broker starts with. Declaring what is there already changes nothing. */
export async function declareTopology(stage: Stage): Promise<void> {
  const client = await connect(stage)
  const channel = await client.channel(1)
  for (const queue of QUEUES) await declareQueue(channel, queue)
  await channel.call('exchange.declare', { exchange: FANOUT, type: 'fanout', durable: true })
  await channel.call('exchange.declare', { exchange: BARRIER, type: 'direct', durable: true })
  for (const queue of ['stream-2', 'stream-3']) await channel.bind(queue, FANOUT)
  await client.close()
}

/** Everything that is not as it was promised. */
export async function verify(stage: Stage, isDrained: boolean): Promise<string[]> {
  const { model } = stage
  const problems = [...processProblems(stage.broker), ...(await entityProblems(stage))]
  await declareTopology(stage)
  const client = await connect(stage)
  const found = new Map<string, FoundMessage[]>()
  let channelId = 0
  for (const name of QUEUES) {
    const channel = await client.channel(++channelId)
    const { args } = await declareQueue(channel, name)
    const messages = await readQueue(channel, name, Number(args.messageCount))
    if (isDrained && messages.length > 0) channel.ack(0, true)
    found.set(name, messages)
  }
  problems.push(...model.operationProblems(found))
  for (const [name, messages] of found) {
    const queue = model.queue(name)
    problems.push(...queue.problems(messages))
    queue.accept(messages)
  }
  await commitBarrier(await client.channel(++channelId), PURGED_QUEUE)
  for (const queue of model.queues()) {
    queue.deliveriesKept()
    if (isDrained) queue.messages.clear()
  }
  await client.close()
  return problems
}

/** Takes so many messages, and keeps them without an ack. */
export async function readQueue(channel: RawChannel, name: string, count: number): Promise<FoundMessage[]> {
  const messages: FoundMessage[] = []
  if (count > 0) await channel.consume(name)
  while (messages.length < count) {
    const { content, args } = await channel.delivery()
    messages.push(foundMessage(content.body, args.redelivered === true))
  }
  return messages
}

/** Being killed damages nothing. */
export function processProblems({ recovery, complaints }: CrashBroker): string[] {
  return [...(recovery?.problems ?? ['it does not say what it recovered']), ...complaints]
}
