import { describe, expect, test } from 'vitest'
import type { Authenticator, Verdict } from '../../../src/auth/authenticator.ts'
import { LoginFailures } from '../../../src/auth/logins/login-failures.ts'
import { Logins } from '../../../src/auth/logins/logins.ts'
import type { LoginPeer } from '../../../src/auth/logins/sasl.ts'
import { MECHANISM_NAMES, type MechanismName } from '../../../src/lib/mechanism-names.ts'

const plainPeer = (address: string): LoginPeer => ({ address, isEncrypted: false, certificate: undefined })
const PLAIN = plainPeer('192.0.2.1')
const CERTIFICATE: LoginPeer = {
  address: '192.0.2.1',
  isEncrypted: true,
  certificate: { subject: 'CN=app', commonNames: ['app'], alternativeNames: [] },
}
const user = (name: string): Verdict => ({ user: { name, tags: [] } })

function logins(more: Partial<Authenticator> = {}, mechanisms: readonly MechanismName[] = MECHANISM_NAMES): Logins {
  return new Logins({
    authenticator: {
      authenticate: ({ name, password }) => (`${password}` === 'right' ? user(name) : { refusal: 'wrong' }),
      anonymous: () => user('guest'),
      ...more,
    },
    mechanisms,
    certificateLogin: { from: 'common_name', sanType: 'dns', sanIndex: 0 },
    failures: new LoginFailures(2, () => 0),
  })
}

async function attempt(desk: Logins, mechanism: string, response = '', peer = PLAIN): Promise<string> {
  const found = desk.mechanism(mechanism, peer)
  if (found === undefined) return 'not offered'
  const verdict = await desk.attempt(found, Buffer.from(response), peer)
  if (verdict === undefined) return 'no sense'
  return 'user' in verdict ? verdict.user.name : verdict.refusal
}

describe('Logins', () => {
  test('offer EXTERNAL to clients with a certificate alone, and all in the order that was asked for', () => {
    expect(logins().offered(PLAIN)).toEqual(['PLAIN', 'AMQPLAIN', 'ANONYMOUS'])
    expect(logins().offered({ ...CERTIFICATE, certificate: undefined })).not.toContain('EXTERNAL')
    expect(logins({}, ['EXTERNAL', 'PLAIN']).offered(CERTIFICATE)).toEqual(['EXTERNAL', 'PLAIN'])
  })

  test('take no mechanism that was not offered', async () => {
    expect(await attempt(logins({}, ['AMQPLAIN']), 'PLAIN', '\0app\0right')).toBe('not offered')
    expect(await attempt(logins(), 'EXTERNAL')).toBe('not offered')
    for (const odd of ['', 'toString', '__proto__', 'plain']) expect(await attempt(logins(), odd)).toBe('not offered')
  })

  test('EXTERNAL asks for the user of the certificate, whatever the client says', async () => {
    const external = logins({ external: (name) => user(name) })
    expect(await attempt(external, 'EXTERNAL', 'admin', CERTIFICATE)).toBe('app')
    expect(await attempt(logins(), 'EXTERNAL', '', CERTIFICATE)).toBe('the authenticator takes no certificates')
  })

  test('an address that fails too often waits, its good names apart', async () => {
    const desk = logins()
    expect(await attempt(desk, 'PLAIN', '\0good\0right')).toBe('good')
    for (let i = 0; i < 3; i++) expect(await attempt(desk, 'PLAIN', '\0bad\0guess')).toBe('wrong')
    expect(await attempt(desk, 'PLAIN', '\0bad\0right')).toMatch(/waits 1 s$/)
    expect(await attempt(desk, 'PLAIN', '\0good\0right')).toBe('good')
    expect(await attempt(desk, 'PLAIN', '\0bad\0right', plainPeer('192.0.2.2'))).toBe('bad')
  })

  test('responses that make no sense count as failures, those that could not be checked do not', async () => {
    const desk = logins()
    for (let i = 0; i < 3; i++) expect(await attempt(desk, 'PLAIN', 'nonsense')).toBe('no sense')
    expect(await attempt(desk, 'PLAIN', '\0app\0right')).toMatch(/waits/)
    const busy = logins({ authenticate: () => ({ refusal: 'busy', isBusy: true }) })
    for (let i = 0; i < 9; i++) expect(await attempt(busy, 'PLAIN', '\0app\0x')).toBe('busy')
  })

  test('a new secret renews the same user alone', async () => {
    const secret = Buffer.from('new')
    const app = { name: 'app', tags: [] }
    expect(await logins().renew(app, secret)).toEqual({ user: app })
    expect(await logins({ renew: () => true }).renew(app, secret)).toEqual({ user: app })
    const renewed = { user: { name: 'app', tags: ['x'] }, expiresInMs: 5 }
    expect(await logins({ renew: () => renewed }).renew(app, secret)).toEqual(renewed)
    for (const refused of [false, user('other'), { refusal: 'no' }, undefined as unknown as boolean])
      expect(await logins({ renew: () => refused }).renew(app, secret)).toHaveProperty('refusal')
  })
})
