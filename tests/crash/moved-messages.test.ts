// The broker is killed while it moves messages from one queue to another: each of them is in one of both then, and in one alone.
// Every other kill comes from outside, at any time; the others come from the broker itself, at one of its own writes.
// LEVERET_CRASH_SEED repeats the decisions of a run, LEVERET_CRASH_MOVES sets how often it is killed.
import { expect, test } from 'vitest'
import { Random } from '../malice/random.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import type { CrashBroker } from './crash-broker.ts'
import { CrashStore, countOf, SEED, SEED_TITLE } from './crash-store.ts'
import { processProblems } from './verify.ts'

const KILLS = countOf('LEVERET_CRASH_MOVES', 16)
const COUNT = 20_000
const BODY_BYTES = 200
const QUEUES = ['here', 'there'] as const
const MIB = 1024 * 1024

const store = new CrashStore()

async function start(random: Random): Promise<CrashBroker> {
  const memoryBytes = random.pick([MIB, 512 * MIB])
  const durability = random.pick(['sync', 'interval', 'os'] as const)
  return await store.start({ logFileBytes: MIB, memoryBytes, durability, killsItself: true })
}

async function withChannel<T>(act: (channel: RawChannel) => Promise<T>): Promise<T> {
  const channel = await store.channel()
  const result = await act(channel)
  await channel.client.close()
  return result
}

/** Numbered messages in the first queue, all of them safe. */
async function fill(channel: RawChannel): Promise<void> {
  for (const queue of QUEUES) await channel.queue({ exclusive: false, durable: true }, queue)
  await channel.call('confirm.select')
  for (let number = 0; number < COUNT; number++) {
    const body = String(number).padEnd(BODY_BYTES)
    channel.publish({ routingKey: QUEUES[0], body, properties: { deliveryMode: 2 } })
  }
  for (let confirmed = 0; confirmed < COUNT; ) {
    const { deliveryTag } = (await channel.expect('basic.ack')).args
    confirmed = Number(deliveryTag)
  }
}

/** The numbers in a queue, in its order. They stay there. */
async function numbersIn(channel: RawChannel, queue: string): Promise<number[]> {
  const { args } = await channel.call('queue.declare', { queue, passive: true })
  const numbers: number[] = []
  if (Number(args.messageCount) === 0) return numbers
  const consumerTag = await channel.consume(queue)
  while (numbers.length < Number(args.messageCount)) {
    numbers.push(Number((await channel.delivery()).content.body.toString()))
  }
  await channel.call('basic.cancel', { consumerTag })
  return numbers
}

const isRising = (numbers: readonly number[]) =>
  numbers.every((number, at) => at === 0 || number > Number(numbers[at - 1]))

test(`messages survive ${KILLS} kills while they are moved (${SEED_TITLE})`, {
  timeout: 60_000 + KILLS * 20_000,
}, async () => {
  const random = new Random(SEED)
  let broker = await start(random)
  await withChannel(fill)
  let [from, to]: readonly [string, string] = QUEUES
  let cut = 0
  for (let kill = 0; kill < KILLS; kill++) {
    if (kill % 2 === 1) {
      const when = random.pick(['before', 'within', 'after'] as const)
      await broker.aim({ passing: random.below(6), when, withinUs: random.below(2000) })
    }
    const moved = broker.move(from, to)
    if (kill % 2 === 0) await new Promise((resolve) => setTimeout(resolve, random.below(150)))
    else await Promise.race([moved, broker.exited])
    await broker.kill()
    const told = await moved
    broker = await start(random)
    const [left, arrived] = await withChannel(async (channel) => [
      await numbersIn(channel, from),
      await numbersIn(channel, to),
    ])
    const after = `after kill ${kill + 1}`
    expect(processProblems(broker), after).toEqual([])
    expect(new Set([...left, ...arrived]).size, after).toBe(COUNT)
    expect(left.length + arrived.length, after).toBe(COUNT)
    expect([isRising(left), isRising(arrived)], after).toEqual([true, true])
    if (told !== undefined) expect(left, after).toEqual([])
    if (left.length > 0 && arrived.length > 0) cut++
    // What is left follows, and goes back next time.
    expect(await broker.move(from, to), after).toBe(left.length)
    ;[from, to] = [to, from]
  }
  await broker.kill('SIGTERM')
  expect(cut, 'kills in the middle of a move').toBeGreaterThan(0)
})
