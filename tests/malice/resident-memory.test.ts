// The memory limit is about what the process really has: what is free or garbage counts, too. The broker is a process of its
// own here, and what the system says that it has is what counts.
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'
import { methodFrame } from '../support/wire-frames.ts'
import { BrokerProcess } from './broker-process.ts'
import { until } from './under-attack.ts'

const LIMIT_MB = 300
const PEAK_MB = LIMIT_MB * 1.2
/** From Node.js 24 on, V8 keeps more of what many short commits leave behind. */
const DURABLE_PEAK_MB = LIMIT_MB * (Number.parseInt(process.versions.node, 10) < 24 ? 1.2 : 1.35)
const QUIET_MB = 200
const QUIET_MS = 30_000
const LOAD_MS = 2000
/** On a machine that does something else, it takes longer until there is something to give back. */
const BUSY_MS_MAX = 10_000
const LOOK_MS = 100
/** With checkpoints of the store in it. */
const DURABLE_LOAD_MS = 6000
/** On a machine that does other things, too, the collector may come late. */
const MAY_REPEAT = { timeout: 60_000, retry: 2 }
const QUEUES = Array.from({ length: 1000 }, (_, i) => `copies-${i}`)

let broker: BrokerProcess
let clients: RawClient[]

beforeEach(async () => {
  broker = await BrokerProcess.start('--memory-limit', `${LIMIT_MB}MiB`, '--shutdown-grace', '1')
  clients = []
  broker.watchMemory()
})

afterEach(async () => {
  for (const client of clients) client.destroy()
  await broker.stop()
  expect(broker.errors).toEqual([])
})

async function channel(): Promise<RawChannel> {
  const client = await RawClient.connect(broker)
  clients.push(client)
  return (await client.handshake()).channel(1)
}

/** Publishes for so long as fast as the broker reads, longer on a busy machine, and ends by being cut off. */
async function publish(
  publisher: RawChannel,
  fields: { exchange?: string; routingKey?: string; properties?: { deliveryMode: number } },
  loadMs = LOAD_MS,
): Promise<void> {
  const { client } = publisher
  const one = publisher.publishBytes({ ...fields, body: Buffer.alloc(1024, 'x') })
  const many = Buffer.concat(Array.from({ length: 60 }, () => one))
  const endMs = Date.now() + loadMs
  const lastMs = endMs + BUSY_MS_MAX
  while (Date.now() < endMs || (broker.peakMb <= QUIET_MB && Date.now() < lastMs)) {
    if (client.socket.write(many)) await new Promise((resolve) => setImmediate(resolve))
    else {
      const drained = new Promise((resolve) => client.socket.once('drain', resolve))
      await Promise.race([
        drained,
        new Promise((resolve) => setTimeout(resolve, Math.max(LOOK_MS, endMs - Date.now()))),
      ])
    }
  }
  client.destroy()
}

async function expectMemoryBack(peakMb = PEAK_MB): Promise<void> {
  expect(broker.peakMb).toBeGreaterThan(QUIET_MB)
  expect(broker.peakMb).toBeLessThan(peakMb)
  await until(() => (broker.residentMb() ?? 0) < QUIET_MB, 'the memory was not given back', QUIET_MS)
}

test('a flood without a consumer takes the limit and little more, and leaves nothing behind', MAY_REPEAT, async () => {
  const owner = await channel()
  const queue = await owner.queue({ exclusive: false, autoDelete: false })
  await publish(await channel(), { routingKey: queue })
  await owner.call('queue.delete', { queue })
  await expectMemoryBack()
})

/** Publishes to a thousand queues that are emptied again and again, and deletes them. */
async function fanOut(durable: boolean): Promise<void> {
  const owner = await channel()
  const exchange = await owner.exchange('fanout')
  for (const queue of QUEUES) {
    owner.send('queue.declare', { queue, nowait: true, durable, autoDelete: true })
    owner.send('queue.bind', { queue, exchange, nowait: true })
  }
  await owner.expectQuiet()
  const purges = Buffer.concat(QUEUES.map((queue) => methodFrame(1, 'queue.purge', { queue, nowait: true })))
  const purging = setInterval(() => owner.client.write(purges), 500)
  const properties = { deliveryMode: durable ? 2 : 1 }
  await publish(await channel(), { exchange, properties }, durable ? DURABLE_LOAD_MS : LOAD_MS)
  clearInterval(purging)
  for (const queue of QUEUES) owner.send('queue.delete', { queue, nowait: true })
  await owner.expectQuiet()
}

test.each([
  ['in memory', false],
  ['on the disk', true],
])('so does a fan-out to a thousand queues (%s) that are emptied again and again', MAY_REPEAT, async (_, durable) => {
  await fanOut(durable)
  await expectMemoryBack(durable ? DURABLE_PEAK_MB : PEAK_MB)
})
