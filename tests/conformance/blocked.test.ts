import { expect } from 'vitest'
import { leveretOnly, useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { ALL_CAPABILITIES } from '../support/raw-client.ts'

const test = leveretOnly('needs a memory limit')
const ROOM_BYTES = 150_000_000
const MESSAGE_BYTES = 1_000_000
/** Memory that was given up shows in the process only after the next garbage collection. */
const RELEASE_MS = 12_000
const broker = useBroker({ memoryLimitBytes: process.memoryUsage.rss() + ROOM_BYTES })

/** Publishes until the broker stops reading; the messages are the same bytes again and again. */
async function publishUntilHeldBack(channel: RawChannel, queue: string, isHeldBack: () => boolean): Promise<void> {
  const { socket } = channel.client
  const bytes = channel.publishBytes({ routingKey: queue, body: Buffer.alloc(MESSAGE_BYTES, 1) })
  for (let count = 0; count < (3 * ROOM_BYTES) / MESSAGE_BYTES; count++) {
    if (isHeldBack()) return
    const isFlushed = await new Promise<boolean>((resolve) => {
      socket.write(bytes, () => resolve(true))
      setTimeout(() => resolve(false), 1000)
    })
    if (!isFlushed) return
  }
  throw new Error('the broker never stopped reading')
}

test('a publisher that fills the memory is told, held back, and told again when there is room', async () => {
  const watcher = await broker.channel()
  const queue = await watcher.queue({ exclusive: false, autoDelete: true })
  const publisher = await broker.channel()
  let blocked: string | undefined
  const told = publisher.client.next(0, 20_000).then((received) => {
    blocked = `${received.name}: ${received.args.reason}`
  })
  await publishUntilHeldBack(publisher, queue, () => blocked !== undefined)
  await told
  expect(blocked).toBe('connection.blocked: low on memory')

  // Consumers go on and hear nothing of it.
  const consumed = await watcher.get(queue, true)
  expect(consumed?.content.body.length).toBe(MESSAGE_BYTES)
  await watcher.expectQuiet(queue)

  await watcher.call('queue.purge', { queue })
  expect(await publisher.client.next(0, RELEASE_MS)).toMatchObject({ name: 'connection.unblocked' })
  await publisher.expectQuiet(queue)
  await publisher.close()
})

test('a publisher without the capability is held back without a word', async () => {
  const watcher = await broker.channel()
  const queue = await watcher.queue({ exclusive: false, autoDelete: true })
  const publisher = await broker.channel({ capabilities: { ...ALL_CAPABILITIES, 'connection.blocked': false } })
  await publishUntilHeldBack(publisher, queue, () => false)
  await watcher.call('queue.purge', { queue })
  publisher.send('queue.declare', { queue, passive: true })
  expect(await publisher.client.next(1, RELEASE_MS)).toMatchObject({ name: 'queue.declare-ok' })
})
