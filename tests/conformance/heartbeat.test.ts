import { performance } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import { frame, HEARTBEAT } from '../support/wire-frames.ts'

const broker = useBroker()

const LOOK_MS = 50
/** A bound for what does not come at all. */
const NEVER_MS = 30_000

/**
 * A clock that stands still while this process gets no turn, as the broker in it does then: how long something took at least, though
 * the machine does other things.
 */
class PatientClock {
  readonly #timer: NodeJS.Timeout
  #looks = 0

  constructor() {
    this.#timer = setInterval(() => this.#looks++, LOOK_MS)
  }

  stop(): number {
    clearInterval(this.#timer)
    return this.#looks * LOOK_MS
  }
}

// These cases wait for real seconds, so they run side by side.
test.concurrent('heartbeats come within the negotiated interval', async () => {
  const client = await broker.open({ tune: { heartbeat: 1 } })
  const startedAt = performance.now()
  const clock = new PatientClock()
  const beat = setInterval(() => client.write(frame(HEARTBEAT, 0)), 300)
  await client.waitForHeartbeats(2)
  clearInterval(beat)
  expect(performance.now() - startedAt).toBeGreaterThan(700)
  expect(clock.stop()).toBeLessThan(2600)
})

test.concurrent('a client that stays mute is dropped without a close method after about two intervals', async () => {
  const client = await broker.open({ tune: { heartbeat: 1 } })
  const startedAt = performance.now()
  const clock = new PatientClock()
  await client.expectSocketClosed(NEVER_MS)
  expect(performance.now() - startedAt).toBeGreaterThan(1400)
  expect(clock.stop()).toBeLessThan(5000)
  await expect(client.next(0)).rejects.toThrow('the broker closed the socket')
})

test.concurrent('any traffic counts as a sign of life', async () => {
  const client = await broker.open({ tune: { heartbeat: 1 } })
  const channel = await client.channel(1)
  const until = performance.now() + 3500
  while (performance.now() < until) {
    await channel.expectQuiet()
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  await channel.expectQuiet()
})

test.concurrent('a client that reads nothing for a while is kept as long as it sends heartbeats', async ({
  onTestFinished,
}) => {
  const client = await broker.open({ tune: { heartbeat: 1 } })
  const beat = setInterval(() => client.write(frame(HEARTBEAT, 0)), 300)
  onTestFinished(() => clearInterval(beat))
  const channel = await client.channel(1)
  const queue = await channel.queue()
  await channel.consume(queue, { noAck: true })
  client.socket.pause()
  const publisher = await broker.channel()
  for (let i = 0; i < 2; i++) publisher.publish({ routingKey: queue, body: Buffer.alloc(16 * 1024 * 1024) })
  await new Promise((resolve) => setTimeout(resolve, 5000))
  client.socket.resume()
  for (let i = 0; i < 2; i++) await channel.delivery()
  await client.expectUsable()
}, 20_000)

test.concurrent('with a heartbeat of 0 nothing is sent and no client is dropped', async () => {
  const client = await broker.open({ tune: { heartbeat: 0 } })
  await new Promise((resolve) => setTimeout(resolve, 3000))
  expect(client.heartbeats).toBe(0)
  await client.expectUsable()
})

test.concurrent('what a dropped client held goes back to the queue', async () => {
  const watcher = await broker.channel()
  const queue = await watcher.queue({ exclusive: false, autoDelete: true })
  watcher.publishTo(queue, 'held')
  await watcher.expectCounts(queue, 1, 0)
  const mute = await broker.channel({ tune: { heartbeat: 1 } })
  await mute.get(queue)
  await mute.client.expectSocketClosed(NEVER_MS)
  await watcher.consume(queue, { noAck: true })
  await watcher.delivery({ redelivered: true })
})
