import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32c, shortCrc32 } from '../../src/lib/crc.ts'

test('crc32c gives the check values of RFC 3720', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe306_9283)
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a91_36aa)
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8_ab43)
  expect(crc32c(Buffer.alloc(0))).toBe(0)
})

test('crc32c of any part is what shifting bit by bit gives', () => {
  const part = fc.tuple(fc.uint8Array({ maxLength: 64 }), fc.nat(64), fc.nat(64))
  fc.assert(
    fc.property(part, ([bytes, a, b]) => {
      const end = Math.min(Math.max(a, b), bytes.length)
      const start = Math.min(a, b, end)
      let crc = 0xffff_ffff
      for (const byte of bytes.subarray(start, end)) {
        crc ^= byte
        for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f6_3b78
      }
      expect(crc32c(bytes, start, end)).toBe(~crc >>> 0)
    }),
  )
})

test('shortCrc32 is the crc32 of node:zlib, also of what comes behind something else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.uint8Array({ maxLength: 64 }), (first, second) => {
      expect(shortCrc32(first)).toBe(crc32(first))
      expect(shortCrc32(second, 0, second.length, shortCrc32(first))).toBe(crc32(second, crc32(first)))
    }),
  )
})
