import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameError } from '../../protocol/errors.ts'
import { decodeFieldTable, encodeFieldTable } from '../../protocol/field-table.ts'
import { FIELD_DEPTH_MAX, FIELDS_MAX } from '../../protocol/field-table-limits.ts'
import { skipField, skipFieldTable } from '../../protocol/field-table-skip.ts'
import { Reader } from '../../protocol/reader.ts'
import { fieldTable, mutated } from './arbitraries.ts'
import { arrayOf, nestedArrays, nestedTables, tableOf, voids } from './tables.ts'

/** What skipFieldTable must answer: where the decoder ends, -1 when it refuses. */
function decodedEnd(bytes: Buffer, start: number, end: number): number {
  const reader = new Reader(bytes, start, end)
  try {
    decodeFieldTable(reader)
    return reader.offset
  } catch (error) {
    if (error instanceof FrameError) return -1
    throw error
  }
}

function expectAgreement(bytes: Buffer, start = 0, end = bytes.length): number {
  const answer = skipFieldTable(bytes, start, end)
  expect(answer).toBe(decodedEnd(bytes, start, end))
  return answer
}

const encoded = fieldTable.map(encodeFieldTable)

test('skipping ends where decoding ends, for every table at any place', () => {
  fc.assert(
    fc.property(encoded, fc.nat(9), fc.nat(9), (table, before, behind) => {
      const bytes = Buffer.concat([Buffer.alloc(before, 0xff), table, Buffer.alloc(behind, 'V')])
      expect(expectAgreement(bytes, before)).toBe(before + table.length)
    }),
  )
})

test('skipping refuses what decoding refuses, for damaged tables', () => {
  let refused = 0
  fc.assert(
    fc.property(mutated(mutated(encoded)), (bytes) => {
      if (expectAgreement(bytes) < 0) refused++
    }),
    { numRuns: 3000 },
  )
  expect(refused).toBeGreaterThan(100)
})

test('skipping refuses what decoding refuses, for every octet of a table with all the tags', () => {
  const table = tableOf(
    ['n', Buffer.from('I\0\0\0\x01')],
    ['deep', arrayOf(Buffer.concat([Buffer.from('F'), tableOf(['s', Buffer.from('S\0\0\0\x02hi')]), voids(2)]))],
    ['x', Buffer.from('x\0\0\0\0')],
  )
  for (let at = 0; at < table.length; at++) {
    for (let value = 0; value < 256; value++) {
      const bytes = Buffer.from(table)
      bytes[at] = value
      expectAgreement(bytes)
    }
  }
})

test('a table that ends behind the range is refused, even where the bytes go on', () => {
  fc.assert(
    fc.property(encoded, fc.nat(), (table, cut) => {
      const bytes = Buffer.concat([table, Buffer.alloc(8)])
      expect(expectAgreement(bytes, 0, cut % table.length)).toBe(-1)
    }),
  )
})

test('lengths beyond 2^31 do not wrap around', () => {
  expect(expectAgreement(Buffer.of(0xff, 0xff, 0xff, 0xff, 1, 0x6b, 0x56))).toBe(-1)
  expect(expectAgreement(tableOf(['k', [0x53, 0xff, 0xff, 0xff, 0xf0, 1]]))).toBe(-1)
  expect(expectAgreement(tableOf(['k', [0x46, 0xff, 0xff, 0xff, 0xfc, 1]]))).toBe(-1)
})

test('bombs of depth and of fields meet the same limits', () => {
  for (const nested of [nestedTables, nestedArrays]) {
    expect(expectAgreement(nested(FIELD_DEPTH_MAX))).toBeGreaterThan(0)
    expect(expectAgreement(nested(FIELD_DEPTH_MAX + 1))).toBe(-1)
  }
  expect(expectAgreement(nestedArrays(20_000))).toBe(-1)
  expect(expectAgreement(tableOf(['k', arrayOf(voids(FIELDS_MAX - 1))]))).toBeGreaterThan(0)
  expect(expectAgreement(tableOf(['k', arrayOf(voids(FIELDS_MAX))]))).toBe(-1)
})

test('skipping field by field passes over one field each', () => {
  fc.assert(
    fc.property(fieldTable, (table) => {
      const bytes = encodeFieldTable(table)
      let at = 4
      for (const [name, field] of table) {
        const start = at + 1 + (bytes[at] as number)
        at = skipField(bytes, start)
        const alone = encodeFieldTable(new Map([[name, field]]))
        expect(bytes.subarray(start, at)).toEqual(alone.subarray(alone.length - (at - start)))
      }
      expect(at).toBe(bytes.length)
    }),
  )
})
