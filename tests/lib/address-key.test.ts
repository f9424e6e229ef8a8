import { expect, test } from 'vitest'
import { addressKey, isLoopback } from '../../src/lib/address-key.ts'

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['unknown', 'unknown'],
])('%s counts as %s', (address, key) => {
  expect(addressKey(address)).toBe(key)
})

test('this machine’s own addresses are known in all their spellings', () => {
  for (const own of ['127.0.0.1', '127.8.8.8', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '::FFFF:127.1.2.3'])
    expect(isLoopback(own)).toBe(true)
  for (const other of ['192.0.2.7', '::ffff:192.0.2.7', '2001:db8::1', '::2', '', 'localhost', '127.0.0', '1270.0.0.1'])
    expect(isLoopback(other)).toBe(false)
})
