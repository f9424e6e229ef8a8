// Messages are rejected that have left memory meanwhile: they are read back and go to their dead letter queue, each once.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fieldTable } from '../../../protocol/field-table-plain.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import type { QueueLog } from '../../../storage/queue-log.ts'
import { Model, message } from '../model.ts'

const MESSAGES = 2000
/** So much time passes from one look at the clock to the next: dead letters soon have had enough of a turn. */
const LOOK_MS = 0.3
/** More looks than all turns together need: a turn that does not end is cut off. */
const LOOKS_MAX = 100_000

let folder: string
let storage: LevelStorage
let model: Model

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-dead-'))
  storage = new LevelStorage({ folder, durability: 'os', memoryBytes: 0, freeBytesMin: 0 })
  await storage.open()
  model = new Model(storage)
})

afterEach(async () => {
  await storage.close()
  rmSync(folder, { recursive: true, force: true })
})

function durableQueue(name: string, table: Parameters<typeof fieldTable>[0] = {}): Queue {
  return model.queue(name, { durable: true, arguments: fieldTable(table) })
}

function sent(body: string) {
  const one = message('', 'q', body, { deliveryMode: 2 })
  one.isDurable = true
  return one
}

test.each(['stays', 'is deleted'])('more than one turn has time for, while their queue %s', async (fate) => {
  const dead = durableQueue('dead')
  const queue = durableQueue('q', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' })
  const { sink } = model.consumer(queue)
  const bodies = Array.from({ length: MESSAGES }, (_, i) => `${i} ${'x'.repeat(1000)}`)
  for (const body of bodies) queue.publish(sent(body))
  model.run()
  expect(sink.delivered).toHaveLength(MESSAGES)
  await new Promise<void>((resolve) => storage.journal.whenDurable(resolve))
  // The last segment stays in memory, whatever is evicted.
  queue.publish(sent('last'))
  const rejected = sink.delivered.filter(({ segment }) => segment !== sink.delivered.at(-1)?.segment)
  const log = rejected[0]?.segment.log as QueueLog
  log.evict(Number.MAX_SAFE_INTEGER)
  expect(rejected.every(({ segment }) => !segment.isResident)).toBe(true)

  let looks = 0
  vi.spyOn(model.clock, 'monotonicMs').mockImplementation(() => {
    if (++looks > LOOKS_MAX) throw new Error('a turn does not end')
    return looks * LOOK_MS
  })
  for (const { segment, index } of rejected) queue.settle(segment, index, 'reject')
  expect(model.memory.heldBytes).toBeGreaterThan(0)
  if (fate === 'is deleted') model.vhost.removeQueue(queue)
  await vi.waitUntil(async () => {
    model.run()
    await nextTurn()
    return dead.readyCount === rejected.length
  })
  expect(queue.unackedCount).toBe(fate === 'stays' ? MESSAGES + 1 - rejected.length : 0)
  expect(model.memory.heldBytes).toBe(0)
  const { sink: dying } = model.consumer(dead)
  await vi.waitUntil(async () => {
    model.run()
    await nextTurn()
    return dying.delivered.length === rejected.length
  })
  expect(dying.bodies).toEqual(rejected.map(({ body }) => body))
})
