// Dead letters that take long, and those that wait for them: by a clock on which every look takes a while.
import { beforeEach, expect, test } from 'vitest'
import { fieldTable } from '../../../protocol/field-table-plain.ts'
import { Publisher } from '../../../src/broker/publishing/publisher.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import { queueSettings } from '../../../src/broker/queues/queue-arguments.ts'
import type { Segment } from '../../../storage/segment.ts'
import { drain, get, Model, message, session } from '../model.ts'

const LOOK_MS = 0.6
const TO_DEAD = { 'x-dead-letter-exchange': 'dead' }

let model: Model
let publisher: Publisher

beforeEach(() => {
  model = new Model()
  publisher = new Publisher(model.vhost, session(), Number.MAX_SAFE_INTEGER)
  model.clock.monotonicMs = () => {
    model.clock.nowMs += LOOK_MS
    return model.clock.nowMs
  }
})

function fill(queue: Queue, count: number, from = 0): void {
  for (let number = from; number < from + count; number++) publisher.publish(message('', queue.name, String(number)))
}

test('a queue that has to drop many gives others their turn when these take long', () => {
  const dead = model.queue('letters')
  model.bind(model.exchange('dead', 'fanout'), dead)
  const queue = model.queue('q', { arguments: fieldTable(TO_DEAD) })
  fill(queue, 60)
  queue.applySettings(queueSettings(fieldTable({ ...TO_DEAD, 'x-max-length': 10 })))
  expect(dead.readyCount).toBeGreaterThan(0)
  expect(dead.readyCount).toBeLessThan(5)
  model.run()
  expect([queue.readyCount, dead.readyCount]).toEqual([10, 50])
})

test('what dies counts as work of the client whose input is being looked at, by its keys and its queues', () => {
  const exchange = model.exchange('dead', 'fanout')
  for (let number = 0; number < 40; number++) model.bind(exchange, model.queue(`letters-${number}`))
  model.queue('q', { arguments: fieldTable({ ...TO_DEAD, 'x-max-length': 0 }) })
  // To find a route counts, too.
  fill(model.queue('plain'), 1)
  publisher.publish(message('', 'q'))
  model.inputTurn.begin(1)
  model.clock.nowMs += 2
  // For a plain message the clock is not even looked at.
  publisher.publish(message('', 'plain'))
  expect(model.inputTurn.spend(1)).toBe(false)
  publisher.publish(message('', 'q'))
  expect(model.inputTurn.spend(1)).toBe(true)
})

test('those that wait count until they have gone', () => {
  const exchange = model.exchange('dead', 'fanout')
  for (let number = 0; number < 200; number++) model.bind(exchange, model.queue(`letters-${number}`))
  const queue = model.queue('q', { arguments: fieldTable(TO_DEAD) })
  fill(queue, 3)
  rejectAll(queue)
  expect(queue.unackedCount).toBe(3)
  expect(model.memory.heldBytes).toBeGreaterThan(0)
  model.run()
  expect(model.memory.heldBytes).toBe(0)
  expect([queue.unackedCount, model.vhost.queue('letters-199')?.readyCount]).toEqual([0, 3])
})

test('what was rejected arrives, though its queue is deleted while it waits, and its memory is used for others', () => {
  const exchange = model.exchange('dead', 'fanout')
  for (let number = 0; number < 200; number++) model.bind(exchange, model.queue(`letters-${number}`))
  const queue = model.queue('q', { arguments: fieldTable(TO_DEAD) })
  fill(queue, 20)
  rejectAll(queue)
  const last = model.vhost.queue('letters-199') as Queue
  expect(last.readyCount).toBe(0)
  model.vhost.removeQueue(queue)
  // In the same places of the same memory lie others now.
  fill(model.queue('q'), 89, 11)
  model.run()
  expect(drain(last)).toEqual(Array.from({ length: 20 }, (_, number) => String(number)))
  expect(model.memory.heldBytes).toBe(0)
  for (const { name } of [...model.vhost.queues()]) model.vhost.removeQueue(model.vhost.requireQueue(name))
  expect(model.storage.bytesInUse).toBe(0)
})

function rejectAll(queue: Queue): void {
  const taken: (readonly [Segment, number])[] = []
  while (get(queue, false, (segment, index) => void taken.push([segment, index]))) {
    // each call takes one
  }
  for (const [segment, index] of taken) queue.settle(segment, index, 'reject')
}
