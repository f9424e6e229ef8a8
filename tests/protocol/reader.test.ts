import { expect, test } from 'vitest'
import { FrameError } from '../../protocol/errors.ts'
import { Reader } from '../../protocol/reader.ts'

test('a reader reads big-endian values one after the other', () => {
  const reader = new Reader(
    Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 104, 105, 0, 0, 0, 1, 9),
  )
  expect(reader.octet()).toBe(1)
  expect(reader.short()).toBe(0x0203)
  expect(reader.long()).toBe(0x04050607)
  expect(reader.longlong()).toBe(2n ** 64n - 1n)
  expect(reader.shortstr()).toBe('hi')
  expect(reader.longstr()).toEqual(Buffer.of(9))
  expect(reader.remaining).toBe(0)
})

test('signed reads know the sign', () => {
  const bytes = new Uint8Array(8).fill(0xff)
  expect(new Reader(bytes).signedOctet()).toBe(-1)
  expect(new Reader(bytes).signedShort()).toBe(-1)
  expect(new Reader(bytes).signedLong()).toBe(-1)
  expect(new Reader(bytes).signedLonglong()).toBe(-1n)
})

test('a clamped longlong is exact up to the largest safe integer and stops there', () => {
  const read = (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(value)
    return new Reader(bytes).clampedLonglong()
  }
  expect(read(0x1_2345_6789n)).toBe(0x1_2345_6789)
  expect(read(2n ** 53n - 1n)).toBe(Number.MAX_SAFE_INTEGER)
  expect(read(2n ** 53n)).toBe(Number.MAX_SAFE_INTEGER)
  expect(read(2n ** 64n - 1n)).toBe(Number.MAX_SAFE_INTEGER)
})

test('every read that would pass the end is a FrameError, even where the bytes go on', () => {
  const bytes = new Uint8Array(64).fill(0xff)
  for (const read of [
    'octet',
    'short',
    'long',
    'longlong',
    'clampedLonglong',
    'float',
    'double',
    'signedLong',
  ] as const) {
    expect(() => new Reader(bytes, 10, 10)[read](), read).toThrow(FrameError)
  }
  expect(() => new Reader(bytes, 0, 20).shortstr()).toThrow(FrameError)
  expect(() => new Reader(bytes, 0, 20).longstr()).toThrow(FrameError)
  expect(() => new Reader(bytes, 0, 20).skip(21)).toThrow(FrameError)
  expect(() => new Reader(bytes, 0, 20).enter(21)).toThrow(FrameError)
})

test('a range outside the bytes is refused at once', () => {
  expect(() => new Reader(new Uint8Array(4), 0, 5)).toThrow(RangeError)
  expect(() => new Reader(new Uint8Array(4), 3, 2)).toThrow(RangeError)
})

test('a reader inside a part cannot read behind it until it leaves', () => {
  const reader = new Reader(Uint8Array.of(1, 2, 3, 4))
  const outerEnd = reader.enter(2)
  expect(reader.short()).toBe(0x0102)
  expect(() => reader.octet()).toThrow(FrameError)
  reader.leave(outerEnd)
  expect(reader.octet()).toBe(3)
})

test('a long string is a copy', () => {
  const bytes = Uint8Array.of(0, 0, 0, 1, 7)
  const value = new Reader(bytes).longstr()
  bytes[4] = 8
  expect(value[0]).toBe(7)
})

test('a long string is a text where it is UTF-8, and else a copy of its bytes', () => {
  const texts = ['', 'plain', 'é 漢 \ufffd']
  const parts = [...texts.map((text) => Buffer.from(text)), Buffer.of(0x61, 0xff), Buffer.of(0xef, 0xbf, 0xbd, 0xc3)]
  const bytes = Buffer.concat(parts.flatMap((part) => [Buffer.of(0, 0, 0, part.length), part]))
  const reader = new Reader(bytes)
  const values = parts.map(() => reader.longstrText())
  bytes.fill(0)
  expect(values).toEqual([...texts, ...parts.slice(texts.length).map((part) => Buffer.from(part))])
  expect(reader.remaining).toBe(0)
  expect(() => new Reader(Buffer.of(0, 0, 0, 2, 0x61)).longstrText()).toThrow(FrameError)
})
