import { describe, expect, test } from 'vitest'
import type { Verdict } from '../../../src/auth/authenticator.ts'
import type { Backend } from '../../../src/auth/backends/backend.ts'
import { BackendChain, type ChainLink } from '../../../src/auth/backends/backend-chain.ts'
import { CachedBackend } from '../../../src/auth/backends/cached-backend.ts'
import type { AuthorizedUser } from '../../../src/broker/authorizer.ts'
import { HandClock } from '../../support/hand-clock.ts'

const LOCAL = '127.0.0.1'

interface FakeBackend extends Backend {
  asked: number
}

/** Knows one user, whose password is `right`, and lets it do what `may` says. */
function backend(
  knows: string,
  may: (user: AuthorizedUser, name: string) => boolean,
  tags: string[] = [],
): FakeBackend {
  const user = { name: knows, tags }
  const admit = (isRight: boolean): Verdict => (isRight ? { user } : { refusal: `${knows} only` })
  return {
    name: 'internal',
    asked: 0,
    authenticate({ name, password }) {
      this.asked++
      return admit(name === knows && `${password}` === 'right')
    },
    known: (name) => admit(name === knows),
    vhostAccess: (user, vhost) => may(user, vhost),
    resource: (user, _vhost, _kind, name) => may(user, name),
    topic: (user, _vhost, _exchange, key) => may(user, key),
  }
}

const alone = (authentication: Backend): ChainLink => ({ authentication, authorization: [] })
const chain = (...links: ChainLink[]): BackendChain => new BackendChain({ links, loopbackUsers: ['guest'] })
const credentials = (name: string, password = 'right') => ({ name, password: Buffer.from(password) })

async function login(backends: BackendChain, name: string, from = LOCAL): Promise<AuthorizedUser> {
  const verdict = await backends.authenticate(credentials(name), from)
  if ('refusal' in verdict) throw new Error(verdict.refusal)
  return verdict.user
}

describe('several backends', () => {
  const [one, two] = [backend('ann', (_, name) => name === 'a'), backend('bob', (_, name) => name === 'b')]
  const both = chain(alone(one), alone(two))

  test('let in whom one of them knows, and ask that one what the user may do', async () => {
    const [ann, bob] = [await login(both, 'ann'), await login(both, 'bob')]
    await expect(login(both, 'cid')).rejects.toThrow('bob only')
    const may = (user: AuthorizedUser, name: string) => [
      both.vhostAccess(user, name, LOCAL),
      both.resource(user, '/', 'queue', name, 'read'),
      both.topic(user, '/', 'x', name, 'read'),
    ]
    expect([may(ann, 'a'), may(ann, 'b'), may(bob, 'a'), may(bob, 'b')]).toEqual([
      [true, true, true],
      [false, false, false],
      [false, false, false],
      [true, true, true],
    ])
  })

  test('allow nothing to a user that none of them has let in', () => {
    expect(both.resource({ name: 'ann', tags: [] }, '/', 'queue', 'a', 'read')).toBe(false)
  })

  test('refuse an empty password before any of them is asked', async () => {
    const before = one.asked
    expect(await both.authenticate(credentials('ann', ''), LOCAL)).toHaveProperty('refusal')
    expect(one.asked).toBe(before)
  })

  test('that fail let no client in, and do not keep the next from being asked', async () => {
    const broken: Backend = {
      ...backend('x', () => true),
      authenticate: () => Promise.reject(new Error('down')),
    }
    expect((await login(chain(alone(broken), alone(one)), 'ann')).name).toBe('ann')
    expect(await chain(alone(broken)).authenticate(credentials('ann'), LOCAL)).toMatchObject({
      refusal: 'the backend failed: down',
      isBusy: true,
    })
  })

  test('keep to the loopback users, whichever knows them', async () => {
    const guests = chain(alone(backend('guest', () => true)))
    expect((await login(guests, 'guest')).name).toBe('guest')
    await expect(login(guests, 'guest', '192.0.2.1')).rejects.toThrow("user 'guest' can only connect via localhost")
    expect(await guests.external('guest', '192.0.2.1')).toHaveProperty('refusal')
  })
})

describe('other backends for what a user may do', () => {
  test('must all know the user, and all allow it; their tags come together', async () => {
    const [who, first, second] = [
      backend('ann', () => false, ['a']),
      backend('ann', (_, name) => name !== 'x', ['b']),
      backend('ann', (_, name) => name !== 'y', ['a', 'c']),
    ]
    const backends = chain({ authentication: who, authorization: [first, second] })
    const ann = await login(backends, 'ann')
    expect(ann.tags).toEqual(['a', 'b', 'c'])
    const may = (name: string) => backends.resource(ann, '/', 'queue', name, 'read')
    expect(await Promise.all([may('x'), may('y'), may('z')])).toEqual([false, false, true])
    const stranger = chain({ authentication: who, authorization: [first, backend('bob', () => true)] })
    await expect(login(stranger, 'ann')).rejects.toThrow('bob only')
  })

  test('a new secret goes to who let the user in', async () => {
    const renewed = { name: 'ann', tags: ['new'] }
    const who: Backend = { ...backend('ann', () => true), renew: () => ({ user: renewed, expiresInMs: 5 }) }
    const backends = chain({ authentication: who, authorization: [backend('ann', () => true)] })
    const ann = await login(backends, 'ann')
    const verdict = await backends.renew(ann, Buffer.from('secret'))
    expect(verdict).toMatchObject({ user: { name: 'ann', tags: ['new'] }, expiresInMs: 5 })
    if (!('user' in verdict)) return
    expect(await backends.resource(verdict.user, '/', 'queue', 'q', 'read')).toBe(true)
    expect(await backends.renew({ name: 'ann', tags: [] }, Buffer.from('x'))).toHaveProperty('refusal')
    const fixed = chain(alone(backend('ann', () => true)))
    const user = await login(fixed, 'ann')
    expect(await fixed.renew(user, Buffer.from('x'))).toEqual({ user })
  })
})

describe('the cache', () => {
  function cached(refusals = false) {
    const clock = new HandClock()
    const origin = backend('ann', () => true)
    const cache = new CachedBackend({ backend: origin, ttlMs: 1000, hasRefusals: refusals, clock })
    const ask = async (name: string, password?: string) =>
      'user' in (await cache.authenticate(credentials(name, password), LOCAL))
    return { clock, origin, cache, ask }
  }

  test('remembers who was let in, for a while, with that password alone', async () => {
    const { clock, origin, ask } = cached()
    for (let i = 0; i < 3; i++) expect(await ask('ann')).toBe(true)
    expect(origin.asked).toBe(1)
    for (let i = 0; i < 2; i++) expect(await ask('ann', 'wrong')).toBe(false)
    expect(origin.asked).toBe(3)
    clock.turn(1000)
    expect(await ask('ann')).toBe(true)
    expect(origin.asked).toBe(4)
  })

  test('remembers refusals when it is told to, but none that says nothing of the password', async () => {
    const { origin, ask } = cached(true)
    for (let i = 0; i < 3; i++) expect(await ask('ann', 'wrong')).toBe(false)
    expect(origin.asked).toBe(1)
    origin.authenticate = function busy() {
      this.asked++
      return { refusal: 'down', isBusy: true }
    }
    for (let i = 0; i < 3; i++) expect(await ask('bob')).toBe(false)
    expect(origin.asked).toBe(4)
  })

  test('remembers no user for longer than its credentials are valid', async () => {
    const { clock, origin, cache } = cached()
    origin.authenticate = () => ({ user: { name: 'ann', tags: [] }, expiresInMs: 400 })
    await cache.authenticate(credentials('ann'), LOCAL)
    clock.turn(300)
    expect(await cache.authenticate(credentials('ann'), LOCAL)).toMatchObject({ expiresInMs: 100 })
    clock.turn(100)
    origin.authenticate = () => ({ refusal: 'expired' })
    expect(await cache.authenticate(credentials('ann'), LOCAL)).toHaveProperty('refusal')
  })

  test('is bounded', async () => {
    const { origin, cache } = cached()
    origin.known = (name) => {
      origin.asked++
      return { user: { name, tags: [] } }
    }
    for (let i = 0; i <= 10_000; i++) await cache.known(`u${i}`, LOCAL)
    await cache.known('u10000', LOCAL)
    expect(origin.asked).toBe(10_001)
    await cache.known('u0', LOCAL)
    expect(origin.asked).toBe(10_002)
  })
})
