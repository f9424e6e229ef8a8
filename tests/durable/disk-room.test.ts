// A disk that the messages themselves fill: publishers wait before it is full, consumers make room, publishers go on.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DurableServer, PERSISTENT } from './durable-server.ts'

const QUEUE = 'orders'
const MEBIBYTE = 1024 * 1024
const DISK_BYTES = 12 * MEBIBYTE
const BODY = Buffer.alloc(100_000, 'x')

let disk: DurableServer

beforeEach(async () => {
  disk = await DurableServer.start({ logFileBytes: MEBIBYTE, freeBytesMin: 4 * MEBIBYTE })
  vi.spyOn(disk.files, 'freeBytes').mockImplementation(async () => DISK_BYTES - logBytes())
})

afterEach(async () => {
  vi.restoreAllMocks()
  await disk.remove()
})

function logBytes(): number {
  const folder = join(disk.folder, 'log')
  const sizeOf = (name: string): number => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0
  return readdirSync(folder).reduce((sum, name) => sum + sizeOf(name), 0)
}

test('consumers empty a disk that is nearly full of their messages, and publishers go on', async () => {
  const publisher = await disk.confirming()
  await publisher.call('queue.declare', { queue: QUEUE, durable: true })
  let sent = 0
  for (; disk.storage.journal.trouble === undefined && sent < 200; sent++) {
    publisher.publish({ routingKey: QUEUE, body: BODY, properties: PERSISTENT })
    await publisher.expect('basic.ack')
  }
  expect(logBytes()).toBeLessThan(DISK_BYTES)
  publisher.publish({ routingKey: QUEUE, body: BODY, properties: PERSISTENT })
  await publisher.client.expect(0, 'connection.blocked', { reason: 'low on disk' })

  const consumer = await disk.channel()
  await consumer.consume(QUEUE)
  for (let taken = 0; taken <= sent; taken++) consumer.ack(Number((await consumer.delivery()).args.deliveryTag))
  await publisher.client.expect(0, 'connection.unblocked')
  // What is free is given back file by file.
  await vi.waitFor(() => expect(logBytes()).toBeLessThan(DISK_BYTES / 2), 5000)
  expect(disk.fatal).toEqual([])
})
