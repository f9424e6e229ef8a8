// Permissions by themselves: their patterns, and what a storage keeps of them.
import { beforeEach, describe, expect, test } from 'vitest'
import { ALL_PERMISSIONS, PermissionList } from '../../../src/broker/access/permission-list.ts'
import type { Permission } from '../../../src/broker/authorizer.ts'
import { EntityRegistry } from '../../../storage/entity-registry.ts'
import { MemoryStorage } from '../../../storage/memory/memory-storage.ts'
import type { StoredEntity } from '../../../storage/storage.ts'
import { refusal } from '../model.ts'

let list: PermissionList
let changes: string[]

beforeEach(() => {
  list = new PermissionList(new EntityRegistry(new MemoryStorage()))
  changes = []
  list.onChange = (user, vhost) => changes.push(`${user} ${vhost}`)
})

const may = (name: string, permission: Permission = 'read', user = 'eve'): boolean =>
  list.resource({ name: user, tags: [] }, '/', 'queue', name, permission)
const mayUse = (key: string, permission: 'write' | 'read' = 'write', vhost = '/'): boolean =>
  list.topic({ name: 'eve', tags: [] }, vhost, 't', key, permission)

/** The names that a pattern fits. */
function fits(pattern: string, ...names: readonly string[]): string[] {
  list.set('eve', '/', { ...ALL_PERMISSIONS, read: pattern })
  return names.filter((name) => may(name))
}

describe('patterns', () => {
  test('are found anywhere in a name, unless they say where', () => {
    expect(fits('b', 'abc', 'b', 'ac', '')).toEqual(['abc', 'b'])
    expect(fits('^b', 'abc', 'bc')).toEqual(['bc'])
    expect(fits('^b$', 'bc', 'b', 'b\n')).toEqual(['b'])
    expect(fits('^(?!amq\\.)', 'amq.topic', 'mine')).toEqual(['mine'])
    expect(fits('.*', 'anything', '')).toEqual(['anything', ''])
  })

  test('that are empty fit nothing but the empty name, as with RabbitMQ', () => {
    expect(fits('', 'a', '')).toEqual([''])
    expect(fits('^$', 'a', '')).toEqual([''])
  })

  test('that are none are refused, and nothing changes', () => {
    list.set('eve', '/', { configure: 'a', write: 'a', read: 'a' })
    changes = []
    expect(refusal(() => list.set('eve', '/', { ...ALL_PERMISSIONS, write: '(' }))).toMatch(
      /^precondition-failed: invalid regular expression '\(': /,
    )
    expect(refusal(() => list.setTopic('eve', '/', 't', { write: '[', read: '' }))).toMatch(
      /invalid regular expression '\['/,
    )
    expect(refusal(() => list.setTopic('eve', '/', 't', { write: '{username}(', read: '' }))).toMatch(
      /^precondition-failed/,
    )
    expect(refusal(() => list.set('eve', '/', { ...ALL_PERMISSIONS, read: 'x'.repeat(1025) }))).toMatch(
      /more than 1024 characters/,
    )
    expect([list.of('eve', '/'), changes]).toEqual([{ configure: 'a', write: 'a', read: 'a' }, []])
  })
})

describe('topic permissions', () => {
  test('leave all keys free where there are none', () => {
    list.set('eve', '/', ALL_PERMISSIONS)
    expect([mayUse('a'), mayUse('a', 'read')]).toEqual([true, true])
    list.setTopic('eve', '/', 'other', { write: '', read: '' })
    expect(mayUse('a')).toBe(true)
    list.setTopic('eve', '/', 't', { write: '^a', read: '^b' })
    expect([mayUse('a'), mayUse('b'), mayUse('a', 'read'), mayUse('b', 'read')]).toEqual([true, false, false, true])
    expect(list.clearTopics('eve', '/', 't')).toBe(true)
    expect([mayUse('b'), list.clearTopics('eve', '/', 't')]).toEqual([true, false])
  })

  test('know the names of the user and the virtual host', () => {
    list.setTopic('eve', 'v.h', 't', { write: '^{username}\\.{vhost}\\.{client_id}$', read: '\\{username}' })
    expect(mayUse('eve.v.h.{client_id}', 'write', 'v.h')).toBe(true)
    expect(mayUse('eve.vxh.{client_id}', 'write', 'v.h')).toBe(false)
    expect([mayUse('{username}', 'read', 'v.h'), mayUse('eve', 'read', 'v.h')]).toEqual([true, false])
  })

  test('may be longer with a long name filled in than a pattern may be', () => {
    const vhost = 'ü'.repeat(127)
    list.setTopic('eve', vhost, 't', { write: '^{vhost}\\.{vhost}$', read: '' })
    expect([mayUse(`${vhost}.${vhost}`, 'write', vhost), mayUse(vhost, 'write', vhost)]).toEqual([true, false])
  })
})

describe('the list', () => {
  test('tells of each change, whose it is', () => {
    list.set('eve', '/', ALL_PERMISSIONS)
    list.setTopic('eve', '/', 't', { write: '', read: '' })
    list.clear('eve', '/')
    list.clear('eve', '/')
    list.clearTopics('eve', '/')
    expect(changes).toEqual(['eve /', 'eve /', 'eve /', 'eve /'])
    expect([...list.entries()]).toEqual([])
  })

  test('forgets users and virtual hosts', () => {
    for (const [user, vhost] of [
      ['eve', '/'],
      ['eve', 'v'],
      ['ann', 'v'],
    ] as const) {
      list.set(user, vhost, ALL_PERMISSIONS)
      list.setTopic(user, vhost, 't', { write: '', read: '' })
    }
    list.removeVhost('v')
    expect([...list.entries()]).toEqual([['eve', '/']])
    list.removeUser('eve')
    expect([...list.entries()]).toEqual([])
  })
})

describe('a storage', () => {
  const restored = (...entities: readonly [number, string, Buffer][]) => {
    const registry = new EntityRegistry(new MemoryStorage())
    list = new PermissionList(registry)
    return registry.restore(entities.map(([kind, key, value]): StoredEntity => ({ kind, key, value })))
  }

  test('with a topic permission that makes no sense leaves no key free', () => {
    const { problems } = restored([13, '["eve","/","t"]', Buffer.from('damage')])
    expect(problems).toHaveLength(1)
    expect([mayUse('a'), mayUse('', 'read')]).toEqual([false, false])
    list.setTopic('eve', '/', 't', { write: 'a', read: '' })
    expect(mayUse('a')).toBe(true)
  })

  test('with permissions that make no sense allows nothing', () => {
    const { problems } = restored([12, '["eve","/"]', Buffer.from('damage')])
    expect(problems).toHaveLength(1)
    expect([may('a'), list.vhostAccess({ name: 'eve', tags: [] }, '/'), list.isKnown]).toEqual([false, false, true])
  })
})
