import { expect, test } from 'vitest'
import type { Queue } from '../../src/broker/queues/queue.ts'
import { Deliveries } from '../../src/embedded/deliveries.ts'
import { DiskWaits, takeMessage } from '../../src/embedded/take-message.ts'

/** A queue whose next message has yet to be read from the disk: as often as there are waits, then it is empty. */
class UnreadQueue {
  readonly waits: (() => void)[] = []
  readonly pull = this
  readsLeft: number

  constructor(readsLeft: number) {
    this.readsLeft = readsLeft
  }

  get(_isNoAck: boolean, _read: unknown, whenReadable: () => void): 'empty' | 'unread' {
    if (this.readsLeft-- === 0) return 'empty'
    this.waits.push(whenReadable)
    return 'unread'
  }
}

const take = (queue: UnreadQueue, waits: DiskWaits) =>
  takeMessage(() => queue as unknown as Queue, false, new Deliveries(() => 1), waits)

test('asks the queue again after each wait for the disk', async () => {
  const queue = new UnreadQueue(2)
  const taken = take(queue, new DiskWaits())
  queue.waits[0]?.()
  await expect.poll(() => queue.waits.length).toBe(2)
  queue.waits[1]?.()
  expect(await taken).toBeUndefined()
  expect(queue.readsLeft).toBe(-1)
})

test('ends with the server when the disk never gives the message back', async () => {
  const waits = new DiskWaits()
  const taken = take(new UnreadQueue(1), waits)
  waits.end(new Error('the broker was stopped'))
  await expect(taken).rejects.toThrow('the broker was stopped')
})
