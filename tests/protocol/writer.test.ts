import { expect, test } from 'vitest'
import { Writer } from '../../protocol/writer.ts'

test('a writer keeps what it wrote while it grows', () => {
  const writer = new Writer(1)
  writer.octet(1)
  writer.short(0x0203)
  writer.long(0x04050607)
  writer.longlong(8n)
  writer.shortstr('hi')
  writer.longstr('é')
  writer.longstr(Uint8Array.of(9))
  writer.bytes(Uint8Array.of(10, 11))
  expect(writer.length).toBe(31)
  expect([...writer.take()]).toEqual([
    ...[1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 8, 2, 104, 105],
    ...[0, 0, 0, 2, 0xc3, 0xa9, 0, 0, 0, 1, 9, 10, 11],
  ])
})

test('take starts anew and leaves what was taken alone', () => {
  const writer = new Writer()
  writer.octet(1)
  const taken = writer.take()
  writer.octet(2)
  expect([...taken]).toEqual([1])
  expect([...writer.take()]).toEqual([2])
  expect(writer.take()).toHaveLength(0)
})

test('a length is patched in when it is known', () => {
  const writer = new Writer()
  writer.octet(7)
  const at = writer.skipLong()
  writer.bytes(new Uint8Array(300))
  writer.patchLength(at)
  expect(writer.take().readUInt32BE(1)).toBe(300)
})

test('bits gather in the octet written last', () => {
  const writer = new Writer()
  writer.octet(1)
  writer.octet(0)
  writer.addBits(4)
  writer.addBits(8)
  expect([...writer.take()]).toEqual([1, 12])
})

test('safe longlongs reach to 2^53 - 1 and no further', () => {
  const writer = new Writer()
  writer.safeLonglong(Number.MAX_SAFE_INTEGER)
  expect(writer.take().readBigUInt64BE()).toBe(2n ** 53n - 1n)
  for (const value of [-1, 0.5, 2 ** 53, Number.NaN]) expect(() => writer.safeLonglong(value)).toThrow(RangeError)
})

test('values that do not fit are RangeErrors', () => {
  const writer = new Writer()
  expect(() => writer.octet(256)).toThrow(RangeError)
  expect(() => writer.short(-1)).toThrow(RangeError)
  expect(() => writer.long(2 ** 32)).toThrow(RangeError)
  expect(() => writer.longlong(2n ** 64n)).toThrow(RangeError)
  expect(() => writer.signedOctet(128)).toThrow(RangeError)
  expect(() => writer.shortstr('é'.repeat(128))).toThrow(RangeError)
  expect(() => writer.shortstr('\udcff'.repeat(256))).toThrow(RangeError)
})

test('a short string of exactly 255 octets fits', () => {
  const writer = new Writer()
  writer.shortstr(`${'é'.repeat(127)}x`)
  expect(writer.take()).toHaveLength(256)
})
