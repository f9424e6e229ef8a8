import { beforeEach, describe, expect, test } from 'vitest'
import { BASIC_ACK, BASIC_NACK, writeSettle } from '../../protocol/basic-fast-path.ts'
import { FRAME_HEADER_BYTES } from '../../protocol/constants.ts'
import { Settling, type SettlingChannel } from '../../src/amqp/settling.ts'
import { AT_ONCE_MAX } from '../../src/amqp/work-in-turns.ts'
import { Transaction } from '../../src/broker/publishing/transaction.ts'
import type { Queue } from '../../src/broker/queues/queue.ts'
import { allocateBlock } from '../../src/lib/block.ts'
import { drain, Model, message, refusal } from '../broker/model.ts'

const COUNT = 4 * AT_ONCE_MAX
const MULTIPLE = 1
const REQUEUE = 2
const ALL = Array.from({ length: COUNT }, (_, i) => String(i))

let model: Model
let queue: Queue
let settling: Settling
/** Whether the input of the channel waits. */
let isHeld: boolean
let heldBytes: number
let channel: SettlingChannel & { isClosing: boolean; transaction: Transaction | undefined }

/** All messages of a queue are unacked. To settle one of them, or to put it into a transaction, takes a microsecond. */
beforeEach(() => {
  model = new Model()
  queue = model.queue('q')
  isHeld = false
  heldBytes = 0
  channel = {
    id: 1,
    isClosing: false,
    transaction: undefined,
    consumers: { countSettled() {} },
    vhost: model.vhost,
    connection: {
      intake: {
        beginLongWork: () => {
          isHeld = true
        },
        endLongWork: () => {
          isHeld = false
        },
        hold: (bytes) => {
          model.clock.nowMs += 0.001
          heldBytes += bytes
        },
      },
      destroy: () => expect.fail('nothing has failed'),
    },
  }
  settling = new Settling(channel)
  const { sink, consumer } = model.consumer(queue)
  for (const body of ALL) queue.publish(message('', 'q', body))
  model.run()
  queue.removeConsumer(consumer)
  for (const { segment, index } of sink.delivered) settling.unacked.add(consumer, segment, index)
  const settle = queue.settle.bind(queue)
  queue.settle = (segment, index, settlement) => {
    model.clock.nowMs += 0.001
    settle(segment, index, settlement)
  }
})

function settle(methodId: number, tag: number, bits: number): void {
  const block = allocateBlock(64)
  writeSettle(block, 0, 1, methodId, tag, bits)
  settling.settle(methodId, block, FRAME_HEADER_BYTES)
}

/** The turn that began the work is over; so many messages are settled by then and by the next one. */
function expectTurns(settledCount: () => number): void {
  expect(settledCount()).toBe(AT_ONCE_MAX)
  expect(isHeld).toBe(true)
  model.runOne()
  expect(settledCount()).toBeGreaterThan(AT_ONCE_MAX)
  expect(settledCount()).toBeLessThan(2 * AT_ONCE_MAX)
  expect(isHeld).toBe(true)
  model.run()
  expect(isHeld).toBe(false)
}

describe('Settling of many deliveries', () => {
  test.each([0, COUNT])('acks up to tag %d in several turns, while the input waits', (tag) => {
    settle(BASIC_ACK, tag, MULTIPLE)
    expectTurns(() => COUNT - queue.unackedCount)
    expect([queue.unackedCount, queue.readyCount, settling.unacked.count]).toEqual([0, 0, 0])
  })

  test('gives up to a tag back in several turns, in the old order, and leaves the rest', () => {
    settle(BASIC_NACK, COUNT - 10, MULTIPLE | REQUEUE)
    expectTurns(() => queue.readyCount)
    expect(settling.unacked.count).toBe(10)
    expect(drain(queue)).toEqual(ALL.slice(0, -10))
  })

  test('lets the queue deliver nothing before the last message is back', () => {
    const { sink } = model.consumer(queue)
    settle(BASIC_NACK, 0, MULTIPLE | REQUEUE)
    queue.publish(message('', 'q', 'new'))
    model.runOne()
    model.runOne()
    expect(sink.delivered).toEqual([])
    model.run()
    expect(sink.bodies).toEqual([...ALL, 'new'])
  })

  test('says that all are back when they are, and gives back nothing that was delivered meanwhile', () => {
    let backCount = -1
    settling.requeueAll(() => {
      backCount = queue.readyCount
    })
    expect(backCount).toBe(-1)
    const other = model.queue('other')
    const { sink, consumer } = model.consumer(other)
    other.publish(message('', 'other', 'x'))
    model.runOne()
    model.runOne()
    const [{ segment, index }] = sink.delivered as [(typeof sink.delivered)[0]]
    settling.unacked.add(consumer, segment, index)
    model.run()
    expect(backCount).toBe(COUNT)
    expect([settling.unacked.count, other.unackedCount]).toEqual([1, 1])
  })

  test('is at once what it was for a few', () => {
    settle(BASIC_ACK, AT_ONCE_MAX, MULTIPLE)
    expect([queue.unackedCount, isHeld]).toEqual([COUNT - AT_ONCE_MAX, false])
    expect(refusal(() => settle(BASIC_ACK, 1, 0))).toContain('unknown delivery tag 1')
  })

  test('is carried out to its end when the channel ends meanwhile: what was acked does not come back', () => {
    settle(BASIC_ACK, COUNT - 10, MULTIPLE)
    model.runOne()
    channel.isClosing = true
    settling.close(false)
    model.run()
    expect([queue.unackedCount, isHeld]).toEqual([0, false])
    expect(drain(queue)).toEqual(ALL.slice(-10))
  })
})

describe('Settling of many deliveries in a transaction', () => {
  beforeEach(() => {
    channel.transaction = new Transaction()
  })

  test('takes several turns, too, and the commit does as much at a time as it is told', () => {
    settle(BASIC_ACK, 0, MULTIPLE)
    expectTurns(() => channel.transaction?.pendingCount ?? 0)
    expect(queue.unackedCount).toBe(COUNT)
    expect(channel.transaction?.commitSome(100)).toBe(false)
    expect(queue.unackedCount).toBe(COUNT - 100)
    channel.transaction?.commit()
    expect([queue.unackedCount, heldBytes]).toEqual([0, 0])
  })

  test('is given up when the channel ends: all of it is back, in the old order, after several turns', () => {
    settle(BASIC_ACK, COUNT / 2, MULTIPLE)
    model.run()
    channel.isClosing = true
    settling.close(false)
    model.runOne()
    expect(queue.readyCount).toBeLessThan(COUNT)
    model.run()
    expect([queue.unackedCount, heldBytes]).toEqual([0, 0])
    expect(drain(queue)).toEqual(ALL)
  })

  test('is given up when the channel ends before all of it was taken up', () => {
    settle(BASIC_ACK, 0, MULTIPLE)
    model.runOne()
    channel.isClosing = true
    settling.close(false)
    model.run()
    expect([queue.unackedCount, heldBytes]).toEqual([0, 0])
    expect(drain(queue)).toEqual(ALL)
  })

  test('is carried out when the channel ends in the middle of its commit', () => {
    settle(BASIC_ACK, COUNT / 2, MULTIPLE)
    model.run()
    channel.transaction?.commitSome(10)
    channel.isClosing = true
    settling.close(false)
    model.run()
    channel.transaction?.commit()
    expect([queue.unackedCount, heldBytes]).toEqual([0, 0])
    expect(drain(queue)).toEqual(ALL.slice(COUNT / 2))
  })
})
