import { beforeEach, describe, expect, test } from 'vitest'
import { encodeFieldTable, type Field } from '../../protocol/field-table.ts'
import { hashPassword } from '../../src/auth/passwords.ts'
import { isLoopback, USER_KIND, UserList } from '../../src/auth/user-list.ts'
import { encodeUser } from '../../src/auth/user-record.ts'
import { EntityRegistry, type RestoredEntities } from '../../storage/entity-registry.ts'
import { EntityStorage } from '../storage/entity-storage.ts'

const LOCAL = '127.0.0.1'
const REMOTE = '192.0.2.7'

function users(anonymousUser?: string): UserList {
  const list = new UserList({ loopbackUsers: ['guest'], anonymousUser })
  list.add('guest', 'guest', ['administrator'])
  list.add('app', 'pass')
  return list
}

/** The list that a start makes of what is in the storage. */
function restart(storage: EntityStorage): { list: UserList; restored: RestoredEntities } {
  const registry = new EntityRegistry(storage)
  const list = new UserList({ loopbackUsers: [] })
  list.keepIn(registry)
  return { list, restored: registry.restore(storage.recovery.entities) }
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
    expect(login(users(), 'stranger', 'guest')).toBe("user 'stranger' - invalid credentials")
    expect(login(users(), '', '')).toBe("user '' - invalid credentials")
    expect(login(users(), 'toString', '')).toBe("user 'toString' - invalid credentials")
  })

  test('refuses a blank password, even one that is right', () => {
    const storage = new EntityStorage()
    const value = encodeUser({ user: { name: 'blank', tags: [] }, hash: hashPassword('') })
    storage.journal.put(USER_KIND, '["blank"]', value)
    const { list } = restart(storage)
    expect(list.has('blank')).toBe(true)
    expect(login(list, 'blank', '')).toBe("user 'blank' - invalid credentials")
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

describe('a change of the users', () => {
  test('is seen in the list', () => {
    const list = users()
    list.setTags('app', ['monitoring', 'policymaker', 'monitoring'])
    expect(list.list()).toEqual([
      { name: 'guest', tags: ['administrator'] },
      { name: 'app', tags: ['monitoring', 'policymaker'] },
    ])
    expect(login(list, 'app', 'pass')).toBe('app monitoring,policymaker')
  })

  test('of the password keeps the tags, and of the tags the password', () => {
    const list = users()
    list.changePassword('guest', 'new')
    expect(login(list, 'guest', 'guest')).toMatch('invalid')
    expect(login(list, 'guest', 'new')).toBe('guest administrator')
    list.setTags('guest', [])
    expect(login(list, 'guest', 'new')).toBe('guest ')
  })

  test('does not reach those that were handed out', () => {
    const list = users()
    const tags = ['management']
    list.setTags('app', tags)
    tags.push('administrator')
    const [, app] = list.list()
    ;(app!.tags as string[]).push('administrator')
    expect(list.list()[1]?.tags).toEqual(['management'])
  })

  test('of an unknown user is refused', () => {
    expect(() => users().changePassword('stranger', 'x')).toThrow("user 'stranger' does not exist")
    expect(() => users().setTags('stranger', [])).toThrow("user 'stranger' does not exist")
  })

  test('that makes no sense is refused and changes nothing', () => {
    const list = users()
    const before = list.list()
    const long = 'ü'.repeat(128)
    expect(() => list.add('', 'pass')).toThrow(RangeError)
    expect(() => list.add(long, 'pass')).toThrow('the name of a user has 1 to 255 bytes')
    expect(() => list.add('new', '')).toThrow("user 'new' needs a password")
    expect(() => list.add('new', 'pass', [''])).toThrow('the tag of a user has 1 to 255 bytes')
    expect(() => list.changePassword('app', '')).toThrow("user 'app' needs a password")
    expect(() => list.setTags('app', [long])).toThrow(RangeError)
    expect(list.list()).toEqual(before)
    expect(login(list, 'app', 'pass')).toBe('app ')
    list.add('x'.repeat(255), 'pass')
  })
})

describe('users in a storage', () => {
  let storage: EntityStorage

  beforeEach(() => {
    storage = new EntityStorage()
    const { list } = restart(storage)
    list.add('ann', 'one', ['administrator', 'Grüße'])
    list.add('bob', 'two')
  })

  test('are the same after a restart', () => {
    const { list, restored } = restart(storage)
    expect(restored.problems).toEqual([])
    expect(list.list()).toEqual([
      { name: 'ann', tags: ['administrator', 'Grüße'] },
      { name: 'bob', tags: [] },
    ])
    expect(login(list, 'ann', 'one')).toBe('ann administrator,Grüße')
    expect(login(list, 'bob', 'one')).toMatch('invalid')
  })

  test('are kept without their passwords', () => {
    for (const { value } of storage.entities.values()) expect(Buffer.from(value).includes('one')).toBe(false)
  })

  test('are changed and removed there too', () => {
    const { list } = restart(storage)
    list.changePassword('ann', 'three')
    list.setTags('ann', ['policymaker'])
    list.remove('bob')
    const { list: after } = restart(storage)
    expect(after.list()).toEqual([{ name: 'ann', tags: ['policymaker'] }])
    expect(login(after, 'ann', 'one')).toMatch('invalid')
    expect(login(after, 'ann', 'three')).toBe('ann policymaker')
  })

  test('leave a record behind when all of them are removed, until there is one again', () => {
    const { list } = restart(storage)
    list.remove('ann')
    list.remove('bob')
    expect([...storage.entities.keys()]).toEqual([`${USER_KIND} []`])
    const { list: empty, restored } = restart(storage)
    expect([empty.list(), restored.problems]).toEqual([[], []])
    empty.add('cid', 'three')
    expect([...storage.entities.keys()]).toEqual([`${USER_KIND} ["cid"]`])
  })

  const hash: Field = { type: 'S', value: hashPassword('x') }
  const tags: Field = { type: 'A', value: [] }

  test.each<[string, string, Record<string, Field>]>([
    ['its password hash makes no sense', 'eve', { tags }],
    ['its password hash makes no sense', 'eve', { hash: { type: 'S', value: 'AAAA' }, tags }],
    ['its password hash makes no sense', 'eve', { hash: { type: 'S', value: `${hashPassword('x')} ` }, tags }],
    ['its tags are missing', 'eve', { hash }],
    ['the tag of a user has 1 to 255 bytes', 'eve', { hash, tags: { type: 'A', value: [{ type: 'S', value: '' }] } }],
    ['the name of a user has 1 to 255 bytes', '', { hash, tags }],
  ])('that are damaged are left out: %s', (why, name, fields) => {
    storage.journal.put(USER_KIND, JSON.stringify([name]), encodeFieldTable(new Map(Object.entries(fields))))
    const { list, restored } = restart(storage)
    expect(restored.problems).toEqual([`user ["${name}"] is left out: ${why}`])
    expect(list.list().map((user) => user.name)).toEqual(['ann', 'bob'])
  })

  test('that are no field table are left out', () => {
    storage.journal.put(USER_KIND, '["eve"]', Buffer.from('no table'))
    expect(restart(storage).restored.problems).toEqual([expect.stringContaining('user ["eve"] is left out: ')])
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
