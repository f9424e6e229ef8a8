// The data folder of a running server is removed, moved away or replaced: the server says so, and promises nothing that
// would not be there after a restart.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { diskFolder } from '../support/memory-folder.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { DurableServer, PERSISTENT } from './durable-server.ts'

const QUEUE = 'orders'
const LOG_FILE_BYTES = 128 * 1024
const GONE = /was removed or replaced\)?: put it back, or start the broker again/

let durable: DurableServer
let publisher: RawChannel
let aside: string

beforeEach(async () => {
  aside = mkdtempSync(join(diskFolder(), 'leveret-aside-'))
  durable = await DurableServer.start({ logFileBytes: LOG_FILE_BYTES })
  publisher = await durable.confirming()
  await publisher.call('queue.declare', { queue: QUEUE, durable: true })
  publish('first')
  await publisher.expect('basic.ack')
})

afterEach(async () => {
  await durable.remove()
  rmSync(aside, { recursive: true, force: true })
})

function publish(body: string): void {
  publisher.publish({ routingKey: QUEUE, body, properties: PERSISTENT })
}

/** The server says that the folder is gone; what was published since is not confirmed, nor is what comes now. */
async function expectNoPromises(): Promise<void> {
  await durable.until(() => durable.storage.journal.trouble !== undefined)
  publish('too late')
  await publisher.client.expect(0, 'connection.blocked', { reason: 'low on disk' })
  expect(durable.server.health()).toMatchObject({ status: 'unhealthy', warnings: [expect.stringMatching(GONE)] })
  expect(durable.errors()).toContainEqual(expect.stringMatching(GONE))
}

/** Every file in a folder and what it holds. */
function contentOf(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(
    files.map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name), 'latin1')]),
  )
}

test('a folder that was removed: nothing is confirmed any more, and consumers go on', async () => {
  rmSync(durable.folder, { recursive: true })
  publish('second')
  await expectNoPromises()
  const consumer = await durable.channel()
  await consumer.consume(QUEUE)
  await consumer.expectBodies('first', 'second')
  await expect(publisher.client.next(undefined, 50)).rejects.toThrow('nothing arrived')
})

test('a folder that was replaced: nothing is confirmed, and what is there now stays as it is', async () => {
  renameSync(durable.folder, join(aside, 'moved'))
  cpSync(join(aside, 'moved'), durable.folder, { recursive: true, filter: (path) => !path.endsWith('owner') })
  const before = contentOf(durable.folder)
  publish('second')
  await expectNoPromises()
  await durable.stop()
  expect(contentOf(durable.folder)).toEqual(before)
})

test('a folder that was moved away and comes back: what waited is confirmed, and is there after a restart', async () => {
  renameSync(durable.folder, join(aside, 'moved'))
  mkdirSync(join(durable.folder, 'log'), { recursive: true })
  publish('second')
  await expectNoPromises()
  rmSync(durable.folder, { recursive: true })
  renameSync(join(aside, 'moved'), durable.folder)
  await publisher.client.expect(0, 'connection.unblocked')
  await publisher.expect('basic.ack')
  expect(durable.server.health()).toMatchObject({ status: 'healthy', warnings: [] })
  await durable.restart()
  expect(await (await durable.channel()).drain(QUEUE)).toEqual(['first', 'second', 'too late'])
})

test('an idle server notices that a part of the folder is gone, and that it is back', async () => {
  renameSync(join(durable.folder, 'catalogue'), join(aside, 'moved'))
  await durable.until(() => durable.storage.journal.trouble !== undefined)
  expect(durable.server.health()).toMatchObject({ status: 'unhealthy', warnings: [expect.stringMatching(GONE)] })
  renameSync(join(aside, 'moved'), join(durable.folder, 'catalogue'))
  await durable.until(() => durable.storage.journal.trouble === undefined)
  expect(durable.server.health()).toMatchObject({ status: 'healthy' })
  publish('second')
  await publisher.expect('basic.ack')
})

describe('of a folder that was moved away after a restart', () => {
  /** Each fills a log file of its own, and is in memory no more. */
  const bodies = ['second', 'third', 'fourth'].map((name) => name.padEnd(LOG_FILE_BYTES, '.'))

  beforeEach(async () => {
    for (const body of bodies) {
      publish(body)
      await publisher.expect('basic.ack')
    }
    await durable.restart()
    publisher = await durable.confirming()
  })

  function moveAway(): void {
    renameSync(durable.folder, join(aside, 'moved'))
  }

  async function putBack(): Promise<void> {
    rmSync(durable.folder, { recursive: true, force: true })
    renameSync(join(aside, 'moved'), durable.folder)
    await publisher.client.expect(0, 'connection.unblocked')
    await publisher.expect('basic.ack')
  }

  async function expectAllKept(...published: readonly string[]): Promise<void> {
    expect([...durable.damage, ...durable.fatal]).toEqual([])
    await durable.restart()
    expect(await (await durable.channel()).drain(QUEUE)).toEqual(['first', ...bodies, ...published])
  }

  test('messages that have to be read are delivered when it is back', async () => {
    publish('fifth')
    await publisher.expect('basic.ack')
    moveAway()
    const consumer = await durable.channel()
    await consumer.consume(QUEUE)
    await expectNoPromises()
    await putBack()
    await consumer.expectBodies('first', ...bodies, 'fifth', 'too late')
    await expectAllKept('fifth', 'too late')
  })

  test('what is written first is not lost in a copy that has its place meanwhile', async () => {
    moveAway()
    cpSync(join(aside, 'moved'), durable.folder, { recursive: true, filter: (path) => !path.endsWith('owner') })
    const before = contentOf(durable.folder)
    publish('fifth')
    await expectNoPromises()
    expect(contentOf(durable.folder)).toEqual(before)
    await putBack()
    await expectAllKept('fifth', 'too late')
  })

  test('a copy of it that has its place for good is read where it is whole', async () => {
    moveAway()
    cpSync(join(aside, 'moved'), durable.folder, { recursive: true })
    const consumer = await durable.channel()
    await consumer.consume(QUEUE)
    await consumer.expectBodies('first', ...bodies)
    expect([...durable.damage, ...durable.fatal]).toEqual([])
    await durable.stop()
  })

  test('the server stops while messages wait to be read, and has lost none', async () => {
    moveAway()
    await (await durable.channel()).consume(QUEUE)
    await durable.until(() => durable.storage.journal.trouble !== undefined)
    await durable.stop()
    renameSync(join(aside, 'moved'), durable.folder)
    await expectAllKept()
  })
})
