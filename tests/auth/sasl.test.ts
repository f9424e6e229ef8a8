import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Authenticator } from '../../src/auth/authenticator.ts'
import { MECHANISMS } from '../../src/auth/sasl.ts'
import { tableBody, type WireTable } from '../support/wire-values.ts'

/** Admits everybody under the name and password they gave. */
const ECHO: Authenticator = {
  authenticate: ({ name, password }, peerAddress) => ({
    user: { name: `${name}/${password}@${peerAddress}`, tags: [] },
  }),
  anonymous: (peerAddress) => ({ user: { name: `anonymous@${peerAddress}`, tags: [] } }),
}

function respond(mechanism: string, response: string | Buffer): string | undefined {
  const verdict = MECHANISMS[mechanism]?.respond(ECHO, Buffer.from(response), 'here')
  if (verdict instanceof Promise) throw new Error('the verdict must come at once')
  return verdict !== undefined && 'user' in verdict ? verdict.user.name : undefined
}

describe('PLAIN', () => {
  test('is NUL, name, NUL, password', () => {
    expect(respond('PLAIN', '\0guest\0secret')).toBe('guest/secret@here')
    expect(respond('PLAIN', '\0\0')).toBe('/@here')
    expect(respond('PLAIN', '\0grüße\0ß')).toBe('grüße/ß@here')
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
    expect(respond('AMQPLAIN', response({ LOGIN: 'guest', PASSWORD: 'secret' }))).toBe('guest/secret@here')
    expect(respond('AMQPLAIN', response({ x: 1, PASSWORD: 's', LOGIN: 'g', y: [true, null] }))).toBe('g/s@here')
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
    expect(respond('ANONYMOUS', '')).toBe('anonymous@here')
    expect(respond('ANONYMOUS', 'anything')).toBe('anonymous@here')
  })
})

test('no mechanism throws, whatever the response', () => {
  fc.assert(
    fc.property(fc.constantFrom('PLAIN', 'AMQPLAIN', 'ANONYMOUS'), fc.uint8Array(), (mechanism, bytes) => {
      respond(mechanism, Buffer.from(bytes))
    }),
    { numRuns: 500 },
  )
})
