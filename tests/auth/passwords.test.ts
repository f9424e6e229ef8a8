import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { hashPassword, isPassword } from '../../src/auth/passwords.ts'

describe('a password hash', () => {
  test('fits its password alone', () => {
    const hash = hashPassword('secret')
    expect(isPassword(hash, Buffer.from('secret'))).toBe(true)
    for (const other of ['', 'Secret', 'secret ', 'secre']) expect(isPassword(hash, Buffer.from(other))).toBe(false)
  })

  test('is salted anew each time', () => {
    expect(hashPassword('secret')).not.toBe(hashPassword('secret'))
  })

  test('is base64 of salt and SHA-256 over salt and password, as RabbitMQ writes it', () => {
    const salt = Buffer.from('908dc60a', 'hex')
    const digest = createHash('sha256')
      .update(Buffer.concat([salt, Buffer.from('test12')]))
      .digest()
    expect(hashPassword('test12', salt)).toBe(Buffer.concat([salt, digest]).toString('base64'))
    expect(hashPassword('test12', salt)).toBe('kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR')
  })

  test('takes any octets', () => {
    const password = Buffer.of(0, 255, 128, 0)
    expect(isPassword(hashPassword(password), password)).toBe(true)
    expect(isPassword(hashPassword('Grüße'), Buffer.from('Grüße'))).toBe(true)
  })

  test.each(['', 'AAAA', 'not base64 at all!', Buffer.alloc(100).toString('base64')])(
    'that is broken (%j) fits nothing',
    (hash) => {
      expect(isPassword(hash, Buffer.alloc(0))).toBe(false)
    },
  )
})
