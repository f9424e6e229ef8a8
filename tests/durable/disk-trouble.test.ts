// A disk that is full, read-only or broken, seen by the clients of a server: what they are told and not told, what goes on
// from memory, what the operator reads, and that everything confirmed is there after a restart.
import { afterEach, describe, expect, test } from 'vitest'
import { type Fault, type FileOperation, ShortWrite, systemError } from '../storage/level/faulty-files.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { ALL_CAPABILITIES } from '../support/raw-client.ts'
import { DurableServer, PERSISTENT } from './durable-server.ts'

const QUEUE = 'orders'

let disk: DurableServer | undefined

afterEach(async () => {
  await disk?.remove()
  disk = undefined
})

/** A server with one durable queue. */
async function start(options: Parameters<typeof DurableServer.start>[0] = {}): Promise<DurableServer> {
  disk = await DurableServer.start(options)
  const owner = await disk.channel()
  await owner.call('queue.declare', { queue: QUEUE, durable: true })
  await owner.client.close()
  return disk
}

/** Fails the operation until the test lifts it; resolves when it was tried so many times. */
function failing(server: DurableServer, operation: FileOperation, error: Error, times = 1): Promise<void> {
  let left = times
  return new Promise((resolve) => {
    const fault: Fault = (at) => {
      if (at !== operation) return
      if (--left === 0) setImmediate(resolve)
      throw error
    }
    server.files.fault = fault
  })
}

function publish(channel: RawChannel, ...bodies: string[]): void {
  for (const body of bodies) channel.publish({ routingKey: QUEUE, body, properties: PERSISTENT })
}

/** Takes acks until everything behind `from` up to this number is confirmed. */
async function expectConfirmed(channel: RawChannel, upTo: number, from = 0): Promise<void> {
  for (let confirmed = from; confirmed < upTo; ) {
    const { args } = await channel.expect('basic.ack')
    if (args.multiple !== true) expect(Number(args.deliveryTag)).toBe(confirmed + 1)
    confirmed = Number(args.deliveryTag)
  }
}

async function bodiesAfterRestart(server: DurableServer): Promise<string[]> {
  await server.restart()
  return await (await server.channel()).drain(QUEUE)
}

describe('a disk that cannot be written for a while', () => {
  test.each([
    ['is full', systemError('ENOSPC')],
    ['is full in the middle of a write', new ShortWrite(0.5, systemError('ENOSPC'))],
    ['has no quota left', systemError('EDQUOT')],
    ['is read-only', systemError('EROFS')],
  ])('%s: publishers are blocked, consumers go on, everything is confirmed afterwards', async (_, error) => {
    const server = await start()
    const publisher = await server.confirming()
    publish(publisher, 'before')
    await expectConfirmed(publisher, 1)
    const retried = failing(server, 'write', error, 2)

    publish(publisher, 'first')
    await server.until(() => server.storage.journal.trouble !== undefined)
    // It had published before the trouble began; now it is told, and read from no more.
    publish(publisher, 'second')
    await publisher.client.expect(0, 'connection.blocked', { reason: 'low on disk' })
    publish(publisher, 'third')
    await retried

    const consumer = await server.channel()
    await consumer.consume(QUEUE)
    await consumer.expectBodies('before', 'first', 'second')
    await expect(publisher.client.next(undefined, 50)).rejects.toThrow('nothing arrived')
    expect(server.errors()).toEqual([
      expect.stringMatching(/make room on the disk or make it writable.*publishers wait/),
    ])
    expect(server.server.health()).toMatchObject({ warnings: [expect.stringMatching('make room')] })
    expect(server.server.health().status).toBe('unhealthy')

    server.files.fault = () => {}
    await publisher.client.expect(0, 'connection.unblocked')
    await expectConfirmed(publisher, 4, 1)
    expect(server.server.health().status).toBe('healthy')
    expect(server.log.at(-1)).toEqual({ level: 'info', text: 'the disk can be written again: publishers go on' })
    expect(server.fatal).toEqual([])
    expect(await bodiesAfterRestart(server)).toEqual(['before', 'first', 'second', 'third'])
  })

  test('publishers are told once, and only those who asked to be told', async () => {
    const server = await start()
    const clients = [await server.confirming(), await server.confirming()] as const
    const quiet = await server.confirming({ capabilities: { ...ALL_CAPABILITIES, 'connection.blocked': false } })
    const retried = failing(server, 'write', systemError('ENOSPC'), 2)
    publish(clients[0], 'a')
    await server.until(() => server.storage.journal.trouble !== undefined)
    for (const channel of [...clients, quiet]) publish(channel, 'b', 'c')
    for (const { client } of clients) await client.expect(0, 'connection.blocked')
    await retried
    for (const channel of [...clients, quiet]) publish(channel, 'd')
    server.files.fault = () => {}
    for (const { client } of clients) await client.expect(0, 'connection.unblocked')
    await expectConfirmed(clients[0], 4)
    for (const channel of [clients[1], quiet]) await expectConfirmed(channel, 3)
    for (const channel of [...clients, quiet]) await channel.expectQuiet()
    expect(await bodiesAfterRestart(server)).toHaveLength(10)
  })

  test('transient messages, gets, acks and what is not durable go on', async () => {
    const server = await start()
    const publisher = await server.confirming()
    publish(publisher, 'kept')
    await expectConfirmed(publisher, 1)
    const worker = await server.channel()
    const own = await worker.queue({})
    worker.publishTo(own, 'transient')
    void failing(server, 'write', systemError('ENOSPC'))
    publish(publisher, 'waiting')
    await server.until(() => server.storage.journal.trouble !== undefined)

    const kept = await worker.get(QUEUE)
    expect(kept?.content.body.toString()).toBe('kept')
    worker.ack(Number(kept?.args.deliveryTag))
    expect((await worker.get(QUEUE, true))?.content.body.toString()).toBe('waiting')
    expect(await worker.get(QUEUE)).toBeUndefined()
    expect((await worker.get(own, true))?.content.body.toString()).toBe('transient')

    server.files.fault = () => {}
    await publisher.expect('basic.ack', { deliveryTag: 2 })
    expect(await bodiesAfterRestart(server)).toEqual([])
  })

  test('a durable declare is answered when it is on the disk, and so is a commit', async () => {
    const server = await start()
    const declarer = await server.channel()
    const transactional = await server.channel()
    await transactional.call('tx.select')
    const retried = failing(server, 'write', systemError('ENOSPC'), 2)
    declarer.send('queue.declare', { queue: 'invoices', durable: true })
    publish(transactional, 'in a transaction')
    transactional.send('tx.commit')
    await retried
    await expect(declarer.client.next(undefined, 50)).rejects.toThrow('nothing arrived')
    await expect(transactional.client.next(1, 50)).rejects.toThrow('nothing arrived')
    server.files.fault = () => {}
    await declarer.expect('queue.declare-ok', { queue: 'invoices' })
    await transactional.expect('tx.commit-ok')
    expect(await bodiesAfterRestart(server)).toEqual(['in a transaction'])
    await (await server.channel()).call('queue.declare', { queue: 'invoices', passive: true })
  })

  test('a queue that is deleted meanwhile stays deleted', async () => {
    const server = await start()
    const publisher = await server.confirming()
    publish(publisher, 'a')
    await expectConfirmed(publisher, 1)
    const deleter = await server.channel()
    const retried = failing(server, 'write', systemError('ENOSPC'), 2)
    deleter.send('queue.delete', { queue: QUEUE })
    await retried
    await expect(deleter.client.next(undefined, 50)).rejects.toThrow('nothing arrived')
    server.files.fault = () => {}
    await deleter.expect('queue.delete-ok', { messageCount: 1 })
    await server.restart()
    const channel = await server.channel()
    channel.send('queue.declare', { queue: QUEUE, passive: true })
    await channel.expectClose(404, /no queue/, 'queue.declare')
  })

  test.each(['open', 'write', 'syncFolder'] as const)(
    'a next log file that cannot be made (%s) stops no client',
    async (operation) => {
      const server = await start({ logFileBytes: 1024 * 1024 })
      const publisher = await server.confirming()
      let refused = 0
      server.files.fault = (at, name) => {
        if (at !== operation || name.endsWith('1.log')) return
        refused++
        throw systemError('ENOSPC')
      }
      for (let number = 1; number <= 4; number++) {
        publisher.publish({ routingKey: QUEUE, body: Buffer.alloc(600_000, String(number)), properties: PERSISTENT })
        await publisher.expect('basic.ack', { deliveryTag: number })
      }
      expect(refused).toBeGreaterThan(0)
      expect(server.errors()).toEqual([])
      expect((await bodiesAfterRestart(server)).map((body) => body[0])).toEqual(['1', '2', '3', '4'])
    },
  )
})
