// Messages are rejected that have left memory meanwhile: they are read back and go to their dead letter queue, each once.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { durableMessage, EvictingModel, evictLogOf } from '../evicting-model.ts'
import type { Delivered, Model } from '../model.ts'

const MESSAGES = 2000
/** So much time passes from one look at the clock to the next: dead letters soon have had enough of a turn. */
const LOOK_MS = 0.3
/** More looks than all turns together need: a turn that does not end is cut off. */
const LOOKS_MAX = 100_000

let evicting: EvictingModel
let model: Model

beforeEach(async () => {
  evicting = await EvictingModel.open()
  model = evicting.model
})

/** The machine may have much else to do. */
const WAIT_MS = 30_000

afterEach(() => evicting.close())

test.each(['stays', 'is deleted'])('more than one turn has time for, while their queue %s', async (fate) => {
  const dead = evicting.durableQueue('dead')
  const queue = evicting.durableQueue('q', { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' })
  const { sink } = model.consumer(queue)
  const bodies = Array.from({ length: MESSAGES }, (_, i) => `${i} ${'x'.repeat(1000)}`)
  for (const body of bodies) queue.publish(durableMessage(body))
  model.run()
  expect(sink.delivered).toHaveLength(MESSAGES)
  await evicting.whenDurable()
  // The last segment stays in memory, whatever is evicted.
  queue.publish(durableMessage('last'))
  const rejected = sink.delivered.filter(({ segment }) => segment !== sink.delivered.at(-1)?.segment)
  evictLogOf((rejected[0] as Delivered).segment)
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
  }, WAIT_MS)
  expect(queue.unackedCount).toBe(fate === 'stays' ? MESSAGES + 1 - rejected.length : 0)
  expect(model.memory.heldBytes).toBe(0)
  const { sink: dying } = model.consumer(dead)
  await vi.waitUntil(async () => {
    model.run()
    await nextTurn()
    return dying.delivered.length === rejected.length
  }, WAIT_MS)
  expect(dying.bodies).toEqual(rejected.map(({ body }) => body))
})
