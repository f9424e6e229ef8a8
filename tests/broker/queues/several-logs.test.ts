// A kind of queue may keep its messages in several logs: each segment says which it is in, and a restart finds them all.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { Broker } from '../../../src/broker/broker.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import type { QueueKind } from '../../../src/broker/queues/queue-kinds.ts'
import type { QueueMessages } from '../../../src/broker/queues/queue-messages.ts'
import { SYSTEM_CLOCK } from '../../../src/lib/clock.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import type { QueueLog } from '../../../storage/queue-log.ts'
import type { RecordSource } from '../../../storage/record.ts'
import type { Segment, SegmentLog } from '../../../storage/segment.ts'
import { brokerOn, get, message } from '../model.ts'

/** Long messages in one log, short ones in the other, which comes first. */
class ShortOnesFirst implements QueueMessages {
  readonly isRecorded = true
  readonly #logs: readonly [QueueLog, QueueLog]
  #taken: QueueLog

  constructor(logs: readonly [QueueLog, QueueLog]) {
    this.#logs = logs
    this.#taken = logs[0]
  }

  get #next(): QueueLog {
    return this.#logs[0].readyCount > 0 ? this.#logs[0] : this.#logs[1]
  }

  get readyCount(): number {
    return this.#logs[0].readyCount + this.#logs[1].readyCount
  }

  get readyBytes(): number {
    return this.#logs[0].readyBytes + this.#logs[1].readyBytes
  }

  get unackedBytes(): number {
    return this.#logs[0].unackedBytes + this.#logs[1].unackedBytes
  }

  get segment(): Segment | undefined {
    return this.#taken.segment
  }

  get index(): number {
    return this.#taken.index
  }

  get isRedelivered(): boolean {
    return this.#taken.isRedelivered
  }

  segmentAt(sequence: number): Segment | undefined {
    return this.#logs[0].segmentAt(sequence) ?? this.#logs[1].segmentAt(sequence)
  }

  append(source: RecordSource): void {
    this.#logs[source.bodyEnd - source.bodyStart < 10 ? 0 : 1].append(source)
  }

  isReadable(whenReadable: () => void): boolean {
    return this.#next.isReadable(whenReadable)
  }

  take(isUnacked: boolean): void {
    this.#taken = this.#next
    this.#taken.take(isUnacked)
  }

  lookAhead(): never {
    throw new Error('nothing looks at them here')
  }

  peek(): boolean {
    this.#taken = this.#next
    return this.#taken.peek()
  }

  takeAt(segment: Segment, index: number): boolean {
    return logOf(segment).takeAt(segment, index)
  }

  load(segment: Segment, whenLoaded: () => void): void {
    logOf(segment).load(segment, whenLoaded)
  }

  settle(segment: Segment, index: number): void {
    logOf(segment).settle(segment, index)
  }

  finish(segment: Segment, index: number): void {
    logOf(segment).finish(segment, index)
  }

  requeue(segment: Segment, index: number): void {
    logOf(segment).requeue(segment, index)
  }

  purge(): number {
    return this.#logs[0].purge() + this.#logs[1].purge()
  }

  clear(): void {
    for (const log of this.#logs) log.clear()
  }
}

function logOf({ log }: Segment): SegmentLog {
  if (log === undefined) throw new Error('the segment is in no log')
  return log
}

const shortOnesFirst: QueueKind = {
  module: 'short_ones_first',
  isAlwaysDurable: false,
  messages: (logs) => new ShortOnesFirst([logs.first(), logs.make(1)]),
}

vi.mock('../../../src/broker/queues/queue-kinds.ts', async (original) => ({
  ...(await original<typeof import('../../../src/broker/queues/queue-kinds.ts')>()),
  queueKind: () => shortOnesFirst,
}))

test('a queue of several logs keeps what is in each of them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-logs-'))
  const open = async (): Promise<[LevelStorage, Broker]> => {
    const storage = new LevelStorage({ folder, durability: 'os', freeBytesMin: 0 })
    const recovery = await storage.open()
    const broker = brokerOn(storage, { nextTurn: setImmediate, clock: SYSTEM_CLOCK })
    const { problems } = broker.restore(recovery)
    expect(problems).toEqual([])
    return [storage, broker]
  }
  const first = await open()
  const spec = { name: 'q', durable: true, autoDelete: false, arguments: new Map(), owner: undefined }
  const queue = first[1].createVhost('/').addQueue(spec)
  for (const body of ['a long message', 'short 1', 'another long message', 'short 2']) {
    const sent = message('', 'q', body)
    sent.isDurable = true
    queue.publish(sent)
  }
  get(queue, false, (segment, index) => queue.settle(segment, index, 'requeue'))
  expect(take(queue)).toBe('short 1')
  expect(queue).toMatchObject({ readyCount: 3, readyBytes: 7 + 14 + 20, unackedCount: 0 })
  await first[0].close()

  const second = await open()
  const again = second[1].requireVhost('/').requireQueue('q')
  expect(again).toMatchObject({ readyCount: 3, readyBytes: 7 + 14 + 20 })
  expect(await drain(again)).toEqual(['short 2', 'a long message', 'another long message'])
  await second[0].close()
  rmSync(folder, { recursive: true })
})

function take(queue: Queue): string | undefined {
  let body: string | undefined
  get(queue, true, (segment, index) => {
    body = bodyOf(segment, index)
  })
  return body
}

async function drain(queue: Queue): Promise<string[]> {
  const bodies: string[] = []
  for (let found = 'taken'; found !== 'empty'; ) {
    await new Promise<void>((resolve) => {
      found = queue.pull.get(true, (segment, index) => void bodies.push(bodyOf(segment, index)), resolve)
      if (found !== 'unread') resolve()
    })
  }
  return bodies
}

function bodyOf(segment: Segment, index: number): string {
  return segment.block.bytes.toString('utf8', segment.bodyStart(index), segment.bodyEnd(index))
}
