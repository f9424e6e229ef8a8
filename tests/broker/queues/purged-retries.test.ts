// Many messages that wait to be delivered again are purged: at once for all who look, turn by turn in the queue, for good on the disk.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { fieldTable } from '../../../protocol/field-table-plain.ts'
import type { Broker } from '../../../src/broker/broker.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import type { Segment } from '../../../storage/segment.ts'
import { HandClock } from '../../support/hand-clock.ts'
import { brokerOn, drain, get, message } from '../model.ts'

const MESSAGES = 2000
const AN_HOUR_MS = 3_600_000

let folder: string
let storage: LevelStorage
let broker: Broker
let clock: HandClock
let turns: (() => void)[]

async function open(): Promise<void> {
  turns = []
  clock = new HandClock()
  storage = new LevelStorage({ folder, durability: 'os', memoryBytes: 0, freeBytesMin: 0 })
  const recovery = await storage.open()
  broker = brokerOn(storage, { nextTurn: (work) => void turns.push(work), clock })
  expect(broker.restore(recovery).problems).toEqual([])
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-purged-'))
  await open()
})

afterEach(async () => {
  await storage.close()
  rmSync(folder, { recursive: true, force: true })
})

function run(turnsMax = Number.POSITIVE_INFINITY): void {
  for (let left = turnsMax; left > 0 && turns.length > 0; left--) turns.shift()?.()
}

const committed = (): Promise<void> => new Promise((resolve) => storage.journal.whenDurable(resolve))

/** A queue whose messages have all come back, and wait. */
function filled(table: Parameters<typeof fieldTable>[0] = {}): Queue {
  const settings = { 'x-delayed-retry-type': 'all', 'x-delayed-retry-min': AN_HOUR_MS, ...table }
  const spec = { name: 'q', durable: true, autoDelete: false, owner: undefined, arguments: fieldTable(settings) }
  const queue = broker.createVhost('/').addQueue(spec)
  for (let number = 0; number < MESSAGES; number++) publish(queue, String(number))
  const taken: (readonly [Segment, number])[] = []
  while (get(queue, false, (segment, index) => void taken.push([segment, index]))) {
    // each call takes one
  }
  for (const [segment, index] of taken) queue.settle(segment, index, 'requeue')
  expect(queue.delayedCount).toBe(MESSAGES)
  return queue
}

function publish(queue: Queue, body: string): void {
  const one = message('', 'q', body, { deliveryMode: 2 })
  one.isDurable = true
  queue.publish(one)
}

function counts({ readyCount, readyBytes, unackedCount, unackedBytes, delayedCount, delayedBytes }: Queue): number[] {
  return [readyCount, readyBytes, unackedCount, unackedBytes, delayedCount, delayedBytes]
}

describe.each([
  ['a queue', {}],
  ['a queue with priorities', { 'x-max-priority': 3 }],
])('%s', (_name, table) => {
  test('counts none of them from then on, and holds nothing of them in the end', () => {
    const queue = filled(table)
    const { heldBytes } = broker.memory
    expect(heldBytes).toBeGreaterThan(MESSAGES * 64)
    expect(queue.purge()).toBe(MESSAGES)
    // No more than a few left at once.
    expect(broker.memory.heldBytes).toBe(heldBytes)
    expect(turns).not.toEqual([])
    expect(counts(queue)).toEqual([0, 0, 0, 0, 0, 0])
    expect(queue.purge()).toBe(0)
    publish(queue, 'later')
    run()
    expect(counts(queue)).toEqual([1, 5, 0, 0, 0, 0])
    expect(broker.memory.heldBytes).toBe(0)
    clock.turn(AN_HOUR_MS)
    run()
    expect(drain(queue)).toEqual(['later'])
    // Nor are their marks there.
    expect(storage.bytesInUse).toBe(0)
  })

  test.each([0, 1, 5, 1000])('has none of them after a restart that comes %i turns after the purge', async (count) => {
    const queue = filled(table)
    await committed()
    expect(queue.purge()).toBe(MESSAGES)
    await committed()
    run(count)
    await committed()
    for (let lives = 0; lives < 2; lives++) {
      await storage.close()
      broker.close()
      await open()
      const found = broker.requireVhost('/').queue('q') as Queue
      await vi.waitUntil(async () => {
        run()
        await nextTurn()
        return found.upkeep?.isDropping !== true
      })
      expect(counts(found)).toEqual([0, 0, 0, 0, 0, 0])
      clock.turn(AN_HOUR_MS)
      run()
      expect(drain(found)).toEqual([])
      // Neither on the disk, nor in memory.
      await committed()
      expect(storage.bytesInUse).toBe(0)
      expect(broker.memory.heldBytes).toBe(0)
    }
  })

  test('holds nothing of them when it is deleted before they have left', () => {
    const queue = filled(table)
    queue.purge()
    broker.requireVhost('/').removeQueue(queue)
    run()
    expect([broker.memory.heldBytes, storage.bytesInUse]).toEqual([0, 0])
  })

  test('holds nothing of those that wait when it is deleted', () => {
    const queue = filled(table)
    broker.requireVhost('/').removeQueue(queue)
    run()
    expect([broker.memory.heldBytes, storage.bytesInUse]).toEqual([0, 0])
  })
})
