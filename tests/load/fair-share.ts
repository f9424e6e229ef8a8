/** Clients that have much to do, each in another way: none of them may keep a quiet one waiting. */
import { encodeMethodFrame } from '../../protocol/method-codec.ts'
import type { LoadBroker } from './broker.ts'
import { consume, declareQueue, publish, QUEUE_DECLARE_OK } from './frames.ts'
import { LoadClient } from './load-client.ts'
import type { Figures, Length, Scenario } from './scenarios.ts'

const BODY = Buffer.alloc(16)
const TAKER_READ_BYTES = 256 * 1024

export function fairShare(inMemory: readonly string[]): Readonly<Record<string, Scenario>> {
  return {
    crowd: {
      description: '100 connections that publish at full speed, each to a queue of its own, and 100 that consume',
      broker: inMemory,
      seconds: 15,
      run: crowd,
    },
    'thousand-channels': {
      description:
        'one connection with 1,000 channels, which publishes on all of them at full speed, and one that consumes',
      broker: inMemory,
      seconds: 15,
      run: thousandChannels,
    },
    'thousands-of-queues': {
      description:
        'one connection that publishes to 5,000 queues in turn at full speed, and one that consumes from all',
      broker: inMemory,
      seconds: 15,
      run: thousandsOfQueues,
    },
  }
}

/** Sends the bytes again and again until the time has come; how often. */
async function repeat(client: LoadClient, bytes: Uint8Array, endsAt: number): Promise<number> {
  let times = 0
  for (; performance.now() < endsAt && client.failure === undefined; times++) {
    client.write(bytes)
    await client.drained(endsAt)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return times
}

/** A client that takes everything from these queues. */
async function takerOf(broker: LoadBroker, queues: readonly string[]): Promise<LoadClient> {
  const taker = await LoadClient.open(broker.target, 2047, TAKER_READ_BYTES)
  for (const queue of queues) taker.write(declareQueue(queue))
  await taker.call(declareQueue('load-last'), QUEUE_DECLARE_OK, queues.length + 1)
  for (const queue of queues) taker.write(consume(queue, true))
  return taker
}

async function crowd(broker: LoadBroker, { seconds, scale }: Length): Promise<Figures> {
  const queues = Array.from({ length: Math.round(100 * scale) }, (_, i) => `load-crowd-${i}`)
  const takers = await Promise.all(queues.map((queue) => takerOf(broker, [queue])))
  const publishers = await Promise.all(queues.map(() => LoadClient.open(broker.target)))
  const endsAt = performance.now() + seconds * 1000
  const times = await Promise.all(
    publishers.map((client, i) =>
      repeat(client, Buffer.concat(Array.from({ length: 50 }, () => publish(queues[i] ?? '', BODY))), endsAt),
    ),
  )
  for (const client of [...takers, ...publishers]) client.destroy()
  const sent = times.map((each) => each * 50)
  return {
    'published/s': rate(sent, seconds),
    'least and most of a client': `${Math.min(...sent)}, ${Math.max(...sent)}`,
  }
}

async function thousandChannels(broker: LoadBroker, { seconds, scale }: Length): Promise<Figures> {
  const channels = Math.round(1000 * scale)
  const taker = await takerOf(broker, ['load-channels'])
  const client = await LoadClient.open(broker.target)
  for (let id = 2; id <= channels; id++) client.write(encodeMethodFrame(id, 'channel.open', {}))
  const each = Array.from({ length: channels }, (_, i) => onChannel(publish('load-channels', BODY), i + 1))
  const times = await repeat(client, Buffer.concat(each), performance.now() + seconds * 1000)
  for (const one of [taker, client]) one.destroy()
  return { channels, 'published/s': rate([times * channels], seconds), failure: client.failure ?? '' }
}

async function thousandsOfQueues(broker: LoadBroker, { seconds, scale }: Length): Promise<Figures> {
  const queues = Array.from({ length: Math.round(5000 * scale) }, (_, i) => `load-many-${i}`)
  const taker = await takerOf(broker, queues)
  const client = await LoadClient.open(broker.target)
  const each = Buffer.concat(queues.map((queue) => publish(queue, BODY)))
  const times = await repeat(client, each, performance.now() + seconds * 1000)
  for (const one of [taker, client]) one.destroy()
  return { queues: queues.length, 'published/s': rate([times * queues.length], seconds) }
}

/** The same frames on another channel. */
function onChannel(frames: Buffer, id: number): Buffer {
  const bytes = Buffer.from(frames)
  for (let at = 0; at < bytes.length; at += bytes.readUInt32BE(at + 3) + 8) bytes.writeUInt16BE(id, at + 1)
  return bytes
}

function rate(sent: readonly number[], seconds: number): number {
  return Math.round(sent.reduce((sum, each) => sum + each, 0) / seconds)
}
