import { expect, test } from 'vitest'
import { type CertificateLogin, certificateName } from '../../../src/auth/logins/certificate-name.ts'
import type { PeerCertificate } from '../../../src/lib/peer.ts'

const CERTIFICATE: PeerCertificate = {
  subject: 'CN=app,O=Example',
  commonNames: ['app', 'second'],
  alternativeNames: [
    { type: 'dns', value: 'a.example' },
    { type: 'email', value: 'app@example.org' },
    { type: 'dns', value: 'b.example' },
    { type: 'uri', value: 'spiffe://example/app' },
  ],
}

function name(login: Partial<CertificateLogin>, certificate: Partial<PeerCertificate> = {}): string | undefined {
  const whole = { from: 'distinguished_name', sanType: 'dns', sanIndex: 0, ...login } as const
  return certificateName({ ...CERTIFICATE, ...certificate }, whole)
}

test('the user is the distinguished name, the common names or one of the alternative names', () => {
  expect(name({})).toBe('CN=app,O=Example')
  expect(name({ from: 'common_name' })).toBe('app,second')
  const from = 'subject_alternative_name'
  expect(name({ from })).toBe('a.example')
  expect(name({ from, sanIndex: 1 })).toBe('b.example')
  expect(name({ from, sanType: 'email' })).toBe('app@example.org')
  expect(name({ from, sanType: 'uri' })).toBe('spiffe://example/app')
})

test('a certificate without such a name, or with one that ends early, stands for no user', () => {
  const from = 'subject_alternative_name'
  expect(name({ from, sanIndex: 2 })).toBeUndefined()
  expect(name({ from, sanType: 'ip' })).toBeUndefined()
  expect(name({ from: 'common_name' }, { commonNames: [] })).toBeUndefined()
  expect(name({}, { subject: '' })).toBeUndefined()
  expect(name({ from: 'common_name' }, { commonNames: ['admin\0.example'] })).toBeUndefined()
})
