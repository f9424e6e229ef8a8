import { describe, expect, test } from 'vitest'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import { startReturns } from '../../../src/broker/queues/returns.ts'
import { drain, Model, message, type Sink } from '../model.ts'

const COUNT = 2000

/** A queue whose messages were all delivered, and its consumer is gone. */
function taken(model: Model, name: string): { queue: Queue; sink: Sink } {
  const queue = model.queue(name)
  for (let i = 0; i < COUNT; i++) queue.publish(message('', name, String(i)))
  const { sink, consumer } = model.consumer(queue)
  model.run()
  queue.removeConsumer(consumer)
  return { queue, sink }
}

/** Gives back what the consumers of these queues got, each message of which takes a while. */
function giveBackLater(model: Model, all: readonly { queue: Queue; sink: Sink }[]): void {
  const left = all.flatMap(({ queue, sink }) => sink.delivered.map((one) => ({ queue, ...one })))
  startReturns(
    model.longWork,
    all.map(({ queue }) => queue),
    (messages) => {
      for (const { queue, segment, index } of left.splice(0, messages)) {
        queue.settle(segment, index, 'requeue')
        model.clock.nowMs += 0.001
      }
      return left.length === 0
    },
  )
}

const all = Array.from({ length: COUNT }, (_, i) => String(i))

describe('Returns', () => {
  test('take several turns, after which the messages are in their old order', () => {
    const model = new Model()
    const { queue, sink } = taken(model, 'q')
    giveBackLater(model, [{ queue, sink }])
    expect(queue.readyCount).toBe(0)
    model.runOne()
    expect(queue.readyCount).toBeGreaterThan(0)
    expect(queue.readyCount).toBeLessThan(COUNT)
    model.run()
    expect(drain(queue)).toEqual(all)
  })

  test('let the queue deliver nothing before the last message is back', () => {
    const model = new Model()
    const { queue, sink } = taken(model, 'q')
    const { sink: next } = model.consumer(queue)
    giveBackLater(model, [{ queue, sink }])
    queue.publish(message('', 'q', 'new'))
    model.runOne()
    model.runOne()
    expect(next.delivered.length).toBe(0)
    model.run()
    expect(next.bodies).toEqual([...all, 'new'])
  })

  test('are over before one of their queues is looked at or changed', () => {
    const model = new Model()
    const [one, other] = [taken(model, 'one'), taken(model, 'other')]
    giveBackLater(model, [one, other])
    one.queue.catchUp()
    expect([one.queue.readyCount, other.queue.readyCount]).toEqual([COUNT, COUNT])
    model.run()
    expect([one.queue.readyCount, other.queue.readyCount]).toEqual([COUNT, COUNT])
  })

  test('end at once when they are told to', () => {
    const model = new Model()
    const [one, other] = [taken(model, 'one'), taken(model, 'other')]
    giveBackLater(model, [one])
    giveBackLater(model, [other])
    model.longWork.finish()
    expect([one.queue.readyCount, other.queue.readyCount]).toEqual([COUNT, COUNT])
  })

  test('of several channels hold a queue until the last of them are over', () => {
    const model = new Model()
    const { queue, sink } = taken(model, 'q')
    const halves = [sink.delivered.slice(COUNT / 2), sink.delivered.slice(0, COUNT / 2)]
    const { sink: next } = model.consumer(queue)
    for (const delivered of halves) giveBackLater(model, [{ queue, sink: { delivered } as unknown as Sink }])
    model.run()
    expect(next.bodies).toEqual(all)
  })
})
