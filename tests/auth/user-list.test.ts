import { describe, expect, test } from 'vitest'
import { isLoopback, UserList } from '../../src/auth/user-list.ts'

const LOCAL = '127.0.0.1'
const REMOTE = '192.0.2.7'

function users(anonymousUser?: string): UserList {
  const list = new UserList({ loopbackUsers: ['guest'], anonymousUser })
  list.add('guest', 'guest', ['administrator'])
  list.add('app', 'pass')
  list.add('blank', '')
  return list
}

function login(list: UserList, name: string, password: string, from = LOCAL): string {
  const verdict = list.authenticate({ name, password: Buffer.from(password) }, from)
  return 'user' in verdict ? `${verdict.user.name} ${verdict.user.tags}` : verdict.refusal
}

describe('UserList', () => {
  test('lets in who knows the password', () => {
    expect(login(users(), 'guest', 'guest')).toBe('guest administrator')
    expect(login(users(), 'app', 'pass', REMOTE)).toBe('app ')
  })

  test('refuses a wrong password and an unknown name in the same words', () => {
    expect(login(users(), 'guest', 'Guest')).toBe("user 'guest' - invalid credentials")
    expect(login(users(), 'nobody', 'guest')).toBe("user 'nobody' - invalid credentials")
    expect(login(users(), '', '')).toBe("user '' - invalid credentials")
    expect(login(users(), 'toString', '')).toBe("user 'toString' - invalid credentials")
  })

  test('refuses a blank password, even one that is right', () => {
    expect(login(users(), 'blank', '')).toBe("user 'blank' - invalid credentials")
  })

  test('lets loopback users in from this machine alone', () => {
    for (const from of [LOCAL, '127.8.8.8', '::1', '::ffff:127.0.0.1'])
      expect(login(users(), 'guest', 'guest', from)).toBe('guest administrator')
    for (const from of [REMOTE, '::ffff:192.0.2.7', '2001:db8::1', '', '1270.0.0.1']) {
      expect(login(users(), 'guest', 'guest', from)).toBe("user 'guest' can only connect via localhost")
    }
  })

  test('does not say that a user is a loopback user to who has the wrong password', () => {
    expect(login(users(), 'guest', 'wrong', REMOTE)).toBe("user 'guest' - invalid credentials")
  })

  test('knows a user no more who was removed, and the latest password of one who was added again', () => {
    const list = users()
    list.add('app', 'new')
    expect(login(list, 'app', 'pass')).toMatch('invalid')
    expect(login(list, 'app', 'new')).toBe('app ')
    expect([list.remove('app'), list.remove('app')]).toEqual([true, false])
    expect(login(list, 'app', 'new')).toMatch('invalid')
  })

  test('makes nameless clients the anonymous user, where there is one', () => {
    expect(users().anonymous(LOCAL)).toHaveProperty('refusal')
    expect(users('ghost').anonymous(LOCAL)).toHaveProperty('refusal')
    expect(users('app').anonymous(REMOTE)).toEqual({ user: { name: 'app', tags: [] } })
    expect(users('guest').anonymous(REMOTE)).toHaveProperty('refusal')
    expect(users('guest').anonymous(LOCAL)).toHaveProperty('user')
  })
})

test.each([
  ['127.0.0.1', true],
  ['127.255.255.255', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  ['::FFFF:127.0.0.1', true],
  ['128.0.0.1', false],
  ['::2', false],
  ['::ffff:10.0.0.1', false],
  ['localhost', false],
  ['127.0.0.1.example.org', false],
  ['', false],
])('isLoopback(%j) is %s', (address, expected) => {
  expect(isLoopback(address)).toBe(expected)
})
