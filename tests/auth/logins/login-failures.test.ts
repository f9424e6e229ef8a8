import { describe, expect, test } from 'vitest'
import { LoginFailures } from '../../../src/auth/logins/login-failures.ts'

const HERE = '192.0.2.1'

function failures(max = 3) {
  let nowMs = 1000
  const list = new LoginFailures(max, () => nowMs)
  const fail = (times: number, name = 'app', address = HERE): void => {
    for (let i = 0; i < times; i++) list.failed(address, name)
  }
  const pass = (ms: number): void => {
    nowMs += ms
  }
  return { list, fail, pass, waitMs: (name = 'app', address = HERE) => list.waitMs(address, name) }
}

describe('LoginFailures', () => {
  test('let an address fail a few times, and wait twice as long each further time, up to a minute', () => {
    const { fail, waitMs } = failures()
    fail(3)
    expect(waitMs()).toBe(0)
    const waits = [1, 2, 3, 4, 5, 6, 7, 8].map(() => {
      fail(1)
      return waitMs()
    })
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
  })

  test('forgive one failure every ten seconds', () => {
    const { fail, pass, waitMs } = failures()
    fail(4)
    pass(1000)
    expect(waitMs()).toBe(0)
    pass(40_000)
    fail(3)
    expect(waitMs()).toBe(0)
    fail(1)
    expect(waitMs()).toBeGreaterThan(0)
  })

  test('count other addresses apart, and those of an IPv6 network together', () => {
    const { fail, waitMs } = failures()
    fail(5)
    expect(waitMs('app', '192.0.2.2')).toBe(0)
    expect(waitMs('app', `::ffff:${HERE}`)).toBeGreaterThan(0)
    for (let i = 0; i < 5; i++) fail(1, 'app', `2001:db8::${i}`)
    expect(waitMs('app', '2001:db8::ffff')).toBeGreaterThan(0)
    expect(waitMs('app', '2001:db8:0:1::1')).toBe(0)
  })

  test('do not hold up a name that has logged in from there, until it fails as often itself', () => {
    const { list, fail, waitMs } = failures()
    list.succeeded(HERE, 'good')
    fail(10, 'stranger')
    expect(waitMs('stranger')).toBeGreaterThan(0)
    expect(waitMs('good')).toBe(0)
    fail(2, 'good')
    expect(waitMs('good')).toBe(0)
    fail(1, 'good')
    expect(waitMs('good')).toBeGreaterThan(0)
    // Whoever knows the password of one name gets no further guesses by using it.
    list.succeeded(HERE, 'good')
    expect(waitMs('good')).toBeGreaterThan(0)
  })

  test('are not counted at all with 0', () => {
    const { fail, waitMs } = failures(0)
    fail(100)
    expect(waitMs()).toBe(0)
  })

  test('are remembered for a bounded number of addresses', () => {
    const { fail, waitMs } = failures()
    fail(5)
    for (let i = 0; i < 10_000; i++) fail(1, 'app', `10.0.${i >> 8}.${i & 255}`)
    expect(waitMs()).toBe(0)
    fail(5, 'app', '10.0.0.255')
    expect(waitMs('app', '10.0.0.255')).toBeGreaterThan(0)
  })
})
