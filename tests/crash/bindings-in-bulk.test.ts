// The broker is killed while the bindings of a queue that was deleted go: after the restart the queue is there with all of them, or none
// is left of both. Every other kill comes from outside, at any time; the others come from the broker itself, at one of its own writes.
// LEVERET_CRASH_SEED repeats the decisions of a run, LEVERET_CRASH_BINDINGS sets how often it is killed.
import { expect, test } from 'vitest'
import { Random } from '../malice/random.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { methodFrame } from '../support/wire-frames.ts'
import type { CrashBroker } from './crash-broker.ts'
import { CrashStore, countOf, SEED, SEED_TITLE } from './crash-store.ts'
import { processProblems } from './verify.ts'

const KILLS = countOf('LEVERET_CRASH_BINDINGS', 12)
const COUNT = 10_000
const MIB = 1024 * 1024
/** The deletion takes about so long. */
const TAKES_MS = 150
const QUEUE = 'bound'
const EXCHANGE = 'source'
/** Goes with the last of its bindings. */
const AUTO_DELETE = 'source-while-bound'
const DURABLE = { durable: true, exclusive: false }

const store = new CrashStore()

async function start(durability: 'sync' | 'interval' | 'os'): Promise<CrashBroker> {
  return await store.start({ logFileBytes: MIB, memoryBytes: 64 * MIB, durability, killsItself: true })
}

const keyOf = (i: number): string => `key.${i}`

async function prepare(channel: RawChannel): Promise<void> {
  await channel.exchange('topic', { durable: true, autoDelete: false }, EXCHANGE)
  await channel.exchange('topic', { durable: true, autoDelete: true }, AUTO_DELETE)
  await channel.queue(DURABLE, QUEUE)
  const bind = (exchange: string, i: number): Buffer =>
    methodFrame(channel.id, 'queue.bind', { queue: QUEUE, exchange, routingKey: keyOf(i), nowait: true })
  const numbers = Array.from({ length: COUNT / 2 }, (_, i) => i)
  channel.client.write(Buffer.concat(numbers.flatMap((i) => [bind(EXCHANGE, i), bind(AUTO_DELETE, i)])))
  // Answered once the disk has all before it.
  await channel.bind(QUEUE, EXCHANGE, keyOf(0))
}

/** Asks whether an entity is there; the channel is open again after a refusal. */
async function isThere(channel: RawChannel, kind: 'queue' | 'exchange', name: string): Promise<boolean> {
  if (kind === 'queue') channel.send('queue.declare', { queue: name, passive: true })
  else channel.send('exchange.declare', { exchange: name, type: 'topic', passive: true })
  if ((await channel.next()).name !== 'channel.close') return true
  channel.send('channel.close-ok')
  await channel.reopen()
  return false
}

/** How many of the bindings lead to the queue of this name, which is there, or is made. */
async function boundCount(channel: RawChannel): Promise<number> {
  await channel.queue(DURABLE, QUEUE)
  const numbers = Array.from({ length: COUNT / 2 }, (_, i) => i)
  channel.client.write(
    Buffer.concat(numbers.map((i) => channel.publishBytes({ exchange: EXCHANGE, routingKey: keyOf(i) }))),
  )
  return Number((await channel.call('queue.purge', { queue: QUEUE })).args.messageCount)
}

test(`bindings go with their queue, or stay with it, through ${KILLS} kills (${SEED_TITLE})`, async () => {
  const random = new Random(SEED)
  for (let kill = 0; kill < KILLS; kill++) {
    const durability = random.pick(['sync', 'interval', 'os'] as const)
    let broker = await start(durability)
    const channel = await store.channel()
    await prepare(channel)
    if (kill % 2 === 1)
      await broker.aim({ passing: random.below(40), when: random.pick(['before', 'after']), withinUs: 0 })
    let isAnswered = false
    const deleted = channel.call('queue.delete', { queue: QUEUE }).then(
      () => {
        isAnswered = true
      },
      () => {},
    )
    if (kill % 2 === 1) await Promise.race([deleted, broker.exited])
    else await new Promise((resolve) => setTimeout(resolve, random.below(TAKES_MS)))
    await broker.kill()
    await deleted

    broker = await start(durability)
    const after = await store.channel()
    const wasThere = await isThere(after, 'queue', QUEUE)
    const hasExchange = await isThere(after, 'exchange', AUTO_DELETE)
    const found = { problems: processProblems(broker), hasExchange, bound: await boundCount(after) }
    const where = `kill ${kill}, durability ${durability}`
    expect(found, where).toEqual({ problems: [], hasExchange: wasThere, bound: wasThere ? COUNT / 2 : 0 })
    if (isAnswered && durability === 'sync') expect(wasThere, where).toBe(false)
    await after.call('queue.delete', { queue: QUEUE })
    await broker.kill('SIGTERM')
  }
})
