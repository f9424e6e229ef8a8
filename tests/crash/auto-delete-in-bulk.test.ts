// The broker is killed while very many durable auto-delete queues go with their client, and one is declared again: after the restart
// each is there with its message, or not at all, and what was declared again is new.
// LEVERET_CRASH_SEED repeats the decisions of a run, LEVERET_CRASH_AUTO_DELETES sets how often it is killed.
import { expect, test } from 'vitest'
import type { ServerRecovery } from '../../src/server/recovery.ts'
import { Random } from '../malice/random.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { methodFrame } from '../support/wire-frames.ts'
import type { CrashBroker } from './crash-broker.ts'
import { CrashStore, countOf, SEED, SEED_TITLE } from './crash-store.ts'
import { processProblems } from './verify.ts'

const KILLS = countOf('LEVERET_CRASH_AUTO_DELETES', 12)
const COUNT = 4000
const MIB = 1024 * 1024
/** To go takes them about so long. */
const TAKES_MS = 300
const VHOST = 'full'
const AGAIN = `q${COUNT - 1}`
const DURABLE = { durable: true, exclusive: false, autoDelete: true }

const store = new CrashStore()

async function start(durability: 'sync' | 'interval' | 'os'): Promise<CrashBroker> {
  return await store.start({ logFileBytes: MIB, memoryBytes: 64 * MIB, durability, killsItself: true })
}

/** Queues with a message each, and a consumer that does not get it. */
async function prepare(channel: RawChannel): Promise<void> {
  const { client, id } = channel
  const each = (frames: (queue: string) => Buffer[]): Buffer =>
    Buffer.concat(Array.from({ length: COUNT }, (_, i) => frames(`q${i}`)).flat())
  client.write(
    each((queue) => [
      methodFrame(id, 'queue.declare', { queue, ...DURABLE, nowait: true }),
      methodFrame(id, 'queue.bind', { queue, exchange: 'amq.fanout', nowait: true }),
      methodFrame(id, 'basic.consume', { queue, consumerTag: queue, nowait: true }),
    ]),
  )
  await channel.expectQuiet()
  // The first message takes all that the consumers may have.
  await channel.call('basic.qos', { prefetchCount: 1, global: true })
  channel.publish({ exchange: 'amq.fanout', body: 'm', properties: { deliveryMode: 2 } })
  // Answered once the disk has all before it.
  await channel.delivery()
  channel.send('queue.declare', { queue: 'last', ...DURABLE })
  await channel.expect('queue.declare-ok')
}

/** Whether the queue is there, without a message. */
async function isEmpty(channel: RawChannel, queue: string): Promise<boolean> {
  channel.send('queue.declare', { queue, passive: true })
  const { name, args } = await channel.next()
  channel.client.destroy()
  return name === 'queue.declare-ok' && args.messageCount === 0
}

test(`auto-delete queues go as a whole, each of them, through ${KILLS} kills (${SEED_TITLE})`, async () => {
  const random = new Random(SEED)
  for (let kill = 0; kill < KILLS; kill++) {
    const durability = random.pick(['sync', 'interval', 'os'] as const)
    let broker = await start(durability)
    expect(broker.recovery).toMatchObject({ queues: 0, messages: 0, problems: [] })
    await broker.vhost({ make: VHOST })
    const channel = await store.channel(VHOST)
    const other = await store.channel(VHOST)
    await prepare(channel)
    if (kill % 2 === 1)
      await broker.aim({ passing: random.below(10), when: random.pick(['before', 'after']), withinUs: 0 })
    channel.client.send(0, 'connection.close', { replyCode: 200 })
    const closed = await channel.client.next(0).catch(() => undefined)
    const again = closed && other.call('queue.declare', { queue: AGAIN, durable: true }).catch(() => undefined)
    const moment = new Promise((resolve) => setTimeout(resolve, random.below(TAKES_MS)))
    await (kill % 2 === 1 ? Promise.race([broker.exited, moment.then(() => again)]) : moment)
    await broker.kill()
    const isAnswered = (await again) !== undefined

    broker = await start(durability)
    const where = `kill ${kill}, durability ${durability}`
    expect(processProblems(broker), where).toEqual([])
    const { queues, messages } = broker.recovery as ServerRecovery
    const isNew = await isEmpty(await store.channel(VHOST), AGAIN)
    // Besides the one that had no consumer.
    expect(queues, where).toBe(messages + (isNew ? 2 : 1))
    if (isAnswered && durability === 'sync') expect(isNew, where).toBe(true)
    await broker.vhost({ remove: VHOST })
    await broker.kill('SIGTERM')
  }
})
