// A message whose time comes expires, though it has left memory meanwhile and its queue is not used.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fieldTable, type PlainTable } from '../../../protocol/field-table-plain.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import type { QueueLog } from '../../../storage/queue-log.ts'
import type { Segment } from '../../../storage/segment.ts'
import { Model, message } from '../model.ts'

const TTL_MS = 1000
const MESSAGES = 3000

interface Position {
  readonly segment: Segment
  readonly index: number
}

let folder: string
let storage: LevelStorage
let model: Model

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-head-'))
  storage = new LevelStorage({ folder, durability: 'os', memoryBytes: 0, freeBytesMin: 0 })
  await storage.open()
  model = new Model(storage)
})

afterEach(async () => {
  await storage.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A queue that has delivered all of its messages, which fill many segments. */
async function delivered(table: PlainTable): Promise<{ queue: Queue; positions: Position[] }> {
  const spec = { name: 'q', durable: true, autoDelete: false, arguments: fieldTable(table), owner: undefined }
  const queue = model.vhost.addQueue(spec)
  for (let count = 0; count < MESSAGES; count++) {
    const sent = message('', 'q', 'x'.repeat(1000), { deliveryMode: 2 })
    sent.isDurable = true
    queue.publish(sent)
  }
  await new Promise<void>((resolve) => storage.journal.whenDurable(resolve))
  const positions: Position[] = []
  while (positions.length < MESSAGES) await take(queue, false, (segment, index) => positions.push({ segment, index }))
  return { queue, positions }
}

async function take(queue: Queue, isNoAck: boolean, read: (segment: Segment, index: number) => void): Promise<void> {
  let isWaiting = true
  const goOn = (): void => {
    isWaiting = false
  }
  if (queue.pull.get(isNoAck, read, goOn) !== 'unread') return
  while (isWaiting) {
    model.run()
    await nextTurn()
  }
}

test.each([
  ['classic', {}],
  ['priority', { 'x-max-priority': 2 }],
])('the next message of a %s queue after one that was taken', async (_, table) => {
  const { queue, positions } = await delivered({ 'x-message-ttl': TTL_MS, ...table })
  const [first, far] = [positions[0], positions[MESSAGES / 2]] as [Position, Position]
  for (const { segment, index } of [far, first]) queue.settle(segment, index, 'requeue')
  while (queue.readyCount === 2) {
    const log = far.segment.log as QueueLog
    log.evict(Number.MAX_SAFE_INTEGER)
    expect(far.segment.isResident).toBe(false)
    await take(queue, true, () => {})
  }
  model.clock.turn(TTL_MS)
  const isGone = (): void => {
    model.clock.turn(0)
    model.run()
    expect(queue.readyCount).toBe(0)
  }
  await vi.waitFor(isGone, 5000)
  expect(model.clock.timers.size).toBe(0)
})
