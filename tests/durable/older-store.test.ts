// Stores of the layout that was released first: what an earlier Leveret has kept, this one must find. Each fixture has the
// files of one store, by path: of a broker that was stopped, and of one that was killed.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { plainTable } from '../../protocol/field-table-plain.ts'
import type { EmbeddedBroker, ReceivedMessage } from '../../src/index.ts'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { LevelStorage } from '../../storage/level/level-storage.ts'
import { RawClient } from '../support/raw-client.ts'

const FIXTURES = join(import.meta.dirname, '../storage/level/fixtures')
const PERSISTENT = { deliveryMode: 2 }
const NO_ARGUMENTS = {}

let folder: string
let server: Server

async function start(): Promise<void> {
  server = new ServerBuilder()
    .withPort(0)
    .withStorage(new LevelStorage({ folder, freeBytesMin: 0 }))
    .build()
  await server.start()
}

function unpack(fixture: string): void {
  const packed = gunzipSync(readFileSync(join(FIXTURES, `${fixture}.json.gz`))).toString()
  for (const [path, content] of Object.entries<string>(JSON.parse(packed))) {
    const file = join(folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, Buffer.from(content, 'base64'))
  }
}

function other(): EmbeddedBroker {
  const broker = server.broker.vhost('other')
  if (broker === undefined) throw new Error('the other virtual host is missing')
  return broker
}

function exchange(name: string, type: string, changes: object = {}): object {
  return { name, type, durable: true, autoDelete: false, internal: false, arguments: NO_ARGUMENTS, ...changes }
}

function bindingsFrom(vhost: string, name: string): unknown[] {
  const bindings = [...server.core.requireVhost(vhost).requireExchange(name).outgoing.values()]
  return bindings
    .map(({ destination, routingKey, arguments: table }) => [
      `${destination.kind} ${destination.name}`,
      routingKey,
      plainTable(table),
    ])
    .sort()
}

async function takeAll(broker: EmbeddedBroker, queue: string): Promise<ReceivedMessage[]> {
  const messages: ReceivedMessage[] = []
  for (
    let next = await broker.get(queue, { noAck: true });
    next !== undefined;
    next = await broker.get(queue, { noAck: true })
  ) {
    messages.push(next)
  }
  return messages
}

/** What tells the messages of a queue apart. */
function told(messages: readonly ReceivedMessage[]): unknown[] {
  return messages.map(({ exchange, routingKey, body, redelivered }) => [
    exchange,
    routingKey,
    body.toString(),
    redelivered,
  ])
}

describe.each(['closed', 'killed'])('a store of an earlier version that was %s', (fixture) => {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'leveret-older-'))
    unpack(fixture)
    await start()
  })

  afterEach(async () => {
    await server.shutdown()
    rmSync(folder, { recursive: true })
  })

  test('is read without a complaint', () => {
    const counts = { vhosts: 2, users: 2, exchanges: 3, queues: 5, bindings: 6, messages: 16 }
    expect(server.recovery).toMatchObject({ ...counts, tornBytes: 0, quarantined: 0, problems: [] })
  })

  test('has its virtual hosts, and its users with their tags and passwords', async () => {
    expect(server.broker.vhosts().sort()).toEqual(['/', 'other'])
    const users = [...server.users.list()].sort((a, b) => (a.name < b.name ? -1 : 1))
    expect(users).toEqual([
      { name: 'alice', tags: ['administrator', 'audit'] },
      { name: 'guest', tags: ['administrator'] },
    ])
    const [address] = await server.listen()
    if (address === undefined) throw new Error('the server does not listen')
    for (const [user, pass] of [
      ['alice', 'secret of alice'],
      ['guest', 'guest'],
    ] as const) {
      const client = await RawClient.connect(address)
      await client.handshake({ user, pass, vhost: 'other' })
      await client.close()
    }
  })

  test('has its exchanges, its queues and the bindings between them', () => {
    const { broker } = server
    expect(broker.exchangeInfo('rest')).toMatchObject(exchange('rest', 'fanout', { internal: true }))
    const alternate = { arguments: { 'alternate-exchange': 'rest' } }
    expect(broker.exchangeInfo('orders')).toMatchObject(exchange('orders', 'topic', alternate))
    expect(broker.exchangeInfo('by-headers')).toMatchObject(exchange('by-headers', 'headers', { autoDelete: true }))
    expect(broker.exchangeInfo('gone')).toBeUndefined()
    expect(
      broker
        .queues()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['kept-long', 'large', 'new-orders', 'unrouted'])
    expect(broker.queueInfo('new-orders')).toMatchObject({ durable: true, arguments: { 'x-queue-type': 'classic' } })
    expect(bindingsFrom('/', 'orders')).toEqual([
      ['exchange by-headers', 'by-headers.#', {}],
      ['queue new-orders', 'order.*.new', {}],
    ])
    expect(bindingsFrom('/', 'by-headers')).toEqual([
      ['queue large', '', { 'x-match': 'all', size: 'large' }],
      ['queue new-orders', '', { 'x-match': 'any', size: 'large', urgent: true }],
    ])
    expect(bindingsFrom('/', 'rest')).toEqual([['queue unrouted', '', {}]])
    expect(bindingsFrom('other', 'amq.direct')).toEqual([['queue elsewhere', 'there', {}]])
  })

  test('does not tell how many bytes its messages have: that is known once they were read', async () => {
    const { broker } = server
    expect(broker.queueInfo('kept-long')?.bytesReady).toBeGreaterThanOrEqual('old 1'.length * 4)
    const first = (await broker.get('kept-long')) as ReceivedMessage
    const { bytesReady, bytesUnacked } = broker.queueInfo('kept-long') ?? {}
    expect([bytesReady, bytesUnacked]).toEqual(['old 1'.length * 3, 'old 1'.length])
    broker.nack(first)
  })

  test('has its messages: not those that were acked, and those that were not', async () => {
    const { broker } = server
    const orders = await takeAll(broker, 'new-orders')
    const ofOrder = (i: number, redelivered: boolean) => ['orders', `order.${i}.new`, `order ${i}`, redelivered]
    expect(told(orders.slice(0, -1))).toEqual([
      ...[1, 3, 4].map((i) => ofOrder(i, true)),
      ...[5, 6, 7, 8, 9].map((i) => ofOrder(i, false)),
    ])
    const properties = { ...PERSISTENT, messageId: 'id-1', headers: { number: 1, tags: ['a', 'b'] } }
    expect(orders[0]?.properties).toMatchObject(properties)
    const large = Buffer.alloc(20_000, 'large ')
    for (const message of [orders.at(-1), ...(await takeAll(broker, 'large'))]) {
      expect(message).toMatchObject({ exchange: 'by-headers', properties: { headers: { size: 'large' } } })
      expect(message?.body.equals(large)).toBe(true)
    }
    expect(told(await takeAll(broker, 'unrouted'))).toEqual([['orders', 'nowhere', 'rest', false]])
    expect(told(await takeAll(broker, 'kept-long'))).toEqual(
      [1, 2, 3, 4].map((i) => ['', 'kept-long', `old ${i}`, false]),
    )
    const [far, ...more] = await takeAll(other(), 'elsewhere')
    expect(far).toMatchObject({ properties: { ...PERSISTENT, contentType: 'text/plain' } })
    expect(far?.body.toString()).toBe('far away')
    expect(more).toEqual([])
  })

  test('is kept by this version: a second start finds what the first has changed', async () => {
    server.broker.ack((await server.broker.get('kept-long')) as ReceivedMessage)
    server.broker.publish('', 'kept-long', 'new', PERSISTENT)
    await server.shutdown()
    await start()
    expect(server.recovery).toMatchObject({ queues: 5, bindings: 6, messages: 16, quarantined: 0, problems: [] })
    const bodies = (await takeAll(server.broker, 'kept-long')).map(({ body }) => body.toString())
    expect(bodies).toEqual(['old 2', 'old 3', 'old 4', 'new'])
  })
})
