import { beforeEach, describe, expect, test } from 'vitest'
import { FanOut } from '../../../src/broker/publishing/fan-out.ts'
import { Publisher } from '../../../src/broker/publishing/publisher.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import { Block } from '../../../src/lib/block.ts'
import { drain, Model, message, session } from '../model.ts'

const COUNT = 1000
const TURN_MS = 0.25

let model: Model
let queues: Queue[]

/** Many queues of one exchange, and every message that gets into one of them takes a while. */
beforeEach(() => {
  model = new Model()
  const exchange = model.exchange('all', 'fanout')
  queues = Array.from({ length: COUNT }, (_, i) => {
    const queue = model.queue(`q${i}`)
    const publish = queue.publish.bind(queue)
    queue.publish = (source) => {
      model.clock.nowMs += 0.001
      return publish(source)
    }
    model.bind(exchange, queue)
    return queue
  })
})

function publisher(turn = model.inputTurn): Publisher {
  turn.begin(TURN_MS)
  return new Publisher(model.vhost, session('me'), 100_000, turn)
}

function counts(): number[] {
  return queues.map(({ readyCount }) => readyCount)
}

/** How many queues have something. */
function reached(): number {
  return counts().filter((count) => count > 0).length
}

function begun(body = 'm'): FanOut {
  const one = publisher()
  expect(one.publish(message('all', '', body))).toBe('routed')
  if (one.fanOut === undefined) throw new Error('it was put into all queues in one turn')
  return one.fanOut
}

describe('a message for many queues', () => {
  test('gets into them until the time is up, and into the others in further turns', () => {
    const fanOut = begun()
    expect(reached()).toBeGreaterThanOrEqual(TURN_MS * 1000)
    expect(reached()).toBeLessThan(COUNT / 2)
    const ends: boolean[] = []
    fanOut.goOn(model.longWork, (isDone) => ends.push(isDone))
    for (let before = reached(); before < COUNT; before = reached()) {
      expect(ends).toEqual([])
      const startMs = model.clock.nowMs
      model.runOne()
      expect(reached()).toBeGreaterThan(before)
      expect(model.clock.nowMs - startMs).toBeLessThan(0.5)
    }
    expect(ends).toEqual([true])
    model.run()
    expect(counts()).toEqual(Array(COUNT).fill(1))
  })

  test('is in all of them at once while there is time, and without a turn', () => {
    const patient = publisher()
    model.inputTurn.begin(1000)
    patient.publish(message('all', ''))
    expect([patient.fanOut, patient.copies]).toEqual([undefined, COUNT])
    const embedded = new Publisher(model.vhost, session('me'), 100_000)
    embedded.publish(message('all', ''))
    expect(embedded.fanOut).toBeUndefined()
    expect(counts()).toEqual(Array(COUNT).fill(2))
  })

  test.each([10, 40_000])('is copied: its %i bytes may be overwritten meanwhile', (bodyBytes) => {
    const body = Buffer.alloc(bodyBytes, 'x')
    const source = message('all', '')
    source.setInPlace(source.head, source.keyStart, source.keyEnd, source.headerStart, source.headerEnd)
    source.body = new Block(body)
    source.bodyEnd = bodyBytes
    const one = publisher()
    one.publish(source)
    const bytes = one.fanOut?.goOn(model.longWork, () => {})
    expect(bytes).toBeLessThan(1000)
    expect(bytes).toBeGreaterThan(10)
    body.fill('y')
    model.run()
    expect(drain(queues[0] as Queue)).toEqual(['x'.repeat(bodyBytes)])
    expect(drain(queues[COUNT - 1] as Queue)).toEqual(['x'.repeat(bodyBytes)])
  })

  test('is not put into queues that are gone meanwhile', () => {
    const fanOut = begun()
    const last = queues.at(-1) as Queue
    fanOut.goOn(model.longWork, () => {})
    model.vhost.removeQueue(last)
    model.run()
    expect(counts()).toEqual([...Array(COUNT - 1).fill(1), 0])
  })

  test('is in all of them once the work has to end', () => {
    const ends: boolean[] = []
    begun().goOn(model.longWork, (isDone) => ends.push(isDone))
    model.longWork.finish()
    expect([reached(), ends]).toEqual([COUNT, [true]])
    model.run()
    expect(ends).toEqual([true])
  })

  test('that a queue fails to take ends there, and its publisher is told', () => {
    const ends: boolean[] = []
    begun().goOn(model.longWork, (isDone) => ends.push(isDone))
    const last = queues.at(-1) as Queue
    last.publish = () => {
      throw new Error('no room')
    }
    expect(() => model.run()).toThrow('no room')
    expect(ends).toEqual([false])
  })

  test.each([
    { durable: true, isDurable: true },
    { durable: false, isDurable: true },
    { durable: true, isDurable: false },
  ])('waits for the disk when a queue keeps it: %o', ({ durable, isDurable }) => {
    const persistent = message('all', '')
    persistent.isDurable = isDurable
    const fanOut = new FanOut(persistent, [...queues, model.queue('last', { durable })])
    model.inputTurn.begin(TURN_MS)
    expect(fanOut.begin(model.inputTurn)).toBe(false)
    fanOut.goOn(model.longWork, () => {})
    model.run()
    expect(fanOut.isStaged).toBe(durable && isDurable)
  })
})
