// Who declared a queue or an exchange is known after a kill and after a restart; of what an older version kept it is not.
import { cpSync, rmSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeRecord, type Field } from '../../protocol/field-table.ts'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { LevelStorage } from '../../storage/level/level-storage.ts'
import { DURABLE, DurableServer, PERSISTENT } from './durable-server.ts'

const QUEUE_KIND = 3

let disk: DurableServer

beforeEach(async () => {
  disk = await DurableServer.start()
})

afterEach(() => disk.remove())

async function declareAsAnn(): Promise<void> {
  const { server } = disk
  await server.users.add('ann', 'secret')
  await server.permissions.set('ann', { configure: '.*', write: '.*', read: '.*' })
  const channel = await disk.channel({ user: 'ann', pass: 'secret' })
  await channel.call('exchange.declare', { exchange: 'x', type: 'topic', durable: true })
  await channel.call('queue.declare', { queue: 'plain', ...DURABLE })
  await channel.call('queue.declare', { queue: 'urgent', ...DURABLE, arguments: { 'x-max-priority': 9 } })
  await channel.call('confirm.select')
  // Both records are written again: one for a further log, one for times of messages.
  channel.publish({ routingKey: 'urgent', properties: { ...PERSISTENT, priority: 7 } })
  await channel.expect('basic.ack')
  channel.publish({ routingKey: 'plain', properties: { ...PERSISTENT, expiration: '3600000' } })
  await channel.expect('basic.ack')
  server.broker.declareQueue('ours')
  await server.broker.whenDurable()
}

function users({ broker }: Server): unknown {
  return [
    broker.exchangeInfo('x')?.user,
    ...['plain', 'urgent', 'ours'].map((name) => broker.queueInfo(name)?.user),
    broker.exchangeInfo('amq.topic')?.user,
  ]
}

test('is the user of the connection, and stays so after a kill and a restart, whoever declares it again', async () => {
  await declareAsAnn()
  const expected = ['ann', 'ann', 'ann', 'rmq-internal', 'rmq-internal']
  expect(users(disk.server)).toEqual(expected)
  const copy = `${disk.folder}-killed`
  cpSync(disk.folder, copy, { recursive: true, filter: (path) => !path.endsWith('.lock') })
  const killed = new ServerBuilder().withStorage(new LevelStorage({ folder: copy })).build()
  await killed.start()
  try {
    expect(killed.recovery).toMatchObject({ quarantined: 0, problems: [], messages: 2 })
    expect(users(killed)).toEqual(expected)
  } finally {
    await killed.shutdown()
    rmSync(copy, { recursive: true })
  }
  await disk.restart()
  expect(users(disk.server)).toEqual(expected)
  await disk.server.users.remove('ann')
  const channel = await disk.channel()
  await channel.call('queue.declare', { queue: 'plain', ...DURABLE })
  await channel.call('exchange.declare', { exchange: 'x', type: 'topic', durable: true })
  expect(users(disk.server)).toEqual(expected)
})

test('is not known of a queue that an older version kept', async () => {
  disk.server.broker.declareQueue('old')
  await disk.server.broker.whenDurable()
  await disk.stop()
  const storage = new LevelStorage({ folder: disk.folder })
  await storage.open()
  const fields: [string, Field][] = [
    ['id', { type: 'l', value: 1n }],
    ['autoDelete', { type: 't', value: false }],
    ['arguments', { type: 'F', value: new Map() }],
  ]
  storage.journal.put(QUEUE_KIND, JSON.stringify(['/', 'old']), encodeRecord(new Map(fields)))
  await storage.close()
  await disk.restart()
  expect(disk.server.recovery).toMatchObject({ queues: 1, problems: [] })
  expect(disk.server.broker.queueInfo('old')).toMatchObject({ durable: true, user: undefined })
})
