/**
 * The PROXY protocol, versions 1 and 2: what a proxy says in front of a connection of the client behind it.
 *
 *     v1   PROXY TCP4 192.0.2.1 192.0.2.2 51234 5672\r\n                       (up to 107 bytes, text)
 *     v2   12 bytes of signature · 0x20 local, 0x21 proxied · family · 2 bytes of length · addresses, then further values
 */
import { isIPv4, isIPv6 } from 'node:net'
import { plainAddress } from '../lib/peer.ts'

/** The longest header that is taken. Version 2 allows 64 KiB, and what proxies send has less than a tenth of this. */
export const PROXY_HEADER_BYTES_MAX = 4096

export type ProxyHeader =
  /** More bytes have to come. */
  | { readonly state: 'incomplete' }
  /** These bytes are no header. */
  | { readonly state: 'malformed' }
  /** So many bytes are the header. The client is `source`: `local` is the proxy itself, `unknown` one that it has no address of. */
  | { readonly state: 'complete'; readonly bytes: number; readonly source: ProxySource }

export type ProxySource = { readonly address: string; readonly port: number } | 'local' | 'unknown'

const INCOMPLETE: ProxyHeader = { state: 'incomplete' }
const MALFORMED: ProxyHeader = { state: 'malformed' }

const V1_START = Buffer.from('PROXY ')
const V1_BYTES_MAX = 107
const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const V2_START_BYTES = 16
const V2_LOCAL = 0x20
const V2_PROXIED = 0x21
/** By the byte of the family: the bytes of both addresses and ports. */
const V2_ADDRESS_BYTES: ReadonlyMap<number, number> = new Map([
  [0x11, 12],
  [0x12, 12],
  [0x21, 36],
  [0x22, 36],
  [0x31, 216],
  [0x32, 216],
])

export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsAlike(bytes, V2_SIGNATURE)) return parseV2(bytes)
  if (startsAlike(bytes, V1_START)) return parseV1(bytes)
  return bytes.length === 0 ? INCOMPLETE : MALFORMED
}

function startsAlike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length)
  return length > 0 && bytes.subarray(0, length).equals(start.subarray(0, length))
}

function parseV1(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, V1_BYTES_MAX).indexOf('\r\n')
  if (end < 0) return bytes.length >= V1_BYTES_MAX ? MALFORMED : INCOMPLETE
  const [, protocol, source = '', destination = '', sourcePort = '', destinationPort = '', ...more] = bytes
    .toString('latin1', 0, end)
    .split(' ')
  const header = (found: ProxySource): ProxyHeader => ({ state: 'complete', bytes: end + 2, source: found })
  if (protocol === 'UNKNOWN') return header('unknown')
  const isAddress = protocol === 'TCP4' ? isIPv4 : protocol === 'TCP6' ? isPlainIPv6 : undefined
  if (isAddress === undefined || more.length > 0 || !isAddress(source) || !isAddress(destination)) return MALFORMED
  const port = portOf(sourcePort)
  if (port === undefined || portOf(destinationPort) === undefined) return MALFORMED
  return header({ address: plainAddress(source), port })
}

/** Without a zone, which means nothing on another machine. */
function isPlainIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%')
}

function portOf(text: string): number | undefined {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined
}

function parseV2(bytes: Buffer): ProxyHeader {
  if (bytes.length < V2_START_BYTES) return INCOMPLETE
  const command = bytes.readUInt8(12)
  const family = bytes.readUInt8(13)
  const end = V2_START_BYTES + bytes.readUInt16BE(14)
  if ((command !== V2_LOCAL && command !== V2_PROXIED) || end > PROXY_HEADER_BYTES_MAX) return MALFORMED
  if (bytes.length < end) return INCOMPLETE
  const header = (source: ProxySource): ProxyHeader => ({ state: 'complete', bytes: end, source })
  if (command === V2_LOCAL) return header('local')
  const addressBytes = V2_ADDRESS_BYTES.get(family)
  if (addressBytes === undefined) return family === 0 ? header('unknown') : MALFORMED
  if (end < V2_START_BYTES + addressBytes) return MALFORMED
  if (family === 0x11) return header({ address: ipv4At(bytes, V2_START_BYTES), port: bytes.readUInt16BE(24) })
  if (family === 0x21) return header({ address: ipv6At(bytes, V2_START_BYTES), port: bytes.readUInt16BE(48) })
  return header('unknown')
}

function ipv4At(bytes: Buffer, at: number): string {
  return bytes.subarray(at, at + 4).join('.')
}

function ipv6At(bytes: Buffer, at: number): string {
  const isMapped = bytes.subarray(at, at + 12).equals(IPV4_MAPPED)
  if (isMapped) return ipv4At(bytes, at + 12)
  const groups = Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(at + 2 * group).toString(16))
  // The shortest form, so that an address is always written in one way.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

const IPV4_MAPPED = Buffer.from('00000000000000000000ffff', 'hex')
