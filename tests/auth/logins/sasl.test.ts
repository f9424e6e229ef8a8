import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MECHANISMS } from '../../../src/auth/logins/sasl.ts'
import { MECHANISM_NAMES, type MechanismName } from '../../../src/lib/mechanism-names.ts'
import { tableBody, type WireTable } from '../../support/wire-values.ts'

/** What a client without TLS says it is. */
function respond(mechanism: MechanismName, response: string | Buffer): string | undefined {
  const login = { from: 'common_name', sanType: 'dns', sanIndex: 0 } as const
  const peer = { address: '192.0.2.1', isEncrypted: false, certificate: undefined }
  const claim = MECHANISMS[mechanism].claim(Buffer.from(response), peer, login)
  if (claim?.kind === 'password') return `${claim.credentials.name}/${claim.credentials.password}`
  return claim?.kind === 'refused' ? claim.reason : claim?.kind
}

describe('PLAIN', () => {
  test('is NUL, name, NUL, password', () => {
    expect(respond('PLAIN', '\0guest\0secret')).toBe('guest/secret')
    expect(respond('PLAIN', '\0\0')).toBe('/')
    expect(respond('PLAIN', '\0grüße\0ß')).toBe('grüße/ß')
  })

  test.each(['', '\0', 'guest\0secret', 'admin\0guest\0secret', '\0guest', '\0guest\0secret\0', '\0a\0b\0c', 'guest'])(
    'makes no sense as %j',
    (response) => {
      expect(respond('PLAIN', response)).toBeUndefined()
    },
  )
})

describe('AMQPLAIN', () => {
  const response = (table: WireTable) => tableBody(table)

  test('is a table with login and password, and whatever else', () => {
    expect(respond('AMQPLAIN', response({ LOGIN: 'guest', PASSWORD: 'secret' }))).toBe('guest/secret')
    expect(respond('AMQPLAIN', response({ x: 1, PASSWORD: 's', LOGIN: 'g', y: [true, null] }))).toBe('g/s')
  })

  test.each<[string, Buffer]>([
    ['no table', Buffer.from('\0guest\0secret')],
    ['nothing', Buffer.alloc(0)],
    ['no password', response({ LOGIN: 'guest' })],
    ['no login', response({ PASSWORD: 'guest' })],
    ['a login of another type', response({ LOGIN: 5, PASSWORD: 'x' })],
    ['a password of another type', response({ LOGIN: 'x', PASSWORD: true })],
    ['a table that ends too early', response({ LOGIN: 'guest', PASSWORD: 'secret' }).subarray(0, -1)],
    ['octets behind the table', Buffer.concat([response({ LOGIN: 'guest', PASSWORD: 'secret' }), Buffer.of(1)])],
  ])('makes no sense with %s', (_, bytes) => {
    expect(respond('AMQPLAIN', bytes)).toBeUndefined()
  })
})

describe('ANONYMOUS', () => {
  test('takes whatever trace a client leaves', () => {
    expect(respond('ANONYMOUS', '')).toBe('anonymous')
    expect(respond('ANONYMOUS', 'anything')).toBe('anonymous')
  })
})

test('EXTERNAL without TLS is refused', () => {
  expect(respond('EXTERNAL', 'admin')).toBe('not a TLS-enabled connection')
})

test('no mechanism throws, whatever the response', () => {
  fc.assert(
    fc.property(fc.constantFrom(...MECHANISM_NAMES), fc.uint8Array(), (mechanism, bytes) => {
      respond(mechanism, Buffer.from(bytes))
    }),
    { numRuns: 500 },
  )
})
