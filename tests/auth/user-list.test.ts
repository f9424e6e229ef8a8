import { beforeEach, describe, expect, test } from 'vitest'
import { encodeFieldTable, type Field } from '../../protocol/field-table.ts'
import { digestHash, hashPasswordNow } from '../../src/auth/passwords/password-hash.ts'
import { USER_KIND, UserList } from '../../src/auth/user-list.ts'
import { encodeUser } from '../../src/auth/user-record.ts'
import { EntityRegistry, type RestoredEntities } from '../../storage/entity-registry.ts'
import { EntityStorage } from '../storage/entity-storage.ts'

const LOCAL = '127.0.0.1'
const REMOTE = '192.0.2.7'

function users(anonymousUser?: string): UserList {
  const list = new UserList({ loopbackUsers: ['guest'], anonymousUser, passwordHashing: 'sha256' })
  list.add('guest', 'guest', ['administrator'])
  list.add('app', 'pass')
  return list
}

/** The list that a start makes of what is in the storage. */
function restart(
  storage: EntityStorage,
  passwordHashing: 'scrypt' | 'sha256' = 'sha256',
): { list: UserList; restored: RestoredEntities } {
  const registry = new EntityRegistry(storage)
  const list = new UserList({ loopbackUsers: [], passwordHashing })
  list.keepIn(registry)
  return { list, restored: registry.restore(storage.recovery.entities) }
}

async function login(list: UserList, name: string, password: string, from = LOCAL): Promise<string> {
  const verdict = await list.authenticate({ name, password: Buffer.from(password) }, from)
  return 'user' in verdict ? `${verdict.user.name} ${verdict.user.tags}` : verdict.refusal
}

describe('UserList', () => {
  test('lets in who knows the password', async () => {
    expect(await login(users(), 'guest', 'guest')).toBe('guest administrator')
    expect(await login(users(), 'app', 'pass', REMOTE)).toBe('app ')
  })

  test('refuses a wrong password and an unknown name in the same words', async () => {
    expect(await login(users(), 'guest', 'Guest')).toBe("user 'guest' - invalid credentials")
    expect(await login(users(), 'stranger', 'guest')).toBe("user 'stranger' - invalid credentials")
    expect(await login(users(), '', '')).toBe("user '' - invalid credentials")
    expect(await login(users(), 'toString', '')).toBe("user 'toString' - invalid credentials")
  })

  test('refuses a blank password, even one that is right', async () => {
    const storage = new EntityStorage()
    const value = encodeUser({ user: { name: 'blank', tags: [] }, hash: hashPasswordNow('', 'sha256') })
    storage.journal.put(USER_KIND, '["blank"]', value)
    const { list } = restart(storage)
    expect(list.has('blank')).toBe(true)
    expect(await login(list, 'blank', '')).toBe("user 'blank' - invalid credentials")
  })

  test('lets loopback users in from this machine alone', async () => {
    for (const from of [LOCAL, '127.8.8.8', '::1', '::ffff:127.0.0.1'])
      expect(await login(users(), 'guest', 'guest', from)).toBe('guest administrator')
    for (const from of [REMOTE, '::ffff:192.0.2.7', '2001:db8::1', '', '1270.0.0.1']) {
      expect(await login(users(), 'guest', 'guest', from)).toBe("user 'guest' can only connect via localhost")
    }
  })

  test('does not say that a user is a loopback user to who has the wrong password', async () => {
    expect(await login(users(), 'guest', 'wrong', REMOTE)).toBe("user 'guest' - invalid credentials")
  })

  test('knows a user no more who was removed, and the latest password of one who was added again', async () => {
    const list = users()
    list.add('app', 'new')
    expect(await login(list, 'app', 'pass')).toMatch('invalid')
    expect(await login(list, 'app', 'new')).toBe('app ')
    expect([list.remove('app'), list.remove('app')]).toEqual([true, false])
    expect(await login(list, 'app', 'new')).toMatch('invalid')
  })

  test('makes nameless clients the anonymous user, where there is one', async () => {
    expect(users().anonymous(LOCAL)).toHaveProperty('refusal')
    expect(users('ghost').anonymous(LOCAL)).toHaveProperty('refusal')
    expect(users('app').anonymous(REMOTE)).toEqual({ user: { name: 'app', tags: [] } })
    expect(users('guest').anonymous(REMOTE)).toHaveProperty('refusal')
    expect(users('guest').anonymous(LOCAL)).toHaveProperty('user')
  })
})

describe('a change of the users', () => {
  test('is seen in the list', async () => {
    const list = users()
    list.setTags('app', ['monitoring', 'policymaker', 'monitoring'])
    expect(list.list()).toEqual([
      { name: 'guest', tags: ['administrator'] },
      { name: 'app', tags: ['monitoring', 'policymaker'] },
    ])
    expect(await login(list, 'app', 'pass')).toBe('app monitoring,policymaker')
  })

  test('of the password keeps the tags, and of the tags the password', async () => {
    const list = users()
    list.changePassword('guest', 'new')
    expect(await login(list, 'guest', 'guest')).toMatch('invalid')
    expect(await login(list, 'guest', 'new')).toBe('guest administrator')
    list.setTags('guest', [])
    expect(await login(list, 'guest', 'new')).toBe('guest ')
  })

  test('does not reach those that were handed out', async () => {
    const list = users()
    const tags = ['management']
    list.setTags('app', tags)
    tags.push('administrator')
    const [, app] = list.list()
    ;(app!.tags as string[]).push('administrator')
    expect(list.list()[1]?.tags).toEqual(['management'])
  })

  test('of an unknown user is refused', async () => {
    expect(() => users().changePassword('stranger', 'x')).toThrow("user 'stranger' does not exist")
    expect(() => users().setTags('stranger', [])).toThrow("user 'stranger' does not exist")
  })

  test('that makes no sense is refused and changes nothing', async () => {
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
    expect(await login(list, 'app', 'pass')).toBe('app ')
    list.add('x'.repeat(255), 'pass')
  })

  test('beside the work of the process counts like any other, unless another came first', async () => {
    const list = users()
    const add = (name: string) =>
      list.addLater(name, 'pass', [], () => {
        if (list.has(name)) throw new Error('there already')
      })
    const [first, second] = await Promise.allSettled([add('new'), add('new')])
    expect([first?.status, second?.status].sort()).toEqual(['fulfilled', 'rejected'])
    expect(await login(list, 'new', 'pass')).toBe('new ')
    await list.changePasswordLater('new', 'other')
    expect(await login(list, 'new', 'pass')).toMatch('invalid')
    expect(await login(list, 'new', 'other')).toBe('new ')
    const late = list.changePasswordLater('new', 'third')
    list.remove('new')
    await expect(late).rejects.toThrow("user 'new' does not exist")
  })

  test('is held to the rules for passwords', () => {
    const list = new UserList({ passwordHashing: 'sha256', passwordLengthMin: 8, passwordPattern: '[0-9]' })
    expect(() => list.add('app', 'short1')).toThrow('minimum required password length: 8')
    expect(() => list.add('app', 'long enough')).toThrow("the password of user 'app' does not match the pattern")
    list.add('app', 'long enough 1')
    expect(() => list.changePassword('app', 'no digits')).toThrow(RangeError)
    expect(() => new UserList({ passwordPattern: '(' })).toThrow()
  })
})

describe('a user with a hash from elsewhere', () => {
  test.each(['sha256', 'sha512', 'md5'] as const)('logs in with the password of that hash by %s', async (algorithm) => {
    const list = users()
    list.addHashed('old', digestHash('secret', algorithm))
    expect(await login(list, 'old', 'secret')).toBe('old ')
    expect(await login(list, 'old', 'other')).toMatch('invalid')
    expect(list.passwordHash('old')?.algorithm).toBe(algorithm)
  })

  test('is refused when the hash makes no sense', () => {
    expect(() => users().addHashed('old', { algorithm: 'sha512', text: digestHash('x', 'sha256').text })).toThrow(
      "the password hash of 'old' makes no sense",
    )
  })

  test('may have none: then no password lets it in, but a certificate does', async () => {
    const list = users()
    list.addHashed('robot', undefined, ['monitoring'])
    for (const password of ['', 'x']) expect(await login(list, 'robot', password)).toMatch('invalid')
    expect(list.external('robot', REMOTE)).toEqual({ user: { name: 'robot', tags: ['monitoring'] } })
    expect(list.external('stranger', REMOTE)).toHaveProperty('refusal')
    expect(list.external('guest', REMOTE)).toEqual({ refusal: "user 'guest' can only connect via localhost" })
  })
})

test('a password that is changed while it is being checked lets no one in', async () => {
  const storage = new EntityStorage()
  restart(storage, 'scrypt').list.add('app', 'pass')
  const { list } = restart(storage)
  const verdict = list.authenticate({ name: 'app', password: Buffer.from('pass') }, LOCAL)
  expect(verdict).toBeInstanceOf(Promise)
  list.changePassword('app', 'other')
  expect(await verdict).toHaveProperty('refusal')
})

describe('users in a storage', () => {
  let storage: EntityStorage

  beforeEach(() => {
    storage = new EntityStorage()
    const { list } = restart(storage)
    list.add('ann', 'one', ['administrator', 'Grüße'])
    list.add('bob', 'two')
  })

  test('are the same after a restart', async () => {
    const { list, restored } = restart(storage)
    expect(restored.problems).toEqual([])
    expect(list.list()).toEqual([
      { name: 'ann', tags: ['administrator', 'Grüße'] },
      { name: 'bob', tags: [] },
    ])
    expect(await login(list, 'ann', 'one')).toBe('ann administrator,Grüße')
    expect(await login(list, 'bob', 'one')).toMatch('invalid')
  })

  test('may have a hash of any kind, or none', async () => {
    const { list } = restart(storage, 'scrypt')
    list.add('new', 'secret')
    list.addHashed('old', digestHash('secret', 'md5'))
    list.addHashed('robot', undefined)
    const { list: after } = restart(storage)
    expect(await login(after, 'old', 'secret')).toBe('old ')
    expect(after.passwordHash('robot')).toBeUndefined()
    expect(after.passwordHash('new')?.algorithm).toBe('scrypt')
    expect(await login(after, 'new', 'secret')).toBe('new ')
  })

  test('of older versions have no word of the algorithm: it was SHA-256', async () => {
    const fields = new Map<string, Field>([
      ['hash', { type: 'S', value: digestHash('secret', 'sha256').text }],
      ['tags', { type: 'A', value: [] }],
    ])
    storage.journal.put(USER_KIND, '["eve"]', encodeFieldTable(fields))
    expect(await login(restart(storage).list, 'eve', 'secret')).toBe('eve ')
  })

  test('are kept without their passwords', async () => {
    for (const { value } of storage.entities.values()) expect(Buffer.from(value).includes('one')).toBe(false)
  })

  test('are changed and removed there too', async () => {
    const { list } = restart(storage)
    list.changePassword('ann', 'three')
    list.setTags('ann', ['policymaker'])
    list.remove('bob')
    const { list: after } = restart(storage)
    expect(after.list()).toEqual([{ name: 'ann', tags: ['policymaker'] }])
    expect(await login(after, 'ann', 'one')).toMatch('invalid')
    expect(await login(after, 'ann', 'three')).toBe('ann policymaker')
  })

  test('leave a record behind when all of them are removed, until there is one again', async () => {
    const { list } = restart(storage)
    list.remove('ann')
    list.remove('bob')
    expect([...storage.entities.keys()]).toEqual([`${USER_KIND} []`])
    const { list: empty, restored } = restart(storage)
    expect([empty.list(), restored.problems]).toEqual([[], []])
    empty.add('cid', 'three')
    expect([...storage.entities.keys()]).toEqual([`${USER_KIND} ["cid"]`])
  })

  const hash: Field = { type: 'S', value: digestHash('x', 'sha256').text }
  const hashing: Field = { type: 'S', value: 'sha1' }
  const tags: Field = { type: 'A', value: [] }

  test.each<[string, string, Record<string, Field>]>([
    ['its password hash makes no sense', 'eve', { hash, hashing, tags }],
    ['its password hash makes no sense', 'eve', { hash: { type: 'S', value: 'AAAA' }, tags }],
    ['its password hash makes no sense', 'eve', { hash: { type: 'S', value: `${hash.value} ` }, tags }],
    ['its tags are missing', 'eve', { hash }],
    ['the tag of a user has 1 to 255 bytes', 'eve', { hash, tags: { type: 'A', value: [{ type: 'S', value: '' }] } }],
    ['the name of a user has 1 to 255 bytes', '', { hash, tags }],
  ])('that are damaged are left out: %s', (why, name, fields) => {
    storage.journal.put(USER_KIND, JSON.stringify([name]), encodeFieldTable(new Map(Object.entries(fields))))
    const { list, restored } = restart(storage)
    expect(restored.problems).toEqual([`user ["${name}"] is left out: ${why}`])
    expect(list.list().map((user) => user.name)).toEqual(['ann', 'bob'])
  })

  test('that are no field table are left out', async () => {
    storage.journal.put(USER_KIND, '["eve"]', Buffer.from('no table'))
    expect(restart(storage).restored.problems).toEqual([expect.stringContaining('user ["eve"] is left out: ')])
  })
})
