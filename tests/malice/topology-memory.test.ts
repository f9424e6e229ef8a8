// Queues, exchanges, bindings and consumers with large arguments: they take room on V8's heap, and V8 ends a process whose heap
// is full. The broker is a process of its own here, with a small heap.
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'
import { methodFrame } from '../support/wire-frames.ts'
import type { WireTable } from '../support/wire-values.ts'
import { BrokerProcess } from './broker-process.ts'
import { Bystander } from './bystander.ts'
import { endOf } from './under-attack.ts'

const HEAP_MB = 96
/** What is to become durable is on the heap for a while, too. */
const DURABLE_HEAP_MB = 160
/** Of 100 KB each: far more than the heap has room for. */
const MANY = 3000
const USED_UP = /^RESOURCE_ERROR - cannot .*: memory for queues, exchanges, bindings and consumers is used up$/

let broker: BrokerProcess
let bystander: Bystander
const clients: RawClient[] = []

async function start(heapMb = HEAP_MB): Promise<void> {
  broker = await BrokerProcess.startWithHeap(heapMb, '--shutdown-grace', '300')
  bystander = await Bystander.start(broker)
}

afterEach(async () => {
  bystander.destroy()
  for (const client of clients.splice(0)) client.destroy()
  await broker.stop()
  expect(broker.errors).toEqual([])
  expect(broker.output).toBe('')
})

async function channel(): Promise<RawChannel> {
  const client = await RawClient.connect(broker)
  clients.push(client)
  return (await client.handshake()).channel(1)
}

const TEXT: WireTable = { note: 'x'.repeat(100_000) }
const FIELDS: WireTable = Object.fromEntries(Array.from({ length: 8000 }, (_, i) => [`k${i}`, i]))

/** Calls it again and again; how often the broker did as it was asked before it refused. */
async function untilRefused(one: (i: number) => Promise<unknown>, client: RawClient): Promise<number> {
  for (let i = 0; i < MANY; i++) {
    const answer = one(i).then(
      () => undefined,
      (error: Error) => error,
    )
    if ((await answer) === undefined) continue
    const { name, args } = await client.next(0)
    expect(name).toBe('connection.close')
    expect(args).toMatchObject({ replyCode: 506, replyText: expect.stringMatching(USED_UP) })
    client.send(0, 'connection.close-ok')
    return i
  }
  throw new Error('nothing was refused')
}

test.each([
  ['text', TEXT, 'direct', false],
  ['many fields', FIELDS, 'direct', false],
  ['text, durable', TEXT, 'topic', true],
  ['text, for a headers exchange', { ...TEXT, 'x-match': 'any' }, 'headers', false],
] as const)(
  'bindings with large arguments are refused before the heap is full: %s',
  async (_, args, type, durable) => {
    await start(durable ? DURABLE_HEAP_MB : HEAP_MB)
    const owner = await channel()
    const kept = { durable, exclusive: false, autoDelete: false }
    const queue = await owner.queue(kept)
    const exchange = await owner.exchange(type, { durable, autoDelete: false })
    const bindAll = async (): Promise<number> => {
      const attacker = await channel()
      return await untilRefused((i) => attacker.bind(queue, exchange, `key-${i}`, args), attacker.client)
    }
    const count = await bindAll()
    expect(count).toBeGreaterThan(3)
    expect(await bindAll()).toBe(count) // those that are there are found, and need no more room
    await owner.bind(queue, exchange, 'small')
    await (await channel()).consume(queue)
    await bystander.lives(20)
    await owner.call('queue.delete', { queue })
    await owner.queue(kept, queue)
    expect(await bindAll()).toBe(count)
    await bystander.lives(20)
    await bystander.stop()
  },
  60_000,
)

test('bindings that are sent without waiting for an answer are refused as well', async () => {
  await start()
  const owner = await channel()
  const queue = await owner.queue({ exclusive: false })
  const exchange = await owner.exchange('direct')
  const attacker = await channel()
  for (let i = 0; i < 1000; i++) {
    const fields = { queue, exchange, routingKey: `key-${i}`, arguments: TEXT, nowait: true }
    attacker.client.write(methodFrame(1, 'queue.bind', fields))
  }
  expect(await endOf(attacker.client)).toBe(506)
  await bystander.lives(20)
  await bystander.stop()
})

test.each([
  ['queues', (attacker: RawChannel, i: number) => attacker.queue({ arguments: TEXT }, `q-${i}`)],
  ['exchanges', (attacker: RawChannel, i: number) => attacker.exchange('direct', { arguments: TEXT }, `e-${i}`)],
  ['consumers', (attacker: RawChannel) => attacker.consume('shared', { arguments: TEXT })],
] as const)('%s with large arguments are refused before the heap is full', async (_, one) => {
  await start()
  const owner = await channel()
  await owner.queue({ exclusive: false, autoDelete: false }, 'shared')
  const attacker = await channel()
  expect(await untilRefused((i) => one(attacker, i), attacker.client)).toBeGreaterThan(50)
  await owner.queue()
  await owner.consume('shared')
  await bystander.lives(20)
  await bystander.stop()
})

test('channels are refused before the heap is full, and their room is free once they are gone', async () => {
  await start()
  /** Opens all channels of one connection after the other; how many connections it had when it was refused. */
  const openAll = async (): Promise<number> => {
    for (let connections = 1; connections <= 20; connections++) {
      const client = await (await RawClient.connect(broker)).handshake()
      clients.push(client)
      const ended = endOf(client)
      const opened = client.next(2047, 15_000).then(
        () => undefined,
        () => ended,
      )
      client.write(Buffer.concat(Array.from({ length: 2047 }, (_, i) => methodFrame(i + 1, 'channel.open', {}))))
      const code = await Promise.race([ended, opened])
      if (code === undefined) continue
      expect(code).toBe(506)
      return connections
    }
    throw new Error('nothing was refused')
  }
  const count = await openAll()
  expect(count).toBeGreaterThan(1)
  for (const client of clients.splice(0)) client.destroy()
  await bystander.lives(20)
  expect(await openAll()).toBe(count)
  for (const client of clients.splice(0)) client.destroy()
  await bystander.lives(20)
  await bystander.stop()
}, 60_000)

test('a transaction that would fill the heap is ended, however much memory there may be', async () => {
  broker = await BrokerProcess.startWithHeap(HEAP_MB, '--memory-limit', '16GiB', '--shutdown-grace', '300')
  const attacker = await channel()
  const queue = await attacker.queue()
  await attacker.call('tx.select')
  const one = attacker.publishBytes({ routingKey: queue })
  const many = Buffer.concat(Array.from({ length: 1000 }, () => one))
  const { client } = attacker
  let code: number | undefined
  const ended = endOf(client).then((it) => {
    code = it
  })
  while (code === undefined && !client.isClosed) {
    const isTaken = client.socket.write(many)
    await (isTaken
      ? new Promise((resolve) => setImmediate(resolve))
      : Promise.race([once(client.socket, 'drain'), ended]))
  }
  await ended
  expect(code).toBe(506)
  bystander = await Bystander.start(broker)
  await bystander.lives(20)
}, 60_000)
