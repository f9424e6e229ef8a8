import { expect, test } from 'vitest'
import { crc32c } from '../../src/lib/crc32c.ts'

test('crc32c gives the check values of RFC 3720', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe306_9283)
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a91_36aa)
  expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8_ab43)
  expect(crc32c(Buffer.alloc(0))).toBe(0)
})
