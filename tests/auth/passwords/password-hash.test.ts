import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  digestHash,
  hasDigest,
  hashingAlgorithm,
  hashingName,
  hashPassword,
  hashPasswordNow,
  hasScryptKey,
  isPasswordHash,
} from '../../../src/auth/passwords/password-hash.ts'

const SALT = Buffer.from('908dc60a', 'hex')

describe.each(['sha256', 'sha512', 'md5'] as const)('a hash by %s', (algorithm) => {
  test('fits its password alone', () => {
    const hash = digestHash('secret', algorithm)
    expect(hasDigest(hash, algorithm, Buffer.from('secret'))).toBe(true)
    for (const other of ['', 'Secret', 'secret ', 'secre'])
      expect(hasDigest(hash, algorithm, Buffer.from(other))).toBe(false)
  })

  test('is salted anew each time', () => {
    expect(digestHash('secret', algorithm).text).not.toBe(digestHash('secret', algorithm).text)
  })

  test('is base64 of salt and digest over salt and password', () => {
    const digest = createHash(algorithm)
      .update(Buffer.concat([SALT, Buffer.from('test12')]))
      .digest()
    const hash = digestHash('test12', algorithm, SALT)
    expect(hash).toEqual({ algorithm, text: Buffer.concat([SALT, digest]).toString('base64') })
    expect(isPasswordHash(hash)).toBe(true)
  })

  test('takes any octets', () => {
    const password = Buffer.of(0, 255, 128, 0)
    expect(hasDigest(digestHash(password, algorithm), algorithm, password)).toBe(true)
    expect(hasDigest(digestHash('Grüße', algorithm), algorithm, Buffer.from('Grüße'))).toBe(true)
  })

  test.each(['', 'AAAA', 'not base64 at all!', Buffer.alloc(100).toString('base64')])(
    'that is broken (%j) fits nothing',
    (text) => {
      expect(isPasswordHash({ algorithm, text })).toBe(false)
      expect(hasDigest({ algorithm, text }, algorithm, Buffer.alloc(0))).toBe(false)
    },
  )
})

test('a hash of RabbitMQ’s documentation is the same here', () => {
  expect(digestHash('test12', 'sha256', SALT).text).toBe('kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR')
})

describe('a hash by scrypt', () => {
  test('fits its password alone, and is salted anew each time', async () => {
    const [hash, other] = await Promise.all([hashPassword('Grüße', 'scrypt'), hashPassword('Grüße', 'scrypt')])
    expect(hash.algorithm).toBe('scrypt')
    expect(hash.text).toMatch(/^\$scrypt\$ln=14,r=8,p=1\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=$/)
    expect(hash.text).not.toBe(other.text)
    expect(isPasswordHash(hash)).toBe(true)
    expect(await hasScryptKey(hash, Buffer.from('Grüße'))).toBe(true)
    expect(await hasScryptKey(hash, Buffer.from('Gruesse'))).toBe(false)
  })

  test('is the same whether the process waits for it or not', async () => {
    expect(await hasScryptKey(hashPasswordNow('secret', 'scrypt'), Buffer.from('secret'))).toBe(true)
  })

  test('may have been made with other numbers', async () => {
    // RFC 7914, section 12: the second of its vectors, with the first 32 octets of its key.
    const key = Buffer.from('fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162', 'hex')
    const text = `$scrypt$ln=10,r=8,p=8$${Buffer.from('NaClNaCl').toString('base64')}$${key.toString('base64')}`
    // "NaCl" is the salt there; what is checked here is that the numbers of the hash are used, not ours.
    expect(isPasswordHash({ algorithm: 'scrypt', text })).toBe(true)
    expect(await hasScryptKey({ algorithm: 'scrypt', text }, Buffer.from('password'))).toBe(false)
  })

  test.each([
    '',
    '$scrypt$ln=14,r=8,p=1$AAAAAAAA',
    '$scrypt$ln=20,r=8,p=1$AAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$scrypt$ln=14,r=99,p=1$AAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$scrypt$ln=14,r=8,p=9$AAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    '$scrypt$ln=0,r=8,p=1$AAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  ])('that is broken, or asks for too much (%j), fits nothing', async (text) => {
    expect(isPasswordHash({ algorithm: 'scrypt', text })).toBe(false)
    expect(await hasScryptKey({ algorithm: 'scrypt', text }, Buffer.from('x'))).toBe(false)
  })
})

test('algorithms have RabbitMQ’s names, too', () => {
  for (const algorithm of ['sha256', 'sha512', 'md5', 'scrypt'] as const) {
    expect(hashingAlgorithm(algorithm)).toBe(algorithm)
    expect(hashingAlgorithm(hashingName(algorithm))).toBe(algorithm)
  }
  expect(hashingName('sha256')).toBe('rabbit_password_hashing_sha256')
  for (const unknown of ['', 'sha1', 'toString', 'rabbit_password_hashing_']) {
    expect(hashingAlgorithm(unknown)).toBeUndefined()
  }
})
