// Code in the same process over a disk that makes trouble, or takes its time.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { publishOperation } from '../../src/index.ts'
import { systemError } from '../storage/level/faulty-files.ts'
import { DurableServer, PERSISTENT } from './durable-server.ts'

let disk: DurableServer

beforeEach(async () => {
  disk = await DurableServer.start()
  disk.server.broker.declareQueue('orders', { durable: true })
  await disk.server.broker.whenDurable()
})

afterEach(async () => {
  await disk.remove()
})

/** Holds every sync back until the function that is returned is called. */
function holdSyncs(): () => void {
  let release = (): void => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  disk.files.fault = (operation) => (operation === 'sync' ? released : undefined)
  return release
}

test('whenDurable and executeAtomic wait for the commit', async () => {
  const { broker, transactions } = disk.server
  const release = holdSyncs()
  const done: string[] = []
  broker.publish('', 'orders', 'one', PERSISTENT)
  const durable = broker.whenDurable().then(() => done.push('published'))
  const atomic = transactions
    .executeAtomic((add) => add(publishOperation('', 'orders', { body: 'two', properties: PERSISTENT })))
    .then(() => done.push('committed'))
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  expect(broker.queueInfo('orders')?.messagesReady).toBe(2)
  expect(done).toEqual([])
  release()
  await Promise.all([durable, atomic])
  expect(done.sort()).toEqual(['committed', 'published'])
  await disk.restart()
  expect(disk.server.broker.queueInfo('orders')?.messagesReady).toBe(2)
})

test('publishing is refused while the disk makes trouble', async () => {
  const { broker } = disk.server
  disk.files.fault = (operation) => {
    if (operation === 'write') throw systemError('ENOSPC')
  }
  broker.publish('', 'orders', 'one', PERSISTENT)
  await disk.until(() => disk.storage.journal.trouble !== undefined)
  expect(() => broker.publish('', 'orders', 'two', PERSISTENT)).toThrow('low on disk')
  expect((await broker.get('orders'))?.body.toString()).toBe('one')
  disk.files.fault = () => {}
  await broker.whenDurable()
  broker.publish('', 'orders', 'three', PERSISTENT)
})

test('callers that wait are told when the storage ends before the commit', async () => {
  const { broker, users } = disk.server
  const { transactions } = broker
  disk.files.fault = (operation) => {
    if (operation === 'write') throw systemError('EIO')
  }
  broker.publish('', 'orders', 'one', PERSISTENT)
  const add = (add: (operation: ReturnType<typeof publishOperation>) => void): void =>
    add(publishOperation('', 'orders', { body: 'two', properties: PERSISTENT }))
  const waiting = [broker.whenDurable(), transactions.executeAtomic(add), users.add('alice', 'secret')]
  const results = await Promise.allSettled(waiting)
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  await expect(broker.whenDurable()).rejects.toThrow('the storage has ended')
})
