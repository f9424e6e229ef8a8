import { isIPv4 } from 'node:net'

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

/** A header of version 2. */
export function proxyV2(options: {
  readonly command?: number
  readonly family?: number
  readonly address?: string
  readonly port?: number
  readonly values?: Buffer
}): Buffer {
  const { command = 0x21, address, port = 0, values = Buffer.alloc(0) } = options
  const isV4 = address !== undefined && isIPv4(address)
  const family = options.family ?? (isV4 ? 0x11 : 0x21)
  const parts: Buffer[] = []
  if (address !== undefined) {
    const own = isV4 ? Buffer.from(address.split('.').map(Number)) : ipv6(address)
    const ports = Buffer.alloc(4)
    ports.writeUInt16BE(port, 0)
    parts.push(own, Buffer.alloc(own.length), ports)
  }
  const content = Buffer.concat([...parts, values])
  const start = Buffer.of(command, family, content.length >> 8, content.length & 0xff)
  return Buffer.concat([SIGNATURE, start, content])
}

function ipv6(address: string): Buffer {
  const { hostname } = new URL(`http://[${address}]`)
  const [before = '', after] = hostname.slice(1, -1).split('::')
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  const [head, tail] = [groups(before), after === undefined ? [] : groups(after)]
  const bytes = Buffer.alloc(16)
  for (const [at, group] of head.entries()) bytes.writeUInt16BE(group, 2 * at)
  for (const [at, group] of tail.entries()) bytes.writeUInt16BE(group, 16 - 2 * (tail.length - at))
  return bytes
}
