// What queues do at a time, by a clock that is turned by hand.
import { beforeEach, describe, expect, test } from 'vitest'
import { fieldTable, type PlainTable } from '../../../protocol/field-table-plain.ts'
import type { PolicyDefinition } from '../../../src/broker/policies/policy.ts'
import { Publisher } from '../../../src/broker/publishing/publisher.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import { queueSettings } from '../../../src/broker/queues/queue-arguments.ts'
import { drain, get, Model, message, session } from '../model.ts'

let model: Model
let publisher: Publisher

beforeEach(() => {
  model = new Model()
  publisher = new Publisher(model.vhost, session(), Number.MAX_SAFE_INTEGER)
})

function queue(settings: PlainTable, name = 'q'): Queue {
  return model.queue(name, { arguments: fieldTable(settings) })
}

function publish(body: string, expiration?: string): void {
  publisher.publish(message('', 'q', body, expiration === undefined ? {} : { expiration }))
}

function passes(ms: number): void {
  model.clock.turn(ms)
  model.run()
}

test('a message that expires gives a queue no further time', () => {
  queue({ 'x-expires': 1000, 'x-max-length': 10 })
  passes(600)
  publish('a', '50000')
  passes(400)
  expect(model.vhost.queue('q')).toBeUndefined()
})

// RabbitMQ stops the timer of a queue when policies change, and starts it anew where the queue has no consumer.
describe('the time of a queue that is not used, by a policy', () => {
  const isThere = (): boolean => model.vhost.queue('q') !== undefined

  function setPolicy(definition: PolicyDefinition): void {
    model.vhost.policies.set('policy', 'p', { pattern: '^q$', definition })
    model.run()
  }

  test('begins when the policy comes, however long the queue was not used before', () => {
    queue({})
    passes(5000)
    setPolicy({ expires: 1000 })
    passes(999)
    expect(isThere()).toBe(true)
    passes(1)
    expect(isThere()).toBe(false)
  })

  test.each([
    ['longer', 3000],
    ['shorter', 500],
  ])('begins anew when it is %s', (_how, ms) => {
    queue({})
    setPolicy({ expires: 1000 })
    passes(900)
    setPolicy({ expires: ms })
    passes(ms - 1)
    expect(isThere()).toBe(true)
    passes(1)
    expect(isThere()).toBe(false)
  })

  test('begins anew when the policy sets something else', () => {
    queue({})
    setPolicy({ expires: 1000 })
    passes(900)
    setPolicy({ expires: 1000, 'max-length': 5 })
    passes(999)
    expect(isThere()).toBe(true)
    passes(1)
    expect(isThere()).toBe(false)
  })

  test('goes on when a policy comes that changes nothing about the queue', () => {
    queue({})
    setPolicy({ expires: 1000 })
    passes(900)
    model.vhost.policies.set('policy', 'other', { pattern: '^other$', definition: { expires: 5 } })
    model.run()
    passes(100)
    expect(isThere()).toBe(false)
  })

  test('ends with the policy', () => {
    queue({})
    setPolicy({ expires: 1000 })
    passes(900)
    model.vhost.policies.remove('policy', 'p')
    model.run()
    passes(1_000_000)
    expect(isThere()).toBe(true)
    expect(model.clock.timers.size).toBe(0)
  })

  test('is the lower one of those of the policy and the argument, and that of the argument again without it', () => {
    queue({ 'x-expires': 1000 })
    setPolicy({ expires: 5000 })
    passes(900)
    setPolicy({ expires: 500 })
    passes(400)
    model.vhost.policies.remove('policy', 'p')
    model.run()
    passes(999)
    expect(isThere()).toBe(true)
    passes(1)
    expect(isThere()).toBe(false)
  })

  test('begins when the last consumer goes', () => {
    const used = queue({})
    const { consumer } = model.consumer(used)
    setPolicy({ expires: 1000 })
    passes(5000)
    used.removeConsumer(consumer)
    passes(999)
    expect(isThere()).toBe(true)
    passes(1)
    expect(isThere()).toBe(false)
  })

  test('counts for a queue that is used by a get, too', () => {
    const used = queue({})
    setPolicy({ expires: 1000 })
    passes(900)
    get(used, true, () => {})
    passes(999)
    expect(isThere()).toBe(true)
    passes(1)
    expect(isThere()).toBe(false)
  })
})

describe('timers', () => {
  test('there are none for a queue that has nothing to do at a time, whatever its settings', () => {
    queue({}, 'plain')
    queue({ 'x-message-ttl': 100, 'x-max-length': 3, 'x-delivery-limit': 2 })
    expect(model.clock.timers.size).toBe(0)
    publish('a')
    expect(model.clock.timers.size).toBe(1)
  })

  test('there is one for a queue that has several things to do, however many messages come and go', () => {
    const timed = queue({ 'x-message-ttl': 100, 'x-expires': 5000 })
    for (let count = 0; count < 50; count++) {
      publish('a')
      publish('b', '50')
      passes(1)
      get(timed, true, () => {})
    }
    expect(model.clock.timers.size).toBe(1)
    expect(model.clock.timersSet).toBeLessThan(20)
  })

  test('there is none left when the queue is gone', () => {
    const timed = queue({ 'x-message-ttl': 100, 'x-expires': 5000 })
    publish('a')
    model.vhost.removeQueue(timed)
    expect(model.clock.timers.size).toBe(0)
  })

  test('there is none left when the queue is gone while it drops messages, or while it is looked for one', () => {
    const timed = queue({ 'x-message-ttl': 100, 'x-expires': 5000 })
    for (let count = 0; count < 5000; count++) publish('a')
    model.clock.turn(100)
    expect(timed.readyCount).toBeGreaterThan(0)
    model.vhost.removeQueue(timed)
    model.run()
    expect(model.clock.timers.size).toBe(0)
    timed.pull.findNext(() => {})
    expect(model.clock.timers.size).toBe(0)
  })
})

describe('a message', () => {
  test.each([1, 5, 1000, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 32 + 5, 315_360_000_000])(
    'expires after %i ms, and not a millisecond before',
    (ms) => {
      const timed = queue({ 'x-message-ttl': ms })
      publish('a')
      passes(ms - 1)
      expect(timed.readyCount).toBe(1)
      passes(1)
      expect(timed.readyCount).toBe(0)
    },
  )

  // RabbitMQ: a message has expired when the time is that of its expiry or later.
  describe('at the very millisecond at which its time is over', () => {
    /** The time comes, and what the queue does at it has not been done yet. */
    function comes(ms: number): void {
      model.clock.nowMs = ms
      model.runOne()
    }

    test.each([
      ['its queue', { 'x-message-ttl': 100 }, undefined],
      ['itself', {}, '100'],
    ])('is not delivered to a consumer that comes then, and is to one that comes before: by %s', (_, settings, own) => {
      const timed = queue(settings)
      publish('late', own)
      comes(100)
      const late = model.consumer(timed)
      model.run()
      expect([late.sink.bodies, timed.readyCount]).toEqual([[], 0])
      timed.removeConsumer(late.consumer)
      publish('in time', own)
      comes(199)
      const { sink } = model.consumer(timed)
      model.run()
      expect(sink.bodies).toEqual(['in time'])
    })

    test('is not what a get takes, which takes it before', () => {
      const timed = queue({ 'x-message-ttl': 100 })
      publish('late')
      comes(100)
      expect(drain(timed)).toEqual([])
      publish('in time')
      comes(199)
      expect(drain(timed)).toEqual(['in time'])
    })

    test('is gone at once when it has no time at all, and nobody takes it', () => {
      const timed = queue({})
      publish('now', '0')
      expect(timed.readyCount).toBe(0)
    })
  })

  test('has what was left of its time when it comes back, and none that is too short', () => {
    const timed = queue({ 'x-message-ttl': 100 })
    const { sink } = model.consumer(timed)
    publish('a')
    model.run()
    passes(60)
    const [{ segment, index }] = sink.delivered as [(typeof sink.delivered)[0]]
    sink.isOpen = false
    timed.settle(segment, index, 'requeue')
    passes(39)
    expect(timed.readyCount).toBe(1)
    passes(1)
    expect(timed.readyCount).toBe(0)
  })

  test('that expired behind another one is gone when that one is taken, and is never delivered', () => {
    const timed = queue({})
    publish('long', '1000')
    publish('short', '10')
    publish('last')
    passes(100)
    expect(timed.readyCount).toBe(3)
    expect(drain(timed)).toEqual(['long', 'last'])
  })

  test('keeps the time that it came with when the settings change, and new ones get the new time', () => {
    const timed = queue({ 'x-message-ttl': 100 })
    publish('old')
    timed.applySettings(queueSettings(fieldTable({ 'x-message-ttl': 10 })))
    publish('new')
    passes(50)
    expect(timed.readyCount).toBe(2)
    passes(50)
    expect(timed.readyCount).toBe(0)
    timed.applySettings(queueSettings(fieldTable({})))
    publish('for ever')
    passes(2 ** 40)
    expect(drain(timed)).toEqual(['for ever'])
  })
})

describe('settings that change', () => {
  test('a lower limit drops at once what is too much, and very much of it turn by turn', () => {
    const limited = queue({})
    for (let count = 0; count < 20_000; count++) publish(String(count))
    limited.applySettings(queueSettings(fieldTable({ 'x-max-length': 19_990 })))
    expect(limited.readyCount).toBe(19_990)
    limited.applySettings(queueSettings(fieldTable({ 'x-max-length': 3 })))
    expect(limited.readyCount).toBeGreaterThan(19_000)
    model.run()
    expect(drain(limited)).toEqual(['19997', '19998', '19999'])
  })

  test('nothing is delivered of what is still to be dropped', () => {
    const limited = queue({})
    for (let count = 0; count < 5000; count++) publish(String(count))
    limited.applySettings(queueSettings(fieldTable({ 'x-max-length': 2 })))
    const { sink } = model.consumer(limited)
    model.run()
    expect(sink.bodies).toEqual(['4998', '4999'])
  })

  test('a queue that is to expire from now on does when it is not used', () => {
    const used = queue({})
    used.applySettings(queueSettings(fieldTable({ 'x-expires': 100 })))
    passes(99)
    expect(model.vhost.queue('q')).toBe(used)
    passes(1)
    expect(model.vhost.queue('q')).toBeUndefined()
  })
})
