import { describe, expect, test } from 'vitest'
import { createMessage, type Message } from '../../../src/broker/messages/message.ts'
import { MessageExpiry } from '../../../src/broker/queues/message-expiry.ts'
import { NOTHING_BESIDE } from '../../../src/broker/queues/message-ttl.ts'
import { AgeClock } from '../../../src/lib/age-clock.ts'
import { QueueLog } from '../../../storage/queue-log.ts'
import { expiresAtOf } from '../../../storage/record-extension.ts'
import type { Segment } from '../../../storage/segment.ts'
import { SegmentPool } from '../../../storage/segment-pool.ts'
import { HandClock } from '../../support/hand-clock.ts'

/** A log whose messages expire, with turns that end when they are told to. */
class Queue {
  readonly clock = new HandClock()
  readonly log = new QueueLog(new SegmentPool(0, this.clock))
  readonly #turnEnds: (() => void)[] = []
  readonly #ages = new AgeClock(this.clock, (work) => this.#turnEnds.push(work))
  readonly #beginMs = this.#ages.monotonicMs()
  readonly expiry = new MessageExpiry(
    { append: (message) => this.log.append(message), deliverNow: () => {} },
    this.log,
    { ages: this.#ages, isRestoring: false },
    { isDroppingHead: false, dropWhatIsDue: () => {}, timesChanged: () => {} },
  )

  append(count: number, expiration?: string): void {
    for (let i = 0; i < count; i++) this.expiry.append(message(expiration))
  }

  /** The turn is over, and the next one begins after this time. */
  nextTurn(ms: number): void {
    for (const end of this.#turnEnds.splice(0)) end()
    this.clock.turn(ms)
  }

  /** A consumer takes the next one and gives it back. */
  takeAndReturn(): void {
    this.log.take()
    const { segment, index } = this.log
    this.expiry.headChanged()
    this.log.requeue(segment as Segment, index)
    this.expiry.returned()
    this.expiry.headChanged()
  }

  /** Takes all; when each expires, seen from the beginning. */
  takeAll(): number[] {
    const times: number[] = []
    while (this.log.readyCount > 0) {
      this.log.take(false)
      const segment = this.log.segment as Segment // which take has set
      times.push(expiresAtOf(segment, this.log.index) - this.#beginMs)
      this.log.finish(segment, this.log.index)
    }
    this.expiry.headChanged()
    return times
  }
}

function message(expiration?: string): Message {
  const made = createMessage('', 'q', expiration === undefined ? {} : { expiration }, Buffer.from('body'))
  if (expiration !== undefined) made.extension = NOTHING_BESIDE
  return made
}

describe('the times of messages that come in one turn, and have their queue’s', () => {
  test('are the same, and those of the next turn are later', () => {
    const queue = new Queue()
    queue.expiry.queueMs = 1000
    queue.append(4)
    queue.nextTurn(7)
    queue.append(3)
    expect(queue.takeAll()).toEqual([1000, 1000, 1000, 1000, 1007, 1007, 1007])
  })

  test('stay theirs when others with a lower one come in between', () => {
    const queue = new Queue()
    queue.expiry.queueMs = 1000
    queue.append(3)
    queue.append(1, '500')
    queue.append(3)
    expect(queue.takeAll()).toEqual([1000, 1000, 1000, 500, 1000, 1000, 1000])
  })

  test('stay theirs, too, when the lower one is later than that of the next message', () => {
    const queue = new Queue()
    queue.expiry.queueMs = 1000
    queue.append(1)
    queue.nextTurn(7)
    queue.append(3)
    queue.append(1, '995')
    queue.append(3)
    expect(queue.takeAll()).toEqual([1000, 1007, 1007, 1007, 1002, 1007, 1007, 1007])
  })

  test('follow the queue’s when it changes', () => {
    const queue = new Queue()
    queue.expiry.queueMs = 1000
    queue.append(3)
    queue.expiry.queueMs = 300
    queue.append(3)
    queue.expiry.queueMs = undefined
    queue.append(3)
    const never = Number.POSITIVE_INFINITY
    expect(queue.takeAll()).toEqual([1000, 1000, 1000, 300, 300, 300, never, never, never])
  })

  test('are looked for anew when the queue has become empty: the first one is the next to expire', () => {
    const queue = new Queue()
    queue.expiry.queueMs = 1000
    queue.append(3)
    const { headAtMs } = queue.expiry
    queue.takeAll()
    expect(queue.expiry.headAtMs).toBe(Number.POSITIVE_INFINITY)
    queue.append(1)
    expect(queue.expiry.headAtMs).toBe(headAtMs)
  })
})

test('what comes with something beside it keeps that, and so does its message', () => {
  const queue = new Queue()
  queue.expiry.queueMs = 1000
  queue.append(3)
  const one = message()
  queue.expiry.append(one)
  expect(one.extension).toBeUndefined()
  const other = message('400')
  queue.expiry.append(other)
  expect(other.extension).toBe(NOTHING_BESIDE)
  expect(queue.takeAll()).toEqual([1000, 1000, 1000, 1000, 400])
})

test('a message that came back may be due, though nothing was when it had left the queue empty', () => {
  const queue = new Queue()
  queue.expiry.queueMs = 1000
  queue.append(1)
  queue.takeAndReturn()
  queue.nextTurn(2000)
  queue.expiry.lookAtClock()
  expect(queue.expiry.mayBeDue).toBe(true)
})
