import { describe, expect, test } from 'vitest'
import type { Consumer } from '../../../src/broker/queues/consumer.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import { Model, message, Sink } from '../model.ts'

const MESSAGE_MS = 0.001

/** A consumer for which each message takes a while. */
class SlowSink extends Sink {
  readonly #model: Model

  constructor(model: Model) {
    super()
    this.#model = model
  }

  override deliver(...delivery: Parameters<Sink['deliver']>): void {
    super.deliver(...delivery)
    this.#model.clock.nowMs += MESSAGE_MS
  }
}

function queueWith(model: Model, name: string, messages: number): { queue: Queue; sink: Sink; consumer: Consumer } {
  const queue = model.queue(name)
  for (let i = 0; i < messages; i++) queue.publish(message('', name, 'x'))
  return { queue, ...model.consumer(queue, { isNoAck: true }, new SlowSink(model)) }
}

describe('DeliveryScheduler', () => {
  test('stops when the time is up and goes on in the next turn', () => {
    const model = new Model()
    const { sink } = queueWith(model, 'q', 5000)
    model.runOne()
    expect(model.clock.nowMs).toBeGreaterThan(0.1)
    expect(model.clock.nowMs).toBeLessThan(1)
    expect(sink.delivered.length).toBeLessThan(5000)
    model.run()
    expect(sink.delivered.length).toBe(5000)
  })

  test('delivers a message of one queue before the backlog of another', () => {
    const model = new Model()
    const long = queueWith(model, 'long', 5000)
    const short = queueWith(model, 'short', 1)
    model.runOne()
    expect(short.sink.delivered.length).toBe(1)
    expect(long.sink.delivered.length).toBeLessThan(5000)
  })

  test('gives each of many queues its turn before the first has another', () => {
    const model = new Model()
    const queues = Array.from({ length: 50 }, (_, i) => queueWith(model, `q${i}`, 400))
    const served = () => queues.filter(({ sink }) => sink.delivered.length > 0).length
    while (served() < queues.length) {
      const before = served()
      model.runOne()
      expect(served()).toBeGreaterThan(before)
      expect(queues[0]?.sink.delivered.length).toBeLessThan(300)
    }
    model.run()
    for (const { sink } of queues) expect(sink.delivered.length).toBe(400)
  })

  test('delivers a message now and then before the backlogs of hundreds of queues', () => {
    const model = new Model()
    const long = Array.from({ length: 500 }, (_, i) => queueWith(model, `long${i}`, 500))
    const busy = () => long.reduce((sum, { sink }) => sum + sink.delivered.length, 0)
    while (busy() < 80_000) model.runOne()
    const { queue, sink } = queueWith(model, 'short', 0)
    for (let i = 1; i <= 10; i++) {
      const before = busy()
      queue.publish(message('', 'short', 'x'))
      model.runOne()
      expect(sink.delivered.length).toBe(i)
      expect(busy() - before).toBeGreaterThan(0)
    }
    model.run()
    expect(busy()).toBe(250_000)
  })

  test('has a backlog go on beside queues that never stop to deliver a message now and then', () => {
    const model = new Model()
    const long = queueWith(model, 'long', 5000)
    const short = Array.from({ length: 1000 }, (_, i) => queueWith(model, `short${i}`, 1))
    for (let turns = 0; long.sink.delivered.length < 5000; turns++) {
      expect(turns).toBeLessThan(500)
      model.runOne()
      for (const { queue } of short) if (queue.readyCount === 0) queue.publish(message('', queue.name, 'x'))
    }
    model.run()
    for (const { queue } of short) expect(queue.readyCount).toBe(0)
  })

  test('goes on when a delivery fails', () => {
    const model = new Model()
    const { sink, queue } = queueWith(model, 'bad', 1)
    sink.deliver = () => {
      throw new Error('broken')
    }
    const { sink: other } = queueWith(model, 'good', 1)
    expect(() => model.run()).toThrow('broken')
    expect(queue.readyCount).toBe(0)
    expect(other.delivered.length).toBe(1)
  })
})
