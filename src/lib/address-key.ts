import { isIPv4, isIPv6 } from 'node:net'
import { plainAddress } from './peer.ts'

const GROUPS = 8
/** A household, or a rented machine, has as many IPv6 addresses as it likes, all with the same first half. */
const GROUPS_OF_NETWORK = 4
const LOOPBACK_IPV6 = /^(?:::|(?:0{1,4}:){7})0{0,3}1$/

/** Whether an IP address is this machine's own, in any of its spellings. */
export function isLoopback(address: string): boolean {
  const plain = plainAddress(address)
  if (isIPv4(plain)) return plain.startsWith('127.')
  return LOOPBACK_IPV6.test(plain)
}

/** What is counted as one client: an IPv4 address, or the network (/64) of an IPv6 address. */
export function addressKey(address: string): string {
  const plain = plainAddress(address)
  if (!isIPv6(plain)) return plain
  const [head = '', tail = ''] = plain.toLowerCase().split('%', 1)[0]?.split('::') ?? []
  const before = head === '' ? [] : head.split(':')
  const after = tail === '' ? [] : tail.split(':')
  const missing = plain.includes('::') ? GROUPS - before.length - after.length : 0
  const groups = [...before, ...Array.from({ length: Math.max(0, missing) }, () => '0'), ...after]
  return `${groups
    .slice(0, GROUPS_OF_NETWORK)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
