// What fails to open lets the store alone that another one has open.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ServerBuilder } from '../../../src/server/server-builder.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import { committed, durable } from '../contract-model.ts'

const DOOR = pathToFileURL(join(import.meta.dirname, '../../../dist/storage/index.js')).href

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-twice-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** What another process is told that opens the store. */
async function otherProcess(): Promise<string> {
  const script = `
    import { LevelStorage } from ${JSON.stringify(DOOR)}
    const storage = new LevelStorage({ folder: ${JSON.stringify(folder)} })
    await storage.open().then(() => console.log('opened'), (error) => console.log(error.message))
    await storage.close()`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(child.stdout, 'data')
  await once(child, 'exit')
  return String(line).trim()
}

/** The store is opened in this moment by others, and whatever they are told, the storage that has it works on. */
async function keepsWorking(storage: LevelStorage, openAgain: () => Promise<unknown>, refusal: RegExp): Promise<void> {
  const id = storage.newQueueId()
  const log = storage.createQueueLog(id)
  log.append(durable(1, 10))
  await committed(storage)
  for (let attempt = 0; attempt < 2; attempt++) {
    await expect(openAgain()).rejects.toThrow(refusal)
    log.append(durable(2 + attempt, 10))
    await committed(storage)
    expect(await otherProcess()).toContain(`is in use by process ${process.pid} since`)
    expect(JSON.parse(readFileSync(join(folder, 'owner'), 'utf8'))).toMatchObject({ pid: process.pid })
  }
  await storage.close()
  const again = new LevelStorage({ folder })
  expect(await again.open()).toMatchObject({ messages: 3, problems: [] })
  await again.close()
}

test('a storage that is open refuses to be opened again, and goes on', async () => {
  const storage = new LevelStorage({ folder })
  await storage.open()
  await keepsWorking(storage, () => storage.open(), /is open already/)
})

test('so does one that is being opened', async () => {
  const storage = new LevelStorage({ folder })
  const [first, second] = await Promise.allSettled([storage.open(), storage.open()])
  expect(first.status).toBe('fulfilled')
  expect(second).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining('is open already') } })
  await keepsWorking(storage, () => storage.open(), /is open already/)
})

test('another storage of the process is refused, and the folder stays locked for other processes', async () => {
  const storage = new LevelStorage({ folder })
  await storage.open()
  await keepsWorking(storage, () => new LevelStorage({ folder }).open(), /is in use by this process/)
})

test('one storage in two servers: the second does not start, the first keeps what it confirms', async () => {
  const storage = new LevelStorage({ folder })
  const builder = new ServerBuilder().withStorage(storage)
  const [first, second] = [builder.build(), builder.build()]
  await first.start()
  first.broker.declareQueue('orders', { durable: true })
  await expect(second.start()).rejects.toThrow('is open already')
  await second.shutdown()
  first.broker.publish('', 'orders', 'a book', { deliveryMode: 2 })
  await first.broker.whenDurable()
  expect(first.health()).toMatchObject({ status: 'healthy', warnings: [] })
  expect(await otherProcess()).toContain('is in use by')
  await first.shutdown()

  const next = new ServerBuilder().withStorage(new LevelStorage({ folder })).build()
  await next.start()
  expect(next.recovery).toMatchObject({ queues: 1, messages: 1, problems: [] })
  await next.shutdown()
})

test('a storage that failed to open can be opened later, and keeps its hands off until then', async () => {
  const made = new LevelStorage({ folder })
  await made.open()
  await made.close()
  const log = join(folder, 'log', '0000000000000001.log')
  const whole = readFileSync(log)
  const tooNew = Buffer.from(whole)
  tooNew.writeUInt8(99, 4)
  const { crc32 } = await import('node:zlib')
  tooNew.writeUInt32BE(crc32(tooNew.subarray(0, 16)), 16)
  writeFileSync(log, tooNew)
  const storage = new LevelStorage({ folder })
  await expect(storage.open()).rejects.toThrow('format version 99')
  writeFileSync(log, whole)

  const other = new LevelStorage({ folder })
  await other.open()
  await keepsWorking(other, () => storage.open(), /is in use by this process/)
  expect(await storage.open()).toMatchObject({ messages: 3 })
  await storage.close()
})
