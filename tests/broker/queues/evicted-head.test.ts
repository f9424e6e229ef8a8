// A message whose time comes expires, though it has left memory meanwhile and its queue is not used.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { PlainTable } from '../../../protocol/field-table-plain.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import type { Segment } from '../../../storage/segment.ts'
import { durableMessage, EvictingModel, evictLogOf } from '../evicting-model.ts'
import type { Model } from '../model.ts'

const TTL_MS = 1000
const MESSAGES = 3000

interface Position {
  readonly segment: Segment
  readonly index: number
}

let evicting: EvictingModel
let model: Model

beforeEach(async () => {
  evicting = await EvictingModel.open()
  model = evicting.model
})

afterEach(() => evicting.close())

/** A queue that has delivered all of its messages, which fill many segments. */
async function delivered(table: PlainTable): Promise<{ queue: Queue; positions: Position[] }> {
  const queue = evicting.durableQueue('q', table)
  for (let count = 0; count < MESSAGES; count++) queue.publish(durableMessage('x'.repeat(1000)))
  await evicting.whenDurable()
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
    evictLogOf(far.segment)
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
