import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameError } from '../../protocol/errors.ts'
import { encodeFieldTable } from '../../protocol/field-table.ts'
import {
  decodeContentHeader,
  encodeContentHeader,
  findProperty,
  headersPlace,
  PROPERTY_FLAGS,
  type Properties,
  readFlags,
  validateProperties,
} from '../../protocol/properties.ts'
import { Reader } from '../../protocol/reader.ts'
import { mutated, properties } from './arbitraries.ts'

const ALL: Required<Properties> = {
  contentType: 'a/b',
  contentEncoding: 'gz',
  headers: new Map([['h', { type: 'B', value: 1 }]]),
  deliveryMode: 2,
  priority: 9,
  correlationId: 'c',
  replyTo: 'r',
  expiration: '60000',
  messageId: 'm',
  timestamp: 0x0102030405060708n,
  type: 't',
  userId: 'u',
  appId: 'a',
  clusterId: '',
}
const ALL_HEX =
  '003c 0000 0000000100000002 fffc 03612f62 02677a 00000004 01684201 02 09 0163 0172 053630303030 016d 0102030405060708 ' +
  '0174 0175 0161 00'

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

test('a header with all properties has the octets of the specification', () => {
  expect(encodeContentHeader(0x1_0000_0002, ALL).toString('hex')).toBe(hex(ALL_HEX).toString('hex'))
  expect(decodeContentHeader(hex(ALL_HEX))).toEqual({ bodySize: 0x1_0000_0002, properties: ALL })
})

test('a header without properties is 14 octets', () => {
  expect(encodeContentHeader(5, {}).toString('hex')).toBe('003c000000000000000000050000')
  expect(decodeContentHeader(hex('003c0000 0000000000000005 0000'))).toEqual({ bodySize: 5, properties: {} })
})

test('any properties decode to what was encoded, at any place', () => {
  fc.assert(
    fc.property(properties, fc.maxSafeNat(), fc.nat(9), (some, bodySize, before) => {
      const header = encodeContentHeader(bodySize, some)
      const bytes = Buffer.concat([Buffer.alloc(before, 0xff), header, Buffer.alloc(9, 0xff)])
      expect(decodeContentHeader(bytes, before, before + header.length)).toEqual({ bodySize, properties: some })
      expect(validateProperties(bytes, before, before + header.length)).toBe(true)
    }),
  )
})

test('a header cut short or too long is a FrameError', () => {
  fc.assert(
    fc.property(properties, (some) => {
      const header = encodeContentHeader(0, some)
      const bytes = Buffer.concat([header, Buffer.alloc(9)])
      for (let end = 0; end < header.length; end++) {
        const code = end < 12 ? 501 : 541
        expect(() => decodeContentHeader(bytes, 0, end)).toThrow(expect.objectContaining({ name: 'FrameError', code }))
        expect(validateProperties(bytes, 0, end)).toBe(false)
      }
      expect(() => decodeContentHeader(bytes, 0, header.length + 1)).toThrow(expect.objectContaining({ code: 541 }))
      expect(validateProperties(bytes, 0, header.length + 1)).toBe(false)
    }),
    { numRuns: 20 },
  )
})

test('a damaged header decodes exactly when it is valid, and is a FrameError otherwise', () => {
  fc.assert(
    fc.property(mutated(properties.map((some) => encodeContentHeader(0, some))), (header) => {
      const isBasic = header.length >= 4 && header.readUInt32BE() === 0x003c0000
      const isValid = isBasic && validateProperties(header, 0, header.length)
      expect(decodes(header)).toBe(isValid)
    }),
    { numRuns: 1000 },
  )
})

describe('findProperty', () => {
  test('gives the place of every property that is there, and -1 for the others', () => {
    fc.assert(
      fc.property(properties, fc.nat(9), (some, before) => {
        const header = encodeContentHeader(0, some)
        const bytes = Buffer.concat([Buffer.alloc(before), header])
        for (const [name, { flag, type }] of Object.entries(PROPERTY_FLAGS)) {
          const at = findProperty(bytes, before, bytes.length, flag)
          const value = some[name as keyof Properties]
          if (value === undefined) expect(at).toBe(-1)
          else expect(valueAt(bytes, at, type)).toEqual(value instanceof Map ? encodeFieldTable(value) : value)
        }
      }),
    )
  })

  test('stops where the properties are malformed in front of it', () => {
    const header = hex('003c 0000 0000000000000000 9000 ff 02')
    expect(findProperty(header, 0, header.length, PROPERTY_FLAGS.deliveryMode.flag)).toBe(-1)
  })

  function valueAt(bytes: Buffer, at: number, type: string) {
    const reader = new Reader(bytes, at)
    if (type === 'shortstr') return reader.shortstr()
    if (type === 'octet') return reader.octet()
    if (type === 'timestamp') return reader.longlong()
    return bytes.subarray(at, at + 4 + reader.long())
  }
})

test('readFlags gives the flags of a header anywhere', () => {
  expect(readFlags(Buffer.concat([Buffer.alloc(3), hex(ALL_HEX)]), 3)).toBe(0xfffc)
})

test.each(['8001', '8002', '8003'])('in the flags %s those that no property has mean nothing', (flags) => {
  const header = hex(`003c 0000 0000000000000000 ${flags} 0161`)
  expect(decodeContentHeader(header)).toEqual({ bodySize: 0, properties: { contentType: 'a' } })
  expect(findProperty(header, 0, header.length, PROPERTY_FLAGS.contentType.flag)).toBe(14)
  expect(findProperty(header, 0, header.length, PROPERTY_FLAGS.clusterId.flag)).toBe(-1)
})

describe('refusals', () => {
  test('another class is 505', () => {
    expect(() => decodeContentHeader(hex('0032 0000 0000000000000000 0000'))).toThrow(
      expect.objectContaining({
        code: 505,
        text: 'expected content header for class 60, got one for class 50 instead',
      }),
    )
  })

  test('a weight is 505, whatever the class', () => {
    for (const classId of ['003c', '0032']) {
      expect(() => decodeContentHeader(hex(`${classId} 0001 0000000000000000 0000`))).toThrow(
        expect.objectContaining({
          code: 505,
          text: 'expected content header for class 60, got non content header frame instead',
        }),
      )
    }
  })

  test('headers that are no table are 541', () => {
    expect(() => decodeContentHeader(hex('003c 0000 0000000000000000 2000 00000003 01615a'))).toThrow(
      expect.objectContaining({ code: 541, text: 'cannot decode properties <<32,0,0,0,0,3,1,97,90>>' }),
    )
  })

  test('a payload that is too short for a header is 501', () => {
    expect(() => decodeContentHeader(hex('003c 0000'))).toThrow(
      expect.objectContaining({ code: 501, text: 'type 2, all octets = <<0,60,0,0>>: unknown_frame' }),
    )
  })

  test('values that do not fit are RangeErrors', () => {
    expect(() => encodeContentHeader(0, { messageId: 'x'.repeat(256) })).toThrow(RangeError)
    expect(() => encodeContentHeader(0, { priority: 256 })).toThrow(RangeError)
    expect(() => encodeContentHeader(0, { timestamp: -1n })).toThrow(RangeError)
    expect(() => encodeContentHeader(-1, {})).toThrow(RangeError)
  })
})

test('a correlation id may be any bytes, which come back', () => {
  const header = hex('003c 0000 0000000000000000 0400 03 c328ff')
  expect(encodeContentHeader(0, decodeContentHeader(header).properties)).toEqual(header)
})

function decodes(header: Buffer): boolean {
  try {
    decodeContentHeader(header)
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(FrameError)
    return false
  }
}

test('the headers have a place, whether there are any or not', () => {
  fc.assert(
    fc.property(properties, fc.nat(9), ({ headers, ...others }, before) => {
      const place = (some: Properties) =>
        headersPlace(Buffer.concat([Buffer.alloc(before), encodeContentHeader(0, some)]), before)
      const bytes = Buffer.concat([
        Buffer.alloc(before),
        encodeContentHeader(0, { ...others, headers: headers ?? new Map() }),
      ])
      const at = findProperty(bytes, before, bytes.length, PROPERTY_FLAGS.headers.flag)
      expect([place(others), place({ ...others, headers: new Map() })]).toEqual([at, at])
    }),
  )
})
