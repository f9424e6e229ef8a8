import { expect, test } from 'vitest'
import { allocateBlock } from '../../src/lib/block.ts'
import { encodeExtension, type RecordExtension, readExtension } from '../../storage/record-extension.ts'
import { Segment } from '../../storage/segment.ts'
import { numbered, source } from './sources.ts'

function readBack(extension: Uint8Array | undefined, bodyBytes = 10): RecordExtension | undefined {
  const segment = new Segment()
  segment.block = allocateBlock(1000)
  segment.append(source(numbered(1, 5)))
  segment.append({ ...source(numbered(2, bodyBytes)), extension })
  segment.append(source(numbered(3, 5)))
  expect([readExtension(segment, 0), readExtension(segment, 2)]).toEqual([undefined, undefined])
  return readExtension(segment, 1)
}

test('an extension says what was put into it', () => {
  for (const extension of [{ expiresAtMs: 2 ** 47 }, { priority: 0 }, { expiresAtMs: 0, priority: 255 }, {}]) {
    expect(readBack(encodeExtension(extension))).toEqual(extension)
    expect(readBack(encodeExtension(extension), 50_000)).toEqual(extension)
  }
})

test('a record without one has none', () => {
  expect(readBack(undefined)).toBeUndefined()
})

test('fields of a later version are skipped', () => {
  const later = Buffer.from([200, 3, 1, 2, 3])
  const laterWidth = Buffer.from([1, 8, 0, 0, 0, 0, 0, 0, 0, 1])
  const known = encodeExtension({ priority: 7 })
  expect(readBack(Buffer.concat([later, laterWidth, known, later]))).toEqual({ priority: 7 })
})

test('what a field has no room for is refused', () => {
  expect(() => encodeExtension({ priority: 256 })).toThrow(RangeError)
  expect(() => encodeExtension({ expiresAtMs: -1 })).toThrow(RangeError)
})
