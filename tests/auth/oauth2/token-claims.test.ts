import { describe, expect, test } from 'vitest'
import {
  type ClaimRules,
  type Claims,
  isForUs,
  lifetimeMs,
  scopesOf,
  userName,
} from '../../../src/auth/oauth2/token-claims.ts'

const RULES: ClaimRules = {
  resourceServerId: 'rabbit',
  preferredUsernameClaims: [],
  additionalScopesKeys: [],
  scopeAliases: new Map(),
}

test.each<[unknown, boolean]>([
  ['rabbit', true],
  ['other rabbit', true],
  [['other', 'rabbit'], true],
  ['rabbits', false],
  [['rabbits'], false],
  [[['rabbit']], false],
  [{ rabbit: true }, false],
  [undefined, false],
  [true, false],
])('an audience of %j is ours: %s', (aud, expected) => {
  expect(isForUs({ aud }, RULES)).toBe(expected)
})

test.each<[unknown, number | undefined]>([
  [1010, 10_000],
  [1010.9, 10_000],
  [1000, 0],
  [-5, -1_005_000],
  ['1010', undefined],
  [null, undefined],
  [undefined, undefined],
  [[1010], undefined],
  [Number.POSITIVE_INFINITY, undefined],
  [Number.NaN, undefined],
  [1e300, undefined],
])('exp %j leaves %s ms', (exp, expected) => {
  expect(lifetimeMs({ exp }, 1_000_000)).toBe(expected)
})

test('the user is what the preferred claims say, then sub, then client_id', () => {
  const rules = { ...RULES, preferredUsernameClaims: ['email', 'user_name'] }
  const claims = { user_name: 'ann', sub: '1', client_id: '2' }
  expect(userName(claims, rules)).toBe('ann')
  expect(userName(claims, RULES)).toBe('1')
  expect(userName({ client_id: '2' }, RULES)).toBe('2')
  expect(userName({ sub: '', client_id: 7 }, RULES)).toBeUndefined()
  expect(userName({ sub: 'x'.repeat(256) }, RULES)).toBeUndefined()
  expect(userName({}, { ...RULES, preferredUsernameClaims: ['toString', '__proto__'] })).toBeUndefined()
})

describe('scopes', () => {
  const found = (claims: Claims, rules: Partial<ClaimRules> = {}) => scopesOf(claims, { ...RULES, ...rules })

  test('are a text or a list', () => {
    expect(found({ scope: 'a  b' })).toEqual(['a', 'b'])
    expect(found({ scope: ['a', 5, 'b'] })).toEqual(['a', 'b'])
    expect(found({})).toEqual([])
  })

  test('may stand in further claims, inside of others, too', () => {
    const claims = {
      scope: 'a',
      roles: 'b c',
      resource_access: { rabbit: { roles: ['d'] }, other: { roles: ['x'] } },
      permissions: [{ scopes: ['e'] }, { scopes: 'f' }, 'odd', null],
      own: { rabbit: ['read:*/*'], other: ['write:*/*'] },
    }
    const additionalScopesKeys = [
      'roles',
      'resource_access.rabbit.roles',
      'permissions.scopes',
      'own',
      'missing.deep',
      '',
    ]
    expect(found(claims, { additionalScopesKeys })).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'rabbit.read:*/*'])
  })

  test('may have aliases, which stay scopes themselves', () => {
    const scopeAliases = new Map([['admin', ['rabbit.tag:administrator', 'rabbit.read:*/*']]])
    expect(found({ scope: 'admin x' }, { scopeAliases })).toEqual([
      'admin',
      'x',
      'rabbit.tag:administrator',
      'rabbit.read:*/*',
    ])
  })
})
