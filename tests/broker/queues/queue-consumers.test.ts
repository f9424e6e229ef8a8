import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { Consumer, type ConsumerOptions } from '../../../src/broker/queues/consumer.ts'
import { ConsumerRound } from '../../../src/broker/queues/consumer-round.ts'
import { QueueConsumers } from '../../../src/broker/queues/queue-consumers.ts'
import { Model, Sink } from '../model.ts'

const queue = new Model().queue('q')

function consumer(tag: string, options: Partial<ConsumerOptions> = {}): Consumer {
  const defaults = { isNoAck: false, isExclusive: false, priority: 0, prefetchCount: 0, arguments: new Map() }
  return new Consumer(queue, new Sink(), { ...defaults, ...options, tag })
}

function turns(consumers: QueueConsumers, count: number): string {
  return Array.from({ length: count }, () => consumers.next()?.tag ?? '-').join('')
}

function added(...all: Consumer[]): QueueConsumers {
  const consumers = new QueueConsumers()
  for (const one of all) consumers.add(one)
  return consumers
}

describe('QueueConsumers', () => {
  test('gives equals their turn one after the other', () => {
    expect(turns(added(consumer('a'), consumer('b'), consumer('c')), 7)).toBe('abcabca')
  })

  test('gives no turn when there is no consumer', () => {
    expect(turns(new QueueConsumers(), 2)).toBe('--')
  })

  test('prefers the highest priority that can take a message, whatever order they came in', () => {
    const [low, high, middle] = [consumer('l', { priority: -1 }), consumer('h', { priority: 5 }), consumer('m')]
    const consumers = added(low, high, middle, consumer('H', { priority: 5 }))
    expect(turns(consumers, 3)).toBe('hHh')
    for (const one of consumers.all()) if (one.priority === 5) one.credit = 0
    expect(turns(consumers, 2)).toBe('mm')
    middle.credit = 0
    expect(turns(consumers, 2)).toBe('ll')
    high.credit = 1
    consumers.enter(high)
    expect(turns(consumers, 1)).toBe('h')
  })

  test('leaves out who has no credit or is closed, and puts them last when they are back', () => {
    const [a, b, c] = [consumer('a'), consumer('b'), consumer('c')]
    const consumers = added(a, b, c)
    b.credit = 0
    expect(turns(consumers, 4)).toBe('acac')
    ;(a.sink as Sink).isOpen = false
    expect(turns(consumers, 2)).toBe('cc')
    b.credit = 1
    consumers.enter(b)
    consumers.enter(b)
    expect(turns(consumers, 4)).toBe('cbcb')
  })

  test('has one whose credit is used up behind the others, in a quorum queue already before it is due again', () => {
    for (const [isQuorum, expected] of [
      [false, 'aab'],
      [true, 'aba'],
    ] as const) {
      const consumers = new QueueConsumers(false, isQuorum)
      const [a, b] = [consumer('a', { prefetchCount: 1 }), consumer('b', { prefetchCount: 1 })]
      consumers.add(a)
      const first = consumers.next()
      a.credit = 0
      consumers.add(b)
      a.credit = 1
      consumers.enter(a)
      expect(`${first?.tag}${turns(consumers, 2)}`).toBe(expected)
    }
  })

  test('asks no cancelled one whether it can take a message', () => {
    const [a, b, c] = [consumer('a'), consumer('b'), consumer('c')]
    const consumers = added(a, b, c)
    consumers.remove(a)
    const isAsked = vi.fn(() => true)
    Object.defineProperty(a.sink, 'isOpen', { get: isAsked })
    expect(turns(consumers, 2)).toBe('bc')
    expect(isAsked).not.toHaveBeenCalled()
  })

  test('puts a new one behind all others, wherever the round is', () => {
    const consumers = added(consumer('a'), consumer('b'), consumer('c'))
    expect(turns(consumers, 1)).toBe('a')
    consumers.add(consumer('d'))
    expect(turns(consumers, 5)).toBe('bcadb')
  })

  test('looks at a consumer that can take nothing only once', () => {
    const all = Array.from({ length: 1000 }, (_, i) => consumer(String(i)))
    const consumers = added(...all, consumer('x'))
    let looks = 0
    for (const one of all) {
      Object.defineProperty(one, 'credit', {
        get: () => {
          looks++
          return 0
        },
      })
    }
    expect(turns(consumers, 100)).toBe('x'.repeat(100))
    expect(looks).toBe(1000)
  })

  test('keeps nothing of consumers that came and went', () => {
    const consumers = added(consumer('a'))
    for (let i = 0; i < 1000; i++) {
      const one = consumer('b')
      consumers.add(one)
      consumers.remove(one)
    }
    const { shift } = ConsumerRound.prototype
    let shifts = 0
    ConsumerRound.prototype.shift = function counted(this: ConsumerRound) {
      shifts++
      return shift.call(this)
    }
    try {
      expect(turns(consumers, 1)).toBe('a')
    } finally {
      ConsumerRound.prototype.shift = shift
    }
    expect(shifts).toBeLessThan(4)
  })

  test('keeps the turns when a consumer leaves', () => {
    const all = ['a', 'b', 'c', 'd'].map((tag) => consumer(tag))
    const consumers = added(...all)
    expect(turns(consumers, 2)).toBe('ab')
    expect(consumers.remove(all[0] as Consumer)).toBe(true)
    expect(turns(consumers, 4)).toBe('cdbc')
    expect(consumers.remove(all[3] as Consumer)).toBe(true)
    expect(turns(consumers, 3)).toBe('bcb')
    expect(consumers.remove(all[3] as Consumer)).toBe(false)
    expect(consumers.count).toBe(2)
  })

  test('knows whether a consumer has the queue for itself', () => {
    const alone = consumer('x', { isExclusive: true })
    const consumers = added(alone)
    expect(consumers.hasExclusive).toBe(true)
    consumers.remove(alone)
    expect([consumers.hasExclusive, consumers.count, consumers.all().length]).toEqual([false, 0, 0])
  })

  test('is fair among equals however they come and go', () => {
    const step = fc.oneof(fc.constant('next' as const), fc.constant('add' as const), fc.nat(10))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const consumers = new QueueConsumers()
        const present: Consumer[] = []
        let count = 0
        for (const one of steps) {
          if (one === 'add') {
            const created = consumer(`${count++},`, { priority: count % 3 })
            consumers.add(created)
            present.push(created)
          } else if (one !== 'next') {
            const [gone] = present.splice(one % Math.max(1, present.length), 1)
            if (gone !== undefined) expect(consumers.remove(gone)).toBe(true)
          }
          expect(consumers.count).toBe(present.length)
          const highest = Math.max(...present.map(({ priority }) => priority))
          const best = present.filter(({ priority }) => priority === highest)
          const round = best.map(() => consumers.next()?.tag)
          expect(round.sort()).toEqual(best.map(({ tag }) => tag).sort())
        }
      }),
    )
  })

  test('takes up thousands of consumers without looking at all of them each time', () => {
    const all = Array.from({ length: 20_000 }, (_, i) => consumer(String(i)))
    const consumers = new QueueConsumers()
    const startedAt = performance.now()
    for (const one of all) consumers.add(one)
    expect(performance.now() - startedAt).toBeLessThan(400)
  })
})
