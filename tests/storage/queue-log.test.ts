import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LogRecorder } from '../../storage/log-recorder.ts'
import { lookThrough } from '../../storage/look-ahead.ts'
import { MemoryStorage } from '../../storage/memory/memory-storage.ts'
import { QueueLog } from '../../storage/queue-log.ts'
import { BODY_BESIDE_BYTES_MIN } from '../../storage/record.ts'
import type { Segment } from '../../storage/segment.ts'
import { SEGMENT_BYTES, SegmentPool } from '../../storage/segment-pool.ts'
import { numbered, source, stored } from './sources.ts'

interface Taken {
  readonly number: number
  readonly size: number
  readonly segment: Segment
  readonly index: number
}

function bytesOf(messages: readonly { readonly size: number }[]): number {
  return messages.reduce((sum, { size }) => sum + size, 0)
}

/** A queue log beside the simplest thing that does the same: two lists of numbered messages. */
class Pair {
  readonly pool = new SegmentPool()
  readonly log = new QueueLog(this.pool)
  ready: {
    readonly number: number
    readonly size: number
    readonly isRedelivered: boolean
    readonly segment: Segment
    readonly index: number
  }[] = []
  readonly taken: Taken[] = []
  #count = 0

  append(size: number): void {
    const number = this.#count++
    this.log.append(source(numbered(number, size)))
    const { tail: segment } = this.log
    if (segment === undefined) throw new Error('appended nothing')
    this.ready.push({ number, size, isRedelivered: false, segment, index: segment.count - 1 })
  }

  take(): void {
    const expected = this.ready.shift()
    if (expected === undefined) return
    this.log.take()
    const { segment, index, isRedelivered } = this.log
    if (segment === undefined) throw new Error('took nothing')
    const { number, size } = expected
    const { key, header, body } = stored(segment, index)
    const { key: wantedKey, header: wantedHeader, body: wantedBody } = numbered(number, size)
    expect(key.toString()).toBe(wantedKey.toString())
    expect(header.equals(wantedHeader) && body.equals(wantedBody)).toBe(true)
    expect(isRedelivered).toBe(expected.isRedelivered)
    this.taken.push({ number, size, segment, index })
  }

  /** Takes one from anywhere. */
  takeAt(place: number): void {
    const [one] = this.ready.splice(place % Math.max(1, this.ready.length), 1)
    if (one === undefined) return
    expect(this.log.takeAt(one.segment, one.index)).toBe(true)
    expect(this.log.takeAt(one.segment, one.index)).toBe(false)
    expect(stored(one.segment, one.index).key.toString()).toBe(`k${one.number}`)
    this.taken.push(one)
  }

  settle(place: number): void {
    const [one] = this.taken.splice(place % Math.max(1, this.taken.length), 1)
    if (one !== undefined) this.log.settle(one.segment, one.index)
  }

  requeue(place: number): void {
    const [one] = this.taken.splice(place % Math.max(1, this.taken.length), 1)
    if (one === undefined) return
    this.log.requeue(one.segment, one.index)
    this.ready.push({ ...one, isRedelivered: true })
    this.ready.sort((a, b) => a.number - b.number)
  }

  purge(): void {
    expect(this.log.purge()).toBe(this.ready.length)
    this.ready = []
  }

  clear(): void {
    this.log.clear()
    this.ready = []
    this.taken.length = 0
    expect(this.pool.bytesInUse).toBe(0)
  }

  check(): void {
    expect(this.log.readyCount).toBe(this.ready.length)
    expect([this.log.readyBytes, this.log.unackedBytes]).toEqual([bytesOf(this.ready), bytesOf(this.taken)])
    expect(this.#peeked()).toEqual(this.ready.map(({ number, isRedelivered }) => [`k${number}`, isRedelivered]))
    const live = [...this.ready, ...this.taken]
    const beside = live.filter(({ size }) => size >= BODY_BESIDE_BYTES_MIN).reduce((sum, { size }) => sum + size, 0)
    expect(this.pool.bytesInUse).toBeGreaterThanOrEqual(beside)
    if (live.length === 0) expect(this.pool.bytesInUse).toBe(0)
  }

  #peeked(): [key: string, isRedelivered: boolean][] {
    const seen: [string, boolean][] = []
    const show = (segment: Segment, index: number, deliveries: number): boolean =>
      seen.push([stored(segment, index).key.toString(), deliveries > 0]) > 0
    lookThrough(this.log.lookAhead(), show, () => {})
    return seen
  }

  finish(): void {
    while (this.ready.length > 0) this.take()
    while (this.taken.length > 0) this.settle(0)
    this.check()
  }
}

const sizes = fc.oneof(
  { weight: 6, arbitrary: fc.nat(300) },
  { weight: 2, arbitrary: fc.integer({ min: 300, max: 31_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(BODY_BESIDE_BYTES_MIN - 1, BODY_BESIDE_BYTES_MIN, 70_000) },
)
const times = fc.oneof(fc.constant(1), fc.nat(20))
const place = fc.oneof(fc.constant(0), fc.nat())
type Kind = 'append' | 'take' | 'takeAt' | 'settle' | 'requeue' | 'purge' | 'clear'
type Step = readonly [kind: Kind, times: number, detail: number]
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.tuple(fc.constant('append' as const), times, sizes) },
    { weight: 8, arbitrary: fc.tuple(fc.constant('take' as const), times, fc.constant(0)) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('takeAt' as const), times, place) },
    { weight: 6, arbitrary: fc.tuple(fc.constant('settle' as const), times, place) },
    { weight: 5, arbitrary: fc.tuple(fc.constant('requeue' as const), times, place) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('purge' as const), fc.constant(1), fc.constant(0)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('clear' as const), fc.constant(1), fc.constant(0)) },
  ),
  { maxLength: 60 },
)

describe('QueueLog', () => {
  test('behaves like a list of ready and a list of taken messages', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const pair = new Pair()
        for (const [kind, count, detail] of all) {
          for (let i = 0; i < count; i++) pair[kind](detail)
          pair.check()
        }
        pair.finish()
      }),
      { numRuns: 150 },
    )
  })

  test('behaves so across segments that are full', () => {
    const step = fc.tuple(
      fc.constantFrom('take', 'takeAt', 'settle', 'requeue', 'append', 'purge'),
      fc.nat(40),
      fc.nat(),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (all) => {
        const pair = new Pair()
        for (let i = 0; i < 60; i++) pair.append(16_000) // nearly four segments
        for (const [kind, count, detail] of all) {
          for (let i = 0; i < (kind === 'purge' ? Number(count > 30) : count); i++) {
            pair[kind as 'append'](kind === 'append' ? 16_000 : detail)
          }
          pair.check()
        }
        pair.finish()
      }),
      { numRuns: 30 },
    )
  })

  test('keeps the order of 200,000 small messages, half of them requeued', () => {
    const pool = new SegmentPool()
    const log = new QueueLog(pool)
    const count = 200_000
    const one = numbered(0, 4)
    for (let i = 0; i < count; i++) {
      one.body.writeUInt32BE(i)
      log.append(source(one))
    }
    expect(pool.bytesInUse).toBeLessThan(count * 40)
    const numberTaken = (): number => {
      log.take()
      const segment = log.segment as Segment
      return segment.block.view.getUint32(segment.recordEnd(log.index) - 4)
    }
    const back: [Segment, number][] = []
    let misplaced = 0
    for (let i = 0; i < count; i++) {
      if (numberTaken() !== i) misplaced++
      if (i % 2 === 0) log.settle(log.segment as Segment, log.index)
      else back.push([log.segment as Segment, log.index])
    }
    expect(log.readyCount).toBe(0)
    for (const [segment, index] of back) log.requeue(segment, index)
    expect(log.readyCount).toBe(count / 2)
    for (let i = 1; i < count; i += 2) {
      if (numberTaken() !== i || !log.isRedelivered) misplaced++
      log.settle(log.segment as Segment, log.index)
    }
    expect(misplaced).toBe(0)
    expect(pool.bytesInUse).toBe(0)
  })

  test.each([
    ['one byte less than a segment', SEGMENT_BYTES - 1],
    ['exactly a segment', SEGMENT_BYTES],
    ['one byte more than a segment', SEGMENT_BYTES + 1],
    ['many segments', SEGMENT_BYTES * 5],
  ])('takes a header of %s, before and after others', (_, size) => {
    const pool = new SegmentPool()
    const log = new QueueLog(pool)
    const huge = { key: Buffer.from('k'), header: Buffer.alloc(size - 20, 'h'), body: Buffer.from('body') }
    const all = [numbered(1, 10), huge, numbered(2, 10), huge, huge, numbered(3, 10)]
    for (const one of all) log.append(source(one))
    for (const one of all) {
      log.take()
      const found = stored(log.segment as Segment, log.index)
      expect(found.header.equals(one.header) && found.body.equals(one.body)).toBe(true)
      log.settle(log.segment as Segment, log.index)
    }
    expect(pool.bytesInUse).toBe(0)
  })

  test('frees a large body when it is settled, not when its segment is', () => {
    const pool = new SegmentPool()
    const log = new QueueLog(pool)
    log.append(source(numbered(0, 1)))
    log.append(source(numbered(1, 1_000_000)))
    log.take()
    log.take()
    expect(pool.bytesInUse).toBeGreaterThan(1_000_000)
    log.settle(log.segment as Segment, log.index)
    expect(pool.bytesInUse).toBeLessThan(2000)
  })

  test('takes little memory for a queue with a single small message', () => {
    const pool = new SegmentPool()
    new QueueLog(pool).append(source(numbered(0, 16)))
    expect(pool.bytesInUse).toBeLessThanOrEqual(1024)
  })

  test('leaves taken messages readable when it is purged', () => {
    const pair = new Pair()
    for (let i = 0; i < 40; i++) pair.append(10_000)
    for (let i = 0; i < 10; i++) pair.take()
    pair.purge()
    for (const { segment, index, number } of pair.taken) {
      expect(stored(segment, index).key.toString()).toBe(numbered(number, 0).key.toString())
    }
    for (let i = 0; i < 10; i++) pair.requeue(0)
    pair.append(5)
    pair.finish()
  })
})

describe('MemoryStorage', () => {
  test('counts the bytes of all its queue logs together', async () => {
    const storage = new MemoryStorage()
    await storage.open()
    expect(storage).toMatchObject({ kind: 'memory', bytesInUse: 0 })
    const logs = [storage.createQueueLog(), storage.createQueueLog()]
    for (const log of logs) log.append(source(numbered(1, 40_000)))
    expect(storage.bytesInUse).toBeGreaterThan(80_000)
    for (const log of logs) log.clear()
    expect(storage.bytesInUse).toBe(0)
    await storage.close()
  })
})

describe('many queues that get the same messages', () => {
  const MIB = 1024 * 1024

  function logs(pool: SegmentPool, isRecorded: boolean): QueueLog[] {
    const recorder: LogRecorder = {
      appended: () => {},
      settled: () => {},
      returned: () => {},
      delivered: () => {},
      released: () => {},
      cleared: () => {},
      isSafe: () => false,
      load: () => {},
    }
    return Array.from({ length: 1000 }, () => new QueueLog(pool, isRecorded ? recorder : undefined))
  }

  test.each([
    ['in memory', false],
    ['on the disk', true],
  ])('take little more than the room they have, message by message: %s', (_, isRecorded) => {
    const pool = new SegmentPool()
    const all = logs(pool, isRecorded)
    const message = source(numbered(1, 1024))
    pool.setRoom(200 * MIB)
    let before = 0
    for (let used = 0; used < 200 * MIB; used = pool.bytesInUse + pool.slackBytes) {
      for (const log of all) log.append(message)
      before = used
    }
    // The message that was too much has taken as much as each queue had room for, and no more.
    expect(pool.bytesInUse + pool.slackBytes - before).toBeLessThan(20 * MIB)
    expect(all[0]?.readyCount).toBeGreaterThan(100)
    for (const log of all) log.clear()
    pool.close()
  })
})
