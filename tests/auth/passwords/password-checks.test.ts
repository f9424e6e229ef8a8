import { describe, expect, test } from 'vitest'
import { PasswordChecks } from '../../../src/auth/passwords/password-checks.ts'
import { digestHash, hashPasswordNow } from '../../../src/auth/passwords/password-hash.ts'

const HERE = '192.0.2.1'
const bytes = (text: string): Buffer => Buffer.from(text)
const SLOW = hashPasswordNow('secret', 'scrypt')

describe('PasswordChecks', () => {
  test('takes the long way once for a right password, and the short one from then on', async () => {
    const checks = new PasswordChecks('scrypt')
    const first = checks.check('app', SLOW, bytes('secret'), HERE)
    expect(first).toBeInstanceOf(Promise)
    expect(await first).toBe('right')
    expect(checks.check('app', SLOW, bytes('secret'), HERE)).toBe('right')
  })

  test('takes the long way for every wrong password, whoever it is for', async () => {
    const checks = new PasswordChecks('scrypt')
    checks.remember('app', SLOW, bytes('secret'))
    const quick = digestHash('secret', 'sha256')
    for (const [name, hash] of [
      ['app', SLOW],
      ['quick', quick],
      ['stranger', undefined],
    ] as const) {
      for (let again = 0; again < 2; again++) {
        const verdict = checks.check(name, hash, bytes('wrong'), HERE)
        expect(verdict).toBeInstanceOf(Promise)
        expect(await verdict).toBe('wrong')
      }
    }
  })

  test('knows a password only together with the hash that it fitted', async () => {
    const checks = new PasswordChecks('scrypt')
    checks.remember('app', SLOW, bytes('secret'))
    const other = hashPasswordNow('other', 'scrypt')
    expect(await checks.check('app', other, bytes('secret'), HERE)).toBe('wrong')
    expect(await checks.check('app', undefined, bytes('secret'), HERE)).toBe('wrong')
    checks.forget('app')
    expect(checks.check('app', SLOW, bytes('secret'), HERE)).toBeInstanceOf(Promise)
  })

  test('answers at once where all hashes are RabbitMQ’s', () => {
    const checks = new PasswordChecks('sha256')
    const hash = digestHash('secret', 'sha512')
    expect(checks.check('app', hash, bytes('secret'), HERE)).toBe('right')
    expect(checks.check('app', hash, bytes('wrong'), HERE)).toBe('wrong')
    expect(checks.check('stranger', undefined, bytes('wrong'), HERE)).toBe('wrong')
  })

  test('lets one address wait for itself: others find room, and known passwords pass', async () => {
    const checks = new PasswordChecks('scrypt')
    checks.remember('app', SLOW, bytes('secret'))
    const flood = Array.from({ length: 100 }, (_, i) => checks.check('app', SLOW, bytes(`guess ${i}`), HERE))
    expect(flood.filter((verdict) => verdict === 'busy').length).toBeGreaterThan(60)
    expect(checks.check('app', SLOW, bytes('secret'), HERE)).toBe('right')
    const order: string[] = []
    const other = checks.check('new', SLOW, bytes('secret'), '192.0.2.2')
    expect(other).toBeInstanceOf(Promise)
    await Promise.all([
      Promise.resolve(other).then((verdict) => order.push(`other ${verdict}`)),
      ...flood.map((verdict) => Promise.resolve(verdict).then(() => verdict !== 'busy' && order.push('flood'))),
    ])
    // It came last, and is not the last to be answered.
    expect(order.indexOf('other right')).toBeLessThan(10)
    expect(order.length).toBeGreaterThan(30)
  })
})
