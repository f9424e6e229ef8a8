// What a server makes of a store that does not fit together: it says so once, and never keeps the folder for nothing.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { USER_KIND } from '../../src/auth/user-list.ts'
import { Broker } from '../../src/broker/broker.ts'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { LevelStorage } from '../../storage/level/level-storage.ts'

const QUEUE_KIND = 3
const UNKNOWN_KIND = 99

let folder: string
let lines: string[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-restored-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function start(): Promise<Server> {
  lines = []
  const note = (_: object, text: string): void => void lines.push(text)
  const server = new ServerBuilder()
    .withStorage(new LevelStorage({ folder }))
    .withLogger({ debug: () => {}, info: note, warn: note, error: note })
    .build()
  await server.start()
  return server
}

function summary(): string | undefined {
  return lines.find((line) => line.startsWith('the store is recovered'))
}

/** Changes the store behind the broker's back. */
async function change(work: (storage: LevelStorage) => void): Promise<void> {
  const storage = new LevelStorage({ folder })
  await storage.open()
  work(storage)
  await storage.close()
}

async function makeOrphanedBinding(): Promise<void> {
  const server = await start()
  server.broker.declareQueue('orders', { durable: true })
  server.broker.bindQueue('orders', 'amq.topic', 'new.#')
  await server.shutdown()
  await change(({ journal }) => journal.remove(QUEUE_KIND, JSON.stringify(['/', 'orders'])))
}

test('a binding to a queue that is missing is told of once, and is gone then', async () => {
  await makeOrphanedBinding()
  const server = await start()
  expect(server.recovery).toMatchObject({ quarantined: 1, bindings: 0 })
  expect(summary()).toMatch(/what was damaged is left out$/)
  // A new queue of that name has the bindings that it is given.
  server.broker.declareQueue('orders', { durable: true })
  await server.shutdown()
  const again = await start()
  expect(again.recovery).toMatchObject({ quarantined: 0, problems: [], queues: 1, bindings: 0 })
  expect(summary()).toMatch(/nothing was damaged$/)
  await again.shutdown()
})

test('the same binding made again at once stays', async () => {
  await makeOrphanedBinding()
  const server = await start()
  server.broker.declareQueue('orders', { durable: true })
  server.broker.bindQueue('orders', 'amq.topic', 'new.#')
  await server.shutdown()
  const again = await start()
  expect(again.recovery).toMatchObject({ problems: [], bindings: 1 })
  await again.shutdown()
})

test('what this version does not know is told of, and stays for one that does', async () => {
  await (await start()).shutdown()
  await change(({ journal }) => journal.put(UNKNOWN_KIND, '["x"]', Buffer.from('x')))
  for (let life = 0; life < 2; life++) {
    const server = await start()
    expect(server.recovery?.problems).toEqual([expect.stringContaining('this version does not know its kind')])
    await server.shutdown()
  }
})

test('a user who makes no sense stays: the default user is not made in his place', async () => {
  await (await start()).shutdown()
  await change(({ journal }) => journal.put(USER_KIND, '["guest"]', Buffer.from('no user')))
  for (let life = 0; life < 2; life++) {
    const server = await start()
    expect(server.recovery?.problems).toEqual([expect.stringContaining('user ["guest"] is left out')])
    expect(server.users.list()).toEqual([])
    await server.shutdown()
  }
})

test('damage in more places than there are sentences is counted', async () => {
  const server = await start()
  for (let number = 0; number < 150; number++) server.broker.declareQueue(`queue ${number}`, { durable: true })
  await server.shutdown()
  const database: ClassicLevel<Buffer, Buffer> = new ClassicLevel(join(folder, 'catalogue'), {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    compression: false,
  })
  for await (const [key, record] of database.iterator()) {
    if (key.toString('latin1', 0, 2) !== `e${String.fromCharCode(QUEUE_KIND)}`) continue
    record.writeUInt8(record.readUInt8(record.length - 1) ^ 1, record.length - 1)
    await database.put(key, record)
  }
  await database.close()
  const again = await start()
  expect(again.recovery?.problems).toHaveLength(100)
  // The log knows them all.
  expect(again.recovery).toMatchObject({ quarantined: 150, queues: 150 })
  expect(summary()).toMatch(/what was damaged is left out$/)
  await again.shutdown()
})

test('a server that cannot make what the storage has frees the folder', async () => {
  await (await start()).shutdown()
  vi.spyOn(Broker.prototype, 'restore').mockImplementationOnce(() => {
    throw new Error('broken inside')
  })
  await expect(start()).rejects.toThrow('broken inside')
  const server = await start()
  expect(server.recovery).toMatchObject({ vhosts: 1, problems: [] })
  await server.shutdown()
})
