// Many messages that waited for a retry when the broker stopped.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { fieldTable } from '../../../protocol/field-table-plain.ts'
import type { Broker } from '../../../src/broker/broker.ts'
import { Consumer } from '../../../src/broker/queues/consumer.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import type { Segment } from '../../../storage/segment.ts'
import { HandClock } from '../../support/hand-clock.ts'
import { durableMessage } from '../evicting-model.ts'
import { brokerOn, get, Sink } from '../model.ts'

const WAITING = 2000
const READY = 10
const AN_HOUR_MS = 3_600_000
const OPTIONS = { isNoAck: false, isExclusive: false, priority: 0, prefetchCount: 0, arguments: new Map() }

/** Each look at it takes some of its time, so that long work takes turns. */
class BusyClock extends HandClock {
  override monotonicMs(): number {
    this.nowMs += 0.05
    return this.nowMs
  }
}

interface Life {
  readonly storage: LevelStorage
  readonly broker: Broker
}

/** The lives of one broker, one after the other, and the turns that its work waits for. */
class Lives {
  readonly turns: (() => void)[] = []
  readonly #folder = mkdtempSync(join(tmpdir(), 'leveret-due-'))

  constructor() {
    onTestFinished(() => rmSync(this.#folder, { recursive: true, force: true }))
  }

  async begin(beginMs: number): Promise<Life> {
    const clock = new BusyClock()
    clock.nowMs = beginMs
    const storage = new LevelStorage({ folder: this.#folder, durability: 'os', freeBytesMin: 0 })
    const broker = brokerOn(storage, { nextTurn: (work) => void this.turns.push(work), clock })
    broker.restore(await storage.open())
    return { storage, broker }
  }

  /** A life that leaves many messages that wait, and a few that are ready. */
  async leaveWaiting(): Promise<void> {
    const { storage, broker } = await this.begin(0)
    const table = fieldTable({ 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': 1000 })
    const spec = { name: 'q', durable: true, autoDelete: false, owner: undefined, arguments: table }
    const queue = broker.createVhost('/').addQueue(spec)
    for (let number = 0; number < WAITING; number++) queue.publish(durableMessage(String(number)))
    const taken: (readonly [Segment, number])[] = []
    while (get(queue, false, (segment, index) => void taken.push([segment, index]))) {
      // each call takes one
    }
    for (const [segment, index] of taken) queue.settle(segment, index, 'requeue')
    for (let number = WAITING; number < WAITING + READY; number++) queue.publish(durableMessage(String(number)))
    expect([queue.delayedCount, queue.readyCount]).toEqual([WAITING, READY])
    await new Promise<void>((resolve) => storage.journal.whenDurable(resolve))
    await storage.close()
    broker.close()
  }
}

test('those whose time has come are ready before anything is delivered, so that all keep their places', async () => {
  const lives = new Lives()
  await lives.leaveWaiting()
  const { storage, broker } = await lives.begin(AN_HOUR_MS)
  onTestFinished(() => storage.close())
  const queue = broker.requireVhost('/').queue('q') as Queue
  const sink = new Sink()
  queue.addConsumer(new Consumer(queue, sink, { ...OPTIONS, tag: 'tag' }))
  await vi.waitUntil(async () => {
    for (let left = 100; left > 0; left--) lives.turns.shift()?.()
    await nextTurn()
    return sink.delivered.length === WAITING + READY
  })
  expect(sink.bodies).toEqual(Array.from({ length: WAITING + READY }, (_, number) => String(number)))
})

test('those that have to wait on are put aside turn by turn, and nothing is delivered until then', async () => {
  const lives = new Lives()
  await lives.leaveWaiting()
  const { storage, broker } = await lives.begin(0)
  onTestFinished(() => storage.close())
  const queue = broker.requireVhost('/').queue('q') as Queue
  const sink = new Sink()
  queue.addConsumer(new Consumer(queue, sink, { ...OPTIONS, tag: 'tag' }))
  const putAside: number[] = [queue.delayedCount]
  await vi.waitUntil(async () => {
    if (queue.delayedCount < WAITING) expect(sink.delivered).toEqual([])
    // What is known of them counts from when their marks are read, whether they are put aside yet or not.
    if (queue.delayedCount > 0) expect(broker.memory.heldBytes).toBeGreaterThan(WAITING * 64)
    lives.turns.shift()?.()
    await nextTurn()
    putAside.push(queue.delayedCount)
    return sink.delivered.length === READY
  })
  const steps = putAside.slice(1).map((count, at) => count - (putAside[at] as number))
  expect(Math.max(...steps)).toBeLessThan(WAITING / 2)
  expect([queue.delayedCount, queue.readyCount]).toEqual([WAITING, 0])
  expect(sink.bodies).toEqual(Array.from({ length: READY }, (_, number) => String(WAITING + number)))
})

test('those that are purged while they are put aside do not come back, neither then nor after a restart', async () => {
  const lives = new Lives()
  await lives.leaveWaiting()
  const first = await lives.begin(0)
  const queue = first.broker.requireVhost('/').queue('q') as Queue
  await vi.waitUntil(async () => {
    lives.turns.shift()?.()
    await nextTurn()
    return queue.delayedCount > 0
  })
  expect(queue.delayedCount).toBeLessThan(WAITING)
  expect(queue.purge()).toBe(WAITING + READY)
  expect([queue.delayedCount, queue.readyCount]).toEqual([0, 0])
  await new Promise<void>((resolve) => first.storage.journal.whenDurable(resolve))
  await first.storage.close()
  first.broker.close()

  lives.turns.length = 0
  const { storage, broker } = await lives.begin(AN_HOUR_MS)
  onTestFinished(() => storage.close())
  const found = broker.requireVhost('/').queue('q') as Queue
  await vi.waitUntil(async () => {
    lives.turns.shift()?.()
    await nextTurn()
    return found.upkeep?.isDropping !== true && lives.turns.length === 0
  })
  expect([found.delayedCount, found.readyCount, storage.bytesInUse, broker.memory.heldBytes]).toEqual([0, 0, 0, 0])
})

test('of those whose queue is deleted while they are put aside, nothing is held', async () => {
  const lives = new Lives()
  await lives.leaveWaiting()
  const { storage, broker } = await lives.begin(0)
  onTestFinished(() => storage.close())
  const queue = broker.requireVhost('/').queue('q') as Queue
  await vi.waitUntil(async () => {
    lives.turns.shift()?.()
    await nextTurn()
    return queue.delayedCount > 0
  })
  expect(queue.delayedCount).toBeLessThan(WAITING)
  broker.requireVhost('/').removeQueue(queue)
  while (lives.turns.length > 0) lives.turns.shift()?.()
  expect([broker.memory.heldBytes, storage.bytesInUse]).toEqual([0, 0])
})

test('those that are purged before their marks are read do not come back', async () => {
  const lives = new Lives()
  await lives.leaveWaiting()
  const { storage, broker } = await lives.begin(0)
  onTestFinished(() => storage.close())
  const queue = broker.requireVhost('/').queue('q') as Queue
  expect([queue.delayedCount, queue.upkeep?.isDropping]).toEqual([0, true])
  expect(queue.purge()).toBe(WAITING + READY)
  await vi.waitUntil(async () => {
    lives.turns.shift()?.()
    await nextTurn()
    return storage.bytesInUse === 0 && lives.turns.length === 0
  })
  expect([queue.delayedCount, queue.readyCount, broker.memory.heldBytes]).toEqual([0, 0, 0])
})
