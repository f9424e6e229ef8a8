import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PROXY_HEADER_BYTES_MAX, parseProxyHeader } from '../../src/listeners/proxy-header.ts'
import { proxyV2 } from './proxy-headers.ts'

const parse = (bytes: string | Buffer) => parseProxyHeader(Buffer.from(bytes as string, 'latin1'))

describe('version 1', () => {
  test.each([
    ['PROXY TCP4 192.0.2.1 192.0.2.2 51234 5672\r\n', { address: '192.0.2.1', port: 51_234 }],
    ['PROXY TCP6 2001:db8::1 ::1 1 65535\r\n', { address: '2001:db8::1', port: 1 }],
    ['PROXY TCP6 ::ffff:127.0.0.1 ::1 1 2\r\n', { address: '127.0.0.1', port: 1 }],
    ['PROXY UNKNOWN\r\n', 'unknown'],
    ['PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n', 'unknown'],
  ])('%j is understood', (text, source) => {
    expect(parse(`${text}AMQP`)).toEqual({ state: 'complete', bytes: text.length, source })
  })

  test.each([
    'PROXY TCP4 192.0.2.1 192.0.2.2 51234\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 51234 5672 1\r\n',
    'PROXY TCP4 192.0.2.256 192.0.2.2 51234 5672\r\n',
    'PROXY TCP4 ::1 ::1 51234 5672\r\n',
    'PROXY TCP6 192.0.2.1 192.0.2.2 51234 5672\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 65536 5672\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 -1 5672\r\n',
    'PROXY TCP4 192.0.2.1 192.0.2.2 0x10 5672\r\n',
    'PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n',
    'PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n',
    `PROXY UNKNOWN ${'x'.repeat(200)}`,
    'PROXIES ',
    'AMQP\0\0\x09\x01',
    'proxy TCP4',
  ])('%j is refused', (text) => {
    expect(parse(text).state).toBe('malformed')
  })
})

describe('version 2', () => {
  test('gives the address of the client', () => {
    const bytes = proxyV2({ address: '192.0.2.1', port: 51_234, values: Buffer.alloc(30) })
    const source = { address: '192.0.2.1', port: 51_234 }
    expect(parse(bytes)).toEqual({ state: 'complete', bytes: bytes.length, source })
    expect(parse(proxyV2({ address: '2001:db8::ff:1', port: 7 }))).toMatchObject({
      source: { address: '2001:db8::ff:1', port: 7 },
    })
    expect(parse(proxyV2({ address: '::ffff:127.0.0.1', port: 7 }))).toMatchObject({
      source: { address: '127.0.0.1', port: 7 },
    })
  })

  test('says that the proxy speaks for itself, or does not know', () => {
    expect(parse(proxyV2({ command: 0x20, family: 0 }))).toMatchObject({ source: 'local' })
    expect(parse(proxyV2({ family: 0 }))).toMatchObject({ source: 'unknown' })
    expect(parse(proxyV2({ family: 0x31, values: Buffer.alloc(216) }))).toMatchObject({ source: 'unknown' })
  })

  test('is refused with another version, command or family, with too few bytes for its addresses, and when it is too long', () => {
    expect(parse(proxyV2({ command: 0x11, address: '192.0.2.1' })).state).toBe('malformed')
    expect(parse(proxyV2({ command: 0x22, address: '192.0.2.1' })).state).toBe('malformed')
    expect(parse(proxyV2({ family: 0x41 })).state).toBe('malformed')
    expect(parse(proxyV2({ family: 0x11, values: Buffer.alloc(11) })).state).toBe('malformed')
    expect(parse(proxyV2({ address: '192.0.2.1', values: Buffer.alloc(PROXY_HEADER_BYTES_MAX) })).state).toBe(
      'malformed',
    )
  })
})

const anyHeader = fc.oneof(
  fc.constant('PROXY TCP4 192.0.2.1 192.0.2.2 51234 5672\r\n').map((text) => Buffer.from(text)),
  fc
    .record({ port: fc.integer({ min: 0, max: 65_535 }), extra: fc.nat(300) })
    .map(({ port, extra }) => proxyV2({ address: '192.0.2.1', port, values: Buffer.alloc(extra, 1) })),
)

test('any beginning of a header is incomplete, and what follows it changes nothing', () => {
  fc.assert(
    fc.property(
      anyHeader,
      fc.uint8Array({ maxLength: 40 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (header, more, share) => {
        const cut = Math.floor(share * (header.length - 1))
        expect(parseProxyHeader(header.subarray(0, cut)).state).toBe('incomplete')
        expect(parseProxyHeader(Buffer.concat([header, more]))).toEqual(parseProxyHeader(header))
      },
    ),
  )
})

test('bytes of any kind are judged without an error, and never wait for more than the longest header', () => {
  const changed = fc.tuple(anyHeader, fc.nat(500), fc.nat(255)).map(([header, at, byte]) => {
    const bytes = Buffer.from(header)
    bytes[at % bytes.length] = byte
    return bytes
  })
  fc.assert(
    fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 300 })), (bytes) => {
      const long = Buffer.concat([bytes, Buffer.alloc(PROXY_HEADER_BYTES_MAX, 0x41)])
      expect(parseProxyHeader(long).state).not.toBe('incomplete')
    }),
  )
})
