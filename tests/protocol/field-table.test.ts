import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameError } from '../../protocol/errors.ts'
import { decodeFieldTable, encodeFieldTable, type Field, type FieldTable } from '../../protocol/field-table.ts'
import { FIELD_DEPTH_MAX, FIELDS_MAX } from '../../protocol/field-table-limits.ts'
import { Reader } from '../../protocol/reader.ts'
import { fieldTable, mutated } from './arbitraries.ts'
import { arrayOf, nestedArrays, nestedTables, tableOf, voids } from './tables.ts'

const decode = (bytes: Uint8Array) => decodeFieldTable(new Reader(bytes))

/** One entry per tag with the octets that its value has on the wire, by hand. */
const TAGS: readonly (readonly [Field, readonly number[]])[] = [
  [{ type: 't', value: true }, [0x74, 1]],
  [{ type: 'b', value: -2 }, [0x62, 0xfe]],
  [{ type: 'B', value: 254 }, [0x42, 0xfe]],
  [{ type: 's', value: -2 }, [0x73, 0xff, 0xfe]],
  [{ type: 'u', value: 65_534 }, [0x75, 0xff, 0xfe]],
  [{ type: 'I', value: -2 }, [0x49, 0xff, 0xff, 0xff, 0xfe]],
  [{ type: 'i', value: 4_294_967_294 }, [0x69, 0xff, 0xff, 0xff, 0xfe]],
  [{ type: 'l', value: -2n }, [0x6c, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]],
  [{ type: 'L', value: -2n }, [0x4c, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]],
  [{ type: 'f', value: 1.5 }, [0x66, 0x3f, 0xc0, 0, 0]],
  [{ type: 'd', value: 1.5 }, [0x64, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0]],
  [{ type: 'D', value: { scale: 2, unscaled: 314 } }, [0x44, 2, 0, 0, 1, 0x3a]],
  [{ type: 'S', value: 'é' }, [0x53, 0, 0, 0, 2, 0xc3, 0xa9]],
  [{ type: 'x', value: Buffer.of(1, 2) }, [0x78, 0, 0, 0, 2, 1, 2]],
  [{ type: 'T', value: 2n ** 64n - 2n }, [0x54, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]],
  [{ type: 'F', value: new Map([['a', { type: 'V', value: null }]]) }, [0x46, 0, 0, 0, 3, 1, 0x61, 0x56]],
  [{ type: 'A', value: [{ type: 't', value: false }] }, [0x41, 0, 0, 0, 2, 0x74, 0]],
  [{ type: 'V', value: null }, [0x56]],
]

describe('each type tag', () => {
  test.each(TAGS)('%o has its octets, both ways', (field, octets) => {
    const bytes = tableOf(['k', octets])
    expect(encodeFieldTable(new Map([['k', field]]))).toEqual(bytes)
    expect(decode(bytes)).toEqual(new Map([['k', field]]))
  })

  test.each(TAGS)('%o cut short is a FrameError', (_, octets) => {
    for (let length = 0; length < octets.length; length++) {
      expect(() => decode(tableOf(['k', octets.slice(0, length)]))).toThrow(FrameError)
    }
  })

  test('any other tag is a FrameError', () => {
    const known = new Set(TAGS.map(([field]) => field.type.charCodeAt(0)))
    for (let tag = 0; tag < 256; tag++) {
      if (!known.has(tag)) expect(() => decode(tableOf(['k', [tag, 0, 0, 0, 0, 0, 0, 0, 0]]))).toThrow(FrameError)
    }
  })
})

test('every table decodes to what was encoded, and encodes to the same octets again', () => {
  fc.assert(
    fc.property(fieldTable, (table) => {
      const bytes = encodeFieldTable(table)
      const decoded = decode(bytes)
      expect(decoded).toEqual(table)
      expect([...decoded.keys()]).toEqual([...table.keys()])
      expect(encodeFieldTable(decoded)).toEqual(bytes)
    }),
  )
})

test('a damaged table decodes or is a FrameError', () => {
  fc.assert(
    fc.property(mutated(fieldTable.map(encodeFieldTable)), (bytes) => {
      expect(outcome(() => decode(bytes))).toMatch(/^(decoded|FrameError)$/)
    }),
    { numRuns: 1000 },
  )
})

test('text that is not UTF-8 stays bytes and keeps its tag', () => {
  const bytes = tableOf(['k', [0x53, 0, 0, 0, 2, 0xc3, 0x28]])
  expect(decode(bytes).get('k')).toEqual({ type: 'S', value: Buffer.of(0xc3, 0x28) })
  expect(encodeFieldTable(decode(bytes))).toEqual(bytes)
})

test('a key that is not UTF-8 encodes to the same octets again', () => {
  const bytes = Buffer.concat([Buffer.of(0, 0, 0, 4, 2, 0xff, 0x61, 0x56)])
  expect(encodeFieldTable(decode(bytes))).toEqual(bytes)
})

test('any octet but 0 is true', () => {
  expect(decode(tableOf(['k', [0x74, 2]])).get('k')).toEqual({ type: 't', value: true })
})

test('of entries with the same key the first counts', () => {
  expect(decode(tableOf(['k', [0x42, 1]], ['k', [0x42, 2]]))).toEqual(new Map([['k', { type: 'B', value: 1 }]]))
})

test('a nested length may not reach behind the table around it, even where octets follow', () => {
  const lying = tableOf(['k', [0x46, 0, 0, 0, 20]])
  expect(() => decode(Buffer.concat([lying, Buffer.alloc(64)]))).toThrow(FrameError)
})

test('octets behind the table are left to the reader', () => {
  const reader = new Reader(Buffer.concat([tableOf(['k', [0x56]]), Buffer.of(7)]))
  decodeFieldTable(reader)
  expect(reader.octet()).toBe(7)
})

describe('limits', () => {
  test('tables and arrays nest to the limit and no deeper', () => {
    expect(encodeFieldTable(decode(nestedTables(FIELD_DEPTH_MAX)))).toEqual(nestedTables(FIELD_DEPTH_MAX))
    expect(() => decode(nestedTables(FIELD_DEPTH_MAX + 1))).toThrow(/nests deeper/)
    expect(decode(nestedArrays(FIELD_DEPTH_MAX)).size).toBe(1)
    expect(() => decode(nestedArrays(FIELD_DEPTH_MAX + 1))).toThrow(/nests deeper/)
    expect(() => decode(nestedArrays(20_000))).toThrow(FrameError)
  })

  test('a table has as many fields as allowed and no more, wherever they are', () => {
    const half = FIELDS_MAX / 2 - 1
    expect(decode(tableOf(['a', arrayOf(voids(half))], ['b', arrayOf(voids(half))])).size).toBe(2)
    expect(() => decode(tableOf(['a', arrayOf(voids(half))], ['b', arrayOf(voids(half + 1))]))).toThrow(/more than/)
  })

  test('encoding refuses what could not be decoded again', () => {
    let field: Field = { type: 'V', value: null }
    for (let depth = 1; depth < FIELD_DEPTH_MAX; depth++) field = { type: 'A', value: [field] }
    expect(encodeFieldTable(new Map([['k', field]])).length).toBeGreaterThan(0)
    expect(() => encodeFieldTable(new Map([['k', { type: 'A', value: [field] }]]))).toThrow(RangeError)
    expect(() => encodeFieldTable(new Map([['k', { type: 'F', value: new Map([['k', field]]) }]]))).toThrow(RangeError)
  })

  test.each<Field>([
    { type: 'b', value: 128 },
    { type: 'u', value: -1 },
    { type: 'I', value: 2 ** 31 },
    { type: 'l', value: 2n ** 63n },
    { type: 'T', value: -1n },
    { type: 'D', value: { scale: 256, unscaled: 0 } },
  ])('$type refuses $value', (field) => {
    const table: FieldTable = new Map([['k', field]])
    expect(() => encodeFieldTable(table)).toThrow(RangeError)
  })
})

function outcome(run: () => unknown): string {
  try {
    run()
    return 'decoded'
  } catch (error) {
    return error instanceof Error ? error.name : String(error)
  }
}
