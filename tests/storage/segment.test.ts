import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allocateBlock, Block, EMPTY_BLOCK } from '../../src/lib/block.ts'
import { PositionSet } from '../../storage/position-set.ts'
import { BODY_BESIDE_BYTES_MIN, recordLength } from '../../storage/record.ts'
import { copyRecord, recordSource } from '../../storage/record-bytes.ts'
import { Segment } from '../../storage/segment.ts'
import { numbered, source, stored } from './sources.ts'

const part = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
const bodies = fc.oneof(
  part,
  fc
    .constantFrom(BODY_BESIDE_BYTES_MIN - 1, BODY_BESIDE_BYTES_MIN, BODY_BESIDE_BYTES_MIN + 1)
    .map((size) => Buffer.alloc(size, 'b')),
)
const extensions = fc.option(fc.uint8Array({ minLength: 1, maxLength: 30 }), { nil: undefined, freq: 3 })
const messages = fc.array(fc.record({ key: part, header: part, body: bodies, extension: extensions }), {
  maxLength: 60,
})

function segmentFor(sizeBytes: number): Segment {
  const segment = new Segment()
  segment.block = allocateBlock(sizeBytes)
  return segment
}

describe('Segment', () => {
  test('gives back what was appended, large bodies too, in exactly the bytes it announced', () => {
    fc.assert(
      fc.property(messages, (all) => {
        const sources = all.map((one) => ({ ...source(one), extension: one.extension }))
        const segment = segmentFor(sources.reduce((sum, one) => sum + Segment.roomFor(one), 0))
        const besideBytes = sources.reduce((sum, one) => sum + segment.append(one), 0)
        expect(segment.count).toBe(all.length)
        expect(segment.usedBytes).toBe(segment.block.size)
        for (const [index, one] of all.entries()) {
          const found = stored(segment, index)
          expect(found.key.equals(one.key) && found.header.equals(one.header) && found.body.equals(one.body)).toBe(true)
          const again = recordSource(copyRecord(segment, index))
          const { bytes } = again.body
          expect(bytes.subarray(again.bodyStart, again.bodyEnd).equals(one.body)).toBe(true)
          expect(again.extension && Buffer.from(again.extension)).toEqual(one.extension && Buffer.from(one.extension))
          expect(recordLength(segment.block, segment.recordStart(index))).toBe(
            segment.recordEnd(index) - segment.recordStart(index),
          )
        }
        const beside = all.map(({ body }) => body.length).filter((size) => size >= BODY_BESIDE_BYTES_MIN)
        expect(besideBytes).toBe(beside.reduce((sum, size) => sum + size, 0))
      }),
      { numRuns: 50 },
    )
  })

  test('keeps bodies from 32 KiB on beside its block', () => {
    const sources = [BODY_BESIDE_BYTES_MIN - 1, BODY_BESIDE_BYTES_MIN].map((size) => source(numbered(1, size)))
    const segment = segmentFor(100_000)
    for (const one of sources) segment.append(one)
    expect(sources.map((_, index) => segment.bodies?.at(index)?.size)).toEqual([undefined, BODY_BESIDE_BYTES_MIN])
    expect(segment.length).toBeLessThan(BODY_BESIDE_BYTES_MIN + 100)
  })

  test('forgets a body once, and says what that freed', () => {
    const segment = segmentFor(1000)
    segment.append(source(numbered(1, 5)))
    segment.append(source(numbered(2, BODY_BESIDE_BYTES_MIN)))
    expect([0, 1, 1].map((index) => segment.bodies?.drop(index))).toEqual([0, BODY_BESIDE_BYTES_MIN, 0])
  })

  test('counts a body that several segments share once, until the last of them forgets it', () => {
    const body = new Block(Buffer.alloc(BODY_BESIDE_BYTES_MIN))
    const shared = { ...source(numbered(1, BODY_BESIDE_BYTES_MIN)), ownBody: () => body }
    const [one, other] = [segmentFor(1000), segmentFor(1000)]
    expect([one.append(shared), other.append(shared)]).toEqual([BODY_BESIDE_BYTES_MIN, 0])
    expect([one.bodies?.drop(0), other.bodies?.dropAll()]).toEqual([0, BODY_BESIDE_BYTES_MIN])
  })

  test('knows which records belong on the disk, in memory or not', () => {
    const segment = segmentFor(1000)
    for (const isDurable of [false, true, false]) segment.append({ ...source(numbered(1, 5)), isDurable })
    const belong = (): boolean[] => [0, 1, 2].map((index) => segment.belongsOnDisk(index))
    expect(belong()).toEqual([false, true, false])
    // What could not be read back has no bytes that could tell.
    segment.damaged = new PositionSet()
    segment.damaged.add(2)
    expect(belong()).toEqual([false, true, true])
    segment.block = EMPTY_BLOCK
    expect(belong()).toEqual([true, true, true])
  })

  test('is as good as new after it was cleared', () => {
    const segment = segmentFor(100_000)
    for (let i = 0; i < 50; i++) segment.append(source(numbered(i, i === 7 ? BODY_BESIDE_BYTES_MIN : 3)))
    segment.clear()
    segment.append(source(numbered(8, 10)))
    expect(segment).toMatchObject({
      count: 1,
      settledCount: 0,
      bodies: undefined,
      next: undefined,
      previous: undefined,
    })
    expect(stored(segment, 0)).toEqual(numbered(8, 10))
  })
})
