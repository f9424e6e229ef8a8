import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { Consumer } from '../../../src/broker/queues/consumer.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import type { Deliverer } from '../../../src/broker/scheduling/delivery-scheduler.ts'
import { type Delivered, drain, get, Model, message, refusal, Sink } from '../model.ts'

function publish(queue: Queue, ...bodies: string[]): void {
  for (const body of bodies) queue.publish(message('', queue.name, body))
}

function settle(queue: Queue, { segment, index, consumer }: Delivered): void {
  queue.settle(segment, index, 'ack')
  consumer.returnCredit()
}

function requeue(queue: Queue, { segment, index, consumer }: Delivered): void {
  queue.settle(segment, index, 'requeue')
  consumer.returnCredit()
}

describe('Queue', () => {
  test('delivers nothing before its turn, then everything in order', () => {
    const model = new Model()
    const queue = model.queue('q')
    const { sink } = model.consumer(queue)
    publish(queue, '1', '2', '3')
    expect(sink.bodies).toEqual([])
    model.run()
    expect(sink.bodies).toEqual(['1', '2', '3'])
    expect(queue).toMatchObject({ readyCount: 0, unackedCount: 3, publishedCount: 3, deliveredCount: 3 })
  })

  test('delivers as much as the prefetch limit leaves, and goes on when something is settled', () => {
    const model = new Model()
    const queue = model.queue('q')
    const { sink } = model.consumer(queue, { prefetchCount: 2 })
    publish(queue, '1', '2', '3', '4')
    model.run()
    expect(sink.bodies).toEqual(['1', '2'])
    settle(queue, sink.delivered[0] as Delivered)
    model.run()
    expect(sink.bodies).toEqual(['1', '2', '3'])
    requeue(queue, sink.delivered[1] as Delivered)
    model.run()
    expect(sink.delivered.at(-1)).toMatchObject({ body: '2', isRedelivered: true })
    expect(queue).toMatchObject({ readyCount: 1, unackedCount: 2 })
  })

  test('has consumers and messages of its own, though queues that have had none share what is empty', () => {
    const model = new Model()
    const [first, second] = [model.queue('first'), model.queue('second')]
    const { sink } = model.consumer(first)
    publish(first, '1', '2')
    model.run()
    for (const delivered of sink.delivered) requeue(first, delivered)
    const later = model.queue('later')
    for (const queue of [second, later]) {
      expect([queue.consumers.count, queue.readyCount, queue.readyBytes, queue.unackedBytes]).toEqual([0, 0, 0, 0])
      queue.purge()
      publish(queue, 'other')
      let redelivered: boolean | undefined
      get(queue, true, (_segment, _index, isRedelivered) => {
        redelivered = isRedelivered
      })
      expect([redelivered, queue.readyBytes]).toEqual([false, 0])
    }
    expect(first).toMatchObject({ readyCount: 2, readyBytes: 2, unackedBytes: 0 })
  })

  test('lets its consumers take turns across rounds', () => {
    const model = new Model()
    const queue = model.queue('q')
    const sinks = [model.consumer(queue).sink, model.consumer(queue).sink]
    for (let i = 0; i < 1000; i++) publish(queue, String(i))
    model.run()
    const indexes = Array.from({ length: 500 }, (_, i) => 2 * i)
    expect(sinks.map(({ bodies }) => bodies.map(Number))).toEqual([indexes, indexes.map((i) => i + 1)])
  })

  describe('before it is looked at', () => {
    /** A queue with so many messages, and a consumer that takes them all, each of which takes a microsecond. */
    function busy(count: number): { model: Model; queue: Queue; sink: Sink } {
      const model = new Model()
      const queue = model.queue('q')
      const sink = new Sink()
      const deliver = sink.deliver.bind(sink)
      sink.deliver = (...delivery) => {
        model.clock.nowMs += 0.001
        deliver(...delivery)
      }
      model.consumer(queue, {}, sink)
      for (let i = 0; i < count; i++) publish(queue, String(i))
      return { model, queue, sink }
    }

    test('delivers what is to be delivered', () => {
      const { queue, sink } = busy(900)
      queue.catchUp()
      expect(sink.delivered.length).toBe(900)
    })

    test('delivers no longer than a millisecond or so, and goes on in the next turn', () => {
      const { model, queue, sink } = busy(20_000)
      queue.catchUp()
      expect(sink.delivered.length).toBeGreaterThanOrEqual(1000)
      expect(sink.delivered.length).toBeLessThan(1500)
      model.run()
      expect(sink.bodies.map(Number)).toEqual(Array.from({ length: 20_000 }, (_, i) => i))
    })
  })

  test('sets no limit to a consumer that does not acknowledge', () => {
    const model = new Model()
    const queue = model.queue('q')
    const { sink } = model.consumer(queue, { prefetchCount: 1, isNoAck: true })
    publish(queue, '1', '2', '3')
    model.run()
    expect(sink.bodies).toEqual(['1', '2', '3'])
    expect(queue.unackedCount).toBe(0)
    expect(model.storage.bytesInUse).toBe(0)
  })

  test('never runs out of credit for a consumer without a limit', () => {
    const model = new Model()
    const queue = model.queue('q')
    const { sink, consumer } = model.consumer(queue)
    const before = consumer.credit
    for (let i = 0; i < 100; i++) publish(queue, String(i))
    model.run()
    for (const delivered of sink.delivered) settle(queue, delivered)
    expect(consumer.credit).toBe(before)
  })

  test('waits while its consumers are closed', () => {
    const model = new Model()
    const queue = model.queue('q')
    const { sink, consumer } = model.consumer(queue)
    sink.isOpen = false
    publish(queue, '1')
    model.run()
    expect(sink.bodies).toEqual([])
    sink.isOpen = true
    consumer.wake()
    model.run()
    expect(sink.bodies).toEqual(['1'])
  })

  test('delivers what was there before its first consumer came', () => {
    const model = new Model()
    const queue = model.queue('q')
    publish(queue, '1')
    const { sink } = model.consumer(queue)
    model.run()
    expect(sink.bodies).toEqual(['1'])
  })

  test('hands on only so many messages as it is asked to, and says how many', () => {
    const model = new Model()
    const queue = model.queue('q')
    const { sink } = model.consumer(queue, { isNoAck: true })
    const marked = vi.spyOn(model.scheduler, 'add')
    for (let i = 0; i < 10; i++) publish(queue, 'x')
    const [delivery] = marked.mock.calls[0] as [Deliverer]
    expect([4, 4, 4, 4].map((limit) => delivery.deliver(limit))).toEqual([4, 4, 2, 0])
    expect(sink.delivered.length).toBe(10)
  })

  test('gives one message at a time to those who ask', () => {
    const model = new Model()
    const queue = model.queue('q')
    publish(queue, '1', '2')
    const seen: [number, boolean][] = []
    expect(
      get(queue, false, (segment, index, isRedelivered) => {
        seen.push([queue.readyCount, isRedelivered])
        queue.settle(segment, index, 'requeue')
      }),
    ).toBe(true)
    expect(get(queue, true, (_segment, _index, isRedelivered) => seen.push([queue.readyCount, isRedelivered]))).toBe(
      true,
    )
    expect(drain(queue)).toEqual(['2'])
    expect(get(queue, true, () => expect.unreachable())).toBe(false)
    expect(seen).toEqual([
      [1, false],
      [1, true],
    ])
    expect(queue.unackedCount).toBe(0)
  })

  test.each([true, false])('takes back what its reader throws at, with noAck %s', (isNoAck) => {
    const model = new Model()
    const queue = model.queue('q')
    publish(queue, 'first', 'second')
    const { readyBytes } = queue
    const defect = new Error('broken reader')
    const fail = (): never => {
      throw defect
    }
    expect(() => get(queue, isNoAck, fail)).toThrow(defect)
    expect(queue).toMatchObject({ readyCount: 2, unackedCount: 0, deliveredCount: 0, readyBytes, unackedBytes: 0 })
    expect(get(queue, true, (_segment, _index, isRedelivered) => expect(isRedelivered).toBe(true))).toBe(true)
    expect(drain(queue)).toEqual(['second'])
    expect(queue).toMatchObject({ readyCount: 0, unackedCount: 0, readyBytes: 0, unackedBytes: 0 })
  })

  test('purges what is ready and leaves what is unacked', () => {
    const model = new Model()
    const queue = model.queue('q')
    const { sink } = model.consumer(queue, { prefetchCount: 1 })
    publish(queue, '1', '2', '3')
    model.run()
    expect(queue.purge()).toBe(2)
    requeue(queue, sink.delivered[0] as Delivered)
    model.run()
    expect(sink.bodies).toEqual(['1', '1'])
  })

  test('takes no consumer beside an exclusive one, and no exclusive one beside others', () => {
    const model = new Model()
    const queue = model.queue('q')
    const { consumer } = model.consumer(queue)
    const text = "access-refused: queue 'q' in vhost '/' in exclusive use"
    expect(refusal(() => model.consumer(queue, { isExclusive: true }))).toBe(text)
    queue.removeConsumer(consumer)
    model.consumer(queue, { isExclusive: true })
    expect(refusal(() => model.consumer(queue))).toBe(text)
  })

  test('says when the last consumer of an auto-delete queue goes, and only then', () => {
    const model = new Model()
    for (const autoDelete of [true, false]) {
      const queue = model.queue(`q${autoDelete}`, { autoDelete })
      const consumers = [model.consumer(queue).consumer, model.consumer(queue).consumer] as const
      expect([...consumers, ...consumers].map((one) => queue.removeConsumer(one))).toEqual([
        false,
        autoDelete,
        false,
        false,
      ])
    }
  })

  test('tells its consumers when it goes, frees its memory, and takes no more notice of what was delivered', () => {
    const model = new Model()
    const queue = model.queue('q')
    const { sink, consumer } = model.consumer(queue, { prefetchCount: 1 })
    publish(queue, '1', '2')
    model.run()
    expect(model.vhost.removeQueue(queue)).toBe(1)
    expect(sink.cancelledConsumers).toEqual([consumer])
    settle(queue, sink.delivered[0] as Delivered)
    requeue(queue, sink.delivered[0] as Delivered)
    model.run()
    expect(queue).toMatchObject({ isDeleted: true, readyCount: 0, unackedCount: 0 })
    expect(sink.bodies).toEqual(['1'])
    expect(model.storage.bytesInUse).toBe(0)
  })

  test('goes on delivering to others when one sink is broken, and tells of the defect', () => {
    const model = new Model()
    const broken = Object.assign(new Sink(), {
      deliver: () => {
        throw new Error('broken')
      },
    })
    const [bad, good] = [model.queue('bad'), model.queue('good')]
    model.consumer(bad, {}, broken)
    const { sink } = model.consumer(good)
    publish(bad, '1')
    publish(good, '2')
    expect(() => model.run()).toThrow('broken')
    expect(sink.bodies).toEqual(['2'])
  })

  test('delivers every message to one consumer at a time until it is settled, in order for each', () => {
    type Step = readonly ['publish' | 'run' | 'settle' | 'requeue' | 'join' | 'leave' | 'purge', number]
    const kinds = fc.constantFrom('publish', 'publish', 'run', 'settle', 'settle', 'requeue', 'join', 'leave', 'purge')
    const steps = fc.array(fc.tuple(kinds, fc.nat(50)), { maxLength: 60 }) as fc.Arbitrary<Step[]>
    fc.assert(
      fc.property(steps, (all) => {
        const model = new Model()
        const queue = model.queue('q')
        const open: Delivered[] = []
        const consumers: Consumer[] = []
        const done: string[] = []
        let count = 0
        let purged = 0
        const join = (prefetchCount: number) => {
          const sink = new Sink()
          consumers.push(model.consumer(queue, { prefetchCount }, sink).consumer)
          const push = sink.deliver.bind(sink)
          sink.deliver = (...args) => {
            push(...args)
            open.push(sink.delivered.at(-1) as Delivered)
          }
        }
        for (const [kind, detail] of all) {
          const chosen = detail % Math.max(1, open.length)
          if (kind === 'publish') for (let i = 0; i <= detail; i++) publish(queue, String(count++))
          else if (kind === 'run') model.run()
          else if (kind === 'join') join(detail % 4)
          else if (kind === 'purge') purged += queue.purge()
          else if (kind === 'leave') {
            const [one] = consumers.splice(detail % Math.max(1, consumers.length), 1)
            if (one !== undefined) queue.removeConsumer(one)
          } else {
            const [one] = open.splice(chosen, 1)
            if (one === undefined) continue
            if (kind === 'settle') done.push(one.body)
            if (kind === 'settle') settle(queue, one)
            else requeue(queue, one)
          }
          expect(queue.unackedCount).toBe(open.length)
          expect(queue.readyCount + open.length + done.length + purged).toBe(count)
          expect(new Set([...open.map(({ body }) => body), ...done]).size).toBe(open.length + done.length)
        }
        for (const one of consumers) queue.removeConsumer(one)
        for (const one of open) requeue(queue, one)
        const rest = drain(queue).map(Number)
        expect(rest).toEqual([...rest].sort((a, b) => a - b))
        expect(rest.length + done.length + purged).toBe(count)
        expect(model.storage.bytesInUse).toBe(0)
      }),
    )
  })
})
