import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Scopes } from '../../../src/auth/oauth2/scopes.ts'
import { anyCharacter } from '../../support/any-character.ts'

const scopes = (...list: string[]): Scopes =>
  new Scopes(
    list.map((scope) => `rabbit.${scope}`),
    'rabbit.',
  )

describe('scopes', () => {
  test('allow what they name, and nothing else', () => {
    const read = scopes('read:shop/orders')
    expect(read.may('read', 'shop', 'orders')).toBe(true)
    expect(read.may('write', 'shop', 'orders')).toBe(false)
    expect(read.may('configure', 'shop', 'orders')).toBe(false)
    for (const [vhost, name] of [
      ['shop', 'order'],
      ['shop', 'orders2'],
      ['Shop', 'orders'],
      ['/', 'orders'],
    ] as const)
      expect(read.may('read', vhost, name)).toBe(false)
  })

  test('have stars for any characters, and percent codes for those that mean something', () => {
    expect(scopes('write:*/*').may('write', '/', 'a/b*c')).toBe(true)
    expect(scopes('write:%2F/*').may('write', '/', 'q')).toBe(true)
    expect(scopes('write:%2F/*').may('write', 'x', 'q')).toBe(false)
    const some = scopes('configure:v/a*b*c')
    for (const name of ['abc', 'a-b-c', 'abbc', 'abcc', 'a**b*c']) expect(some.may('configure', 'v', name)).toBe(true)
    for (const name of ['ab', 'ac', 'acb', 'xabc', 'abcx']) expect(some.may('configure', 'v', name)).toBe(false)
    expect(scopes('read:v/%2A').may('read', 'v', '*')).toBe(true)
    expect(scopes('read:v/%2A').may('read', 'v', 'x')).toBe(false)
    expect(scopes('read:v/a*a').may('read', 'v', 'a')).toBe(false)
    expect(scopes('read:v/100%25').may('read', 'v', '100%')).toBe(true)
  })

  test('open a virtual host with any permission in it', () => {
    expect(scopes('read:shop/x').mayOpen('shop')).toBe(true)
    expect(scopes('read:shop/x').mayOpen('/')).toBe(false)
    expect(scopes('tag:administrator').mayOpen('/')).toBe(false)
    expect(scopes().mayOpen('/')).toBe(false)
  })

  test('allow routing keys of topic exchanges only with a third part', () => {
    const topic = scopes('write:v/events/order.*', 'read:v/events/*')
    expect(topic.mayUseKey('write', 'v', 'events', 'order.new')).toBe(true)
    expect(topic.mayUseKey('write', 'v', 'events', 'user.new')).toBe(false)
    expect(topic.mayUseKey('write', 'v', 'other', 'order.new')).toBe(false)
    expect(topic.mayUseKey('read', 'v', 'events', '#')).toBe(true)
    expect(topic.may('write', 'v', 'events')).toBe(true)
    expect(scopes('write:v/events').mayUseKey('write', 'v', 'events', 'order.new')).toBe(false)
  })

  test('name tags', () => {
    expect(scopes('tag:administrator', 'tag:monitoring', 'tag:administrator', 'tag:').tags).toEqual([
      'administrator',
      'monitoring',
    ])
  })

  test('of others, and what is not written as one, allow nothing', () => {
    const other = new Scopes(['read:*/*', 'rabbit2.read:*/*', 'tag:administrator', 'openid'], 'rabbit.')
    expect([other.mayOpen('/'), other.tags]).toEqual([false, []])
    for (const odd of ['read:*', 'read:*/*/*/*', 'READ:*/*', 'read:%zz/*', 'read', 'admin:*/*', ' read:*/*'])
      expect(scopes(odd).may('read', 'v', 'q')).toBe(false)
    expect(new Scopes(['read:*/*'], '').may('read', '/', 'q')).toBe(true)
  })

  test('have variables, whose values are no patterns', () => {
    const of = (claims: object, scope: string) => new Scopes([scope], '', { ...claims })
    expect(of({ sub: 'ann' }, 'read:*/{sub}-*').may('read', 'v', 'ann-q')).toBe(true)
    expect(of({ sub: '*' }, 'read:*/{sub}-*').may('read', 'v', 'ann-q')).toBe(false)
    expect(of({ sub: 'a/b' }, 'read:*/{sub}').may('read', 'v', 'a/b')).toBe(true)
    expect(of({ sub: 5 }, 'read:*/{sub}').may('read', 'v', '5')).toBe(false)
    expect(of({}, 'read:*/{toString}').may('read', 'v', '{toString}')).toBe(true)
    const own = of({ vhost: 'forged' }, 'read:*/q-{vhost}')
    expect([own.may('read', 'one', 'q-one'), own.may('read', 'two', 'q-two'), own.may('read', 'two', 'q-one')]).toEqual(
      [true, true, false],
    )
    expect(own.may('read', 'one', 'q-forged')).toBe(false)
  })

  test('are bounded', () => {
    const many = Array.from({ length: 2049 }, (_, i) => `read:v/${i}`)
    expect(() => new Scopes(many, '')).toThrow('more than 2048 scopes')
    const name = 'a'.repeat(255)
    const start = performance.now()
    const costly = new Scopes(
      Array.from({ length: 2048 }, (_, i) => `read:v/${'a*'.repeat(100)}${i}b`),
      '',
    )
    expect(costly.may('read', 'v', name)).toBe(false)
    expect(performance.now() - start).toBeLessThan(2000)
  })
})

test('a pattern without stars means its own text, whatever is in it', () => {
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter }), fc.string({ unit: anyCharacter }), (name, other) => {
      const own = new Scopes([`read:v/${encodeURIComponent(name.toWellFormed()).replaceAll('*', '%2A')}`], '')
      return (
        own.may('read', 'v', name.toWellFormed()) && own.may('read', 'v', other) === (other === name.toWellFormed())
      )
    }),
  )
})
