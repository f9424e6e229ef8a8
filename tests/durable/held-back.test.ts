// A client that does not wait for the answers of a disk that takes nothing for a while. What piles up is bounded.
import { expect, onTestFinished, test, vi } from 'vitest'
import { Reading } from '../../src/amqp/reading.ts'
import { methodFrame } from '../support/wire-frames.ts'
import { declareNew, QUEUE, release, server, stall, useStallingServer } from './stalling-server.ts'

/** Many times what may be on its way. */
const MANY = 40_000
/** What one connection may have on its way to the disk is about 1 MiB; each change takes a quarter of a KiB and more. */
const CHANGES_MAX = 5000

useStallingServer()

/** How many bindings start at amq.topic. */
function bindingCount(): number {
  return server.server.core.requireVhost('/').requireExchange('amq.topic').outgoing.size
}

/** Resolves when the broker has carried out no further change since the last look. */
async function standstill(count: () => number): Promise<number> {
  const other = await server.channel()
  for (let last = -1; ; last = count()) {
    for (let round = 0; round < 20; round++) await other.expectQuiet()
    if (count() === last) return last
  }
}

test(`has a bounded number of changes on their way, and all ${MANY} answered in order in the end`, async () => {
  const channel = await server.channel()
  stall()
  const groups = MANY / 10
  for (let group = 0; group < groups; group++) {
    const frames = [methodFrame(1, 'queue.declare', { queue: `q${group}`, durable: true })]
    for (let key = 1; key < 10; key++) {
      const routingKey = `a.rather.long.routing.key.for.queue.${group}.and.number.${key}`
      frames.push(methodFrame(1, 'queue.bind', { queue: `q${group}`, exchange: 'amq.topic', routingKey }))
    }
    channel.client.write(Buffer.concat(frames))
  }
  const vhost = server.server.core.requireVhost('/')
  const changes = await standstill(() => vhost.queueCount + bindingCount())
  expect(changes).toBeGreaterThan(100)
  expect(changes).toBeLessThan(CHANGES_MAX)
  release()
  for (let group = 0; group < groups; group++) {
    await channel.expect('queue.declare-ok', { queue: `q${group}` })
    for (let key = 1; key < 10; key++) await channel.expect('queue.bind-ok')
  }
  await channel.expectQuiet(`q${groups - 1}`)
}, 60_000)

test('is cut off when the broker fails to read on, and no other one is', async () => {
  const channel = await server.channel()
  stall()
  const { resume } = Reading.prototype
  vi.spyOn(Reading.prototype, 'resume').mockImplementation(function (this: Reading, reason) {
    if (reason === 'commit') throw new Error('broken inside')
    resume.call(this, reason)
  })
  onTestFinished(() => void vi.restoreAllMocks())
  for (let at = 0; at < CHANGES_MAX; at++) declareNew(channel, `a.rather.long.name.of.a.queue.with.the.number.${at}`)
  const vhost = server.server.core.requireVhost('/')
  expect(await standstill(() => vhost.queueCount)).toBeLessThan(CHANGES_MAX)
  const other = await server.channel()
  release()
  await channel.client.expectSocketClosed()
  await other.expectQuiet()
  expect(server.errors()).toEqual(['connection cut after an internal error'])
})

test('has a bounded number of changes on their way that no answer tells of', async () => {
  const channel = await server.channel()
  stall()
  const bind = (key: number): Buffer =>
    methodFrame(1, 'queue.bind', { queue: QUEUE, exchange: 'amq.topic', routingKey: `key.${key}`, nowait: true })
  for (let key = 0; key < 30_000; key += 1000) {
    channel.client.write(Buffer.concat(Array.from({ length: 1000 }, (_, at) => bind(key + at))))
  }
  expect(await standstill(bindingCount)).toBeLessThan(CHANGES_MAX * 2)
  release()
  await channel.expectQuiet(QUEUE)
  expect(bindingCount()).toBe(30_001)
}, 30_000)

test('keeps a bounded number of messages behind an answer', async () => {
  const channel = await server.channel()
  const queue = await channel.queue({})
  const body = Buffer.alloc(20_000, 'x')
  for (let count = 0; count < 500; count++) channel.publish({ routingKey: queue, body })
  await channel.expectCounts(queue, 500, 0)
  stall()
  declareNew(channel)
  for (let count = 0; count < 500; count++) channel.send('basic.get', { queue, noAck: true })
  const { readyCount } = server.server.core.requireVhost('/').requireQueue(queue)
  const left = await standstill(() => server.server.core.requireVhost('/').requireQueue(queue).readyCount)
  expect(left).toBeLessThan(readyCount)
  expect((500 - left) * body.length).toBeLessThan(2 * 1024 * 1024)
  release()
  await channel.expect('queue.declare-ok')
  for (let count = 499; count >= 0; count--) await channel.expect('basic.get-ok', { messageCount: count })
})
