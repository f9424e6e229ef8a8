// Many messages that waited for a retry, and whose time has come while the broker was down.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import { fieldTable } from '../../../protocol/field-table-plain.ts'
import { Consumer } from '../../../src/broker/queues/consumer.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import type { Segment } from '../../../storage/segment.ts'
import { HandClock } from '../../support/hand-clock.ts'
import { durableMessage } from '../evicting-model.ts'
import { brokerOn, get, Sink } from '../model.ts'

const WAITING = 2000
const READY = 10
const OPTIONS = { isNoAck: false, isExclusive: false, priority: 0, prefetchCount: 0, arguments: new Map() }

/** Each look at it takes some of its time, so that long work takes turns. */
class BusyClock extends HandClock {
  override monotonicMs(): number {
    this.nowMs += 0.05
    return this.nowMs
  }
}

test('they are ready before anything is delivered, so that all keep their places', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-due-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const turns: (() => void)[] = []

  async function live(beginMs: number) {
    const clock = new BusyClock()
    clock.nowMs = beginMs
    const storage = new LevelStorage({ folder, durability: 'os', freeBytesMin: 0 })
    const broker = brokerOn(storage, { nextTurn: (work) => void turns.push(work), clock })
    broker.restore(await storage.open())
    return { storage, broker }
  }

  const before = await live(0)
  const table = fieldTable({ 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': 1000 })
  const spec = { name: 'q', durable: true, autoDelete: false, owner: undefined, arguments: table }
  const queue = before.broker.createVhost('/').addQueue(spec)
  for (let number = 0; number < WAITING; number++) queue.publish(durableMessage(String(number)))
  const taken: (readonly [Segment, number])[] = []
  while (get(queue, false, (segment, index) => void taken.push([segment, index]))) {
    // each call takes one
  }
  for (const [segment, index] of taken) queue.settle(segment, index, 'requeue')
  for (let number = WAITING; number < WAITING + READY; number++) queue.publish(durableMessage(String(number)))
  expect([queue.delayedCount, queue.readyCount]).toEqual([WAITING, READY])
  await new Promise<void>((resolve) => before.storage.journal.whenDurable(resolve))
  await before.storage.close()
  before.broker.close()

  const after = await live(3_600_000)
  onTestFinished(() => after.storage.close())
  const found = after.broker.requireVhost('/').queue('q') as Queue
  const sink = new Sink()
  found.addConsumer(new Consumer(found, sink, { ...OPTIONS, tag: 'tag' }))
  await vi.waitUntil(async () => {
    for (let left = 100; left > 0; left--) turns.shift()?.()
    await nextTurn()
    return sink.delivered.length === WAITING + READY
  })
  expect(sink.bodies).toEqual(Array.from({ length: WAITING + READY }, (_, number) => String(number)))
})
