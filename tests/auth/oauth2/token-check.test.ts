// Tokens as an authorisation server makes them, and as attackers do.
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { HttpClient } from '../../../src/auth/http-client.ts'
import { IssuerKeys, type IssuerKeysOptions, isFetchable } from '../../../src/auth/oauth2/issuer-keys.ts'
import { TokenCheck, type TokenRules } from '../../../src/auth/oauth2/token-check.ts'
import { TOKEN_ALGORITHMS } from '../../../src/lib/backend-names.ts'
import { HandClock } from '../../support/hand-clock.ts'
import { WebServer } from '../../support/web-server.ts'

interface Pair {
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

const NOW_SEC = 2_000_000_000
const CLAIMS = { sub: 'ann', aud: 'rabbit', scope: 'rabbit.read:*/* rabbit.tag:monitoring', exp: NOW_SEC + 60 }

let first: Pair
let second: Pair
let clock: HandClock
let http: HttpClient
let problems: string[]
let web: WebServer | undefined

async function pair(kid: string, alg = 'RS256'): Promise<Pair> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg } }
}

beforeAll(async () => {
  first = await pair('first')
  second = await pair('second')
})

beforeEach(() => {
  clock = new HandClock()
  clock.wallBeginMs = NOW_SEC * 1000
  http = new HttpClient({ timeoutMs: 1000, bytesMax: 10_000, connectionsMax: 2 })
  problems = []
})

afterEach(async () => {
  http.close()
  await web?.stop()
  web = undefined
})

/** Time passes, for keys; tokens stay as fresh as they were. */
function later(ms: number): void {
  clock.turn(ms)
  clock.wallBeginMs -= ms
}

function token(claims: JWTPayload = CLAIMS, { privateKey, jwk } = first, header: object = {}): Promise<string> {
  const { alg = 'RS256', kid } = jwk
  return new SignJWT(claims)
    .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }), ...header })
    .sign(privateKey)
}

function keys(options: Partial<IssuerKeysOptions>): IssuerKeys {
  return new IssuerKeys({
    signingKeys: new Map(),
    http,
    clock,
    onProblem: (error) => problems.push(String(error)),
    ...options,
  })
}

function checkWith(issuerKeys: IssuerKeys, rules: Partial<TokenRules> = {}, issuer?: string, defaultKey?: string) {
  const issuers = [{ issuer, keys: issuerKeys, defaultKey, algorithms: TOKEN_ALGORITHMS }]
  const check = new TokenCheck(
    {
      resourceServerId: 'rabbit',
      preferredUsernameClaims: [],
      additionalScopesKeys: [],
      scopeAliases: new Map(),
      verifyAudience: true,
      scopePrefix: 'rabbit.',
      issuers,
      ...rules,
    },
    clock,
  )
  return async (text: string): Promise<string> => {
    try {
      const { userName, scopes, expiresInMs } = await check.check(Buffer.from(text), 'here')
      return `${userName} ${scopes.tags} ${expiresInMs}`
    } catch (error) {
      return (error as Error).message
    }
  }
}

/** An authorisation server whose answers a test chooses. */
async function publish(answer: () => { status?: number; body: string } | string): Promise<string> {
  web = await WebServer.start(() => answer())
  return `${web.url}/keys`
}

const published = (...pairs: Pair[]): string => JSON.stringify({ keys: pairs.map(({ jwk }) => jwk) })

describe('a token', () => {
  test('that is right says who the user is, what it may do and for how long', async () => {
    const check = checkWith(keys({ jwksUri: await publish(() => published(first)) }))
    expect(await check(await token())).toBe('ann monitoring 60000')
    expect(problems).toEqual([])
  })

  test('with a changed signature, payload or key is refused', async () => {
    const check = checkWith(keys({ jwksUri: await publish(() => published(first, second)) }))
    const right = await token()
    const [header, payload, signature = ''] = right.split('.')
    const forged = Buffer.from(JSON.stringify({ ...CLAIMS, sub: 'admin' })).toString('base64url')
    expect(await check(`${header}.${forged}.${signature}`)).toContain('ERR_JWS_SIGNATURE')
    expect(await check(`${header}.${payload}.`)).toContain('ERR_J')
    expect(await check(`${header}.${payload}.${signature.slice(0, -8)}AAAAAAAA`)).toContain('ERR_JWS_SIGNATURE')
    expect(await check(await token(CLAIMS, { ...second, jwk: first.jwk }))).toContain('ERR_JWS_SIGNATURE')
  })

  test('without a signature, or with one made of the public key, is refused', async () => {
    const check = checkWith(keys({ jwksUri: await publish(() => published(first)) }))
    expect(await check(new UnsecuredJWT({ ...CLAIMS, iss: 'x' }).encode())).toBe('its algorithm is not allowed')
    const publicPem = Buffer.from(JSON.stringify(first.jwk))
    const symmetric = await new SignJWT(CLAIMS).setProtectedHeader({ alg: 'HS256', kid: 'first' }).sign(publicPem)
    expect(await check(symmetric)).toBe('its algorithm is not allowed')
  })

  test.each<[string, object, string]>([
    ['that has expired', { exp: NOW_SEC }, 'ERR_JWT_EXPIRED'],
    ['whose expiry has a fraction and is over', { exp: NOW_SEC - 0.5 }, 'ERR_JWT_EXPIRED'],
    ['that ends within this very second', { exp: NOW_SEC + 0.5 }, 'it has expired'],
    ['without an expiry', { exp: undefined }, 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
    ['whose expiry is a text', { exp: `${NOW_SEC + 60}` }, 'ERR_JWT'],
    ['whose expiry is out of all bounds', { exp: 1e300 }, 'its time of expiry is not a number'],
    ['that is not valid yet', { nbf: NOW_SEC + 10 }, 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
    ['for another audience', { aud: 'other' }, 'it is meant for another audience'],
    ['without an audience', { aud: undefined }, 'it is meant for another audience'],
    ['without a user', { sub: undefined }, 'it names no user'],
  ])('%s is refused', async (_, claims, reason) => {
    const check = checkWith(keys({ jwksUri: await publish(() => published(first)) }))
    const payload = JSON.parse(JSON.stringify({ ...CLAIMS, ...claims }))
    expect(await check(await token(payload))).toContain(reason)
  })

  test.each(['', 'x', 'a.b.c', '..', 'e30.e30.e30', 'e30.e30.', `${'a'.repeat(70_000)}`])(
    'that is none (%j) is refused, and nothing of it is told',
    async (text) => {
      const check = checkWith(keys({ jwksUri: 'http://127.0.0.1:1/' }))
      const reason = await check(text)
      expect(reason).not.toMatch(/^ann/)
      expect(reason.length).toBeLessThan(120)
    },
  )

  test('of another issuer is refused, of several each has its own keys', async () => {
    const [one, two] = [keys({ jwksUri: await publish(() => published(first)) }), keys({ signingKeys: new Map() })]
    const check = checkWith(one, {}, 'https://one.example')
    expect(await check(await token({ ...CLAIMS, iss: 'https://one.example' }))).toMatch(/^ann/)
    expect(await check(await token({ ...CLAIMS, iss: 'https://two.example' }))).toBe('it comes from another issuer')
    expect(await check(await token())).toBe('it comes from another issuer')
    const issuers = [
      { issuer: 'https://one.example', keys: one, defaultKey: undefined, algorithms: TOKEN_ALGORITHMS },
      { issuer: 'https://two.example', keys: two, defaultKey: undefined, algorithms: TOKEN_ALGORITHMS },
    ]
    // A key of the first issuer signs nothing of the second.
    const both = checkWith(one, { issuers })
    expect(await both(await token({ ...CLAIMS, iss: 'https://two.example' }))).toContain('key that is not known')
  })

  test('may leave out its key only where there is a default', async () => {
    const jwksUri = await publish(() => published(first))
    const nameless = { privateKey: first.privateKey, jwk: { alg: 'RS256' } as JWK }
    expect(await checkWith(keys({ jwksUri }))(await token(CLAIMS, nameless))).toContain('does not say which key')
    expect(await checkWith(keys({ jwksUri }), {}, undefined, 'first')(await token(CLAIMS, nameless))).toMatch(/^ann/)
  })

  test('may be signed with a key from a file, of RSA and elliptic curves', async () => {
    for (const [alg, made] of [
      ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
      ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ] as const) {
      const check = checkWith(keys({ signingKeys: new Map([['file', made.publicKey]]) }))
      const signed = await new SignJWT(CLAIMS).setProtectedHeader({ alg, kid: 'file' }).sign(made.privateKey)
      expect(await check(signed)).toMatch(/^ann/)
      expect(await check(await token())).toContain('a key that is not known')
    }
  })
})

describe('the keys of an issuer', () => {
  test('are those of its discovery document, if that is its own', async () => {
    let issuer = ''
    web = await WebServer.start(({ path }) => {
      if (path === '/realm/.well-known/openid-configuration')
        return JSON.stringify({ issuer, jwks_uri: `${web?.url}/keys` })
      return path === '/keys' ? published(first) : { status: 404 }
    })
    issuer = `${web.url}/realm`
    expect(await checkWith(keys({ issuer }), {}, issuer)(await token({ ...CLAIMS, iss: issuer }))).toMatch(/^ann/)
    const other = `${web.url}/realm/`
    expect(await checkWith(keys({ issuer: other }), {}, other)(await token({ ...CLAIMS, iss: other }))).toContain(
      'are not there',
    )
    expect(problems[0]).toContain('another issuer')
  })

  test('may come from a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'leveret-keys-'))
    try {
      const path = join(folder, 'keys.json')
      writeFileSync(path, published(first))
      expect(await checkWith(keys({ jwksUri: String(pathToFileURL(path)) }))(await token())).toMatch(/^ann/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test.each<[string, { status?: number; body: string }]>([
    ['an error', { status: 500, body: JSON.stringify({ keys: [] }) }],
    ['an error with other keys', { status: 403, body: '' }],
    ['a redirection', { status: 302, body: '' }],
    ['no JSON', { body: '<html>' }],
    ['no key set', { body: '{"error":"oops"}' }],
    ['a list', { body: '[]' }],
    ['an empty key set', { body: '{"keys":[]}' }],
    ['too many keys', { body: JSON.stringify({ keys: Array.from({ length: 101 }, () => ({})) }) }],
    ['too long an answer', { body: JSON.stringify({ keys: ['x'.repeat(20_000)] }) }],
  ])('stay when the server answers with %s', async (_, failure) => {
    let answer: { status?: number; body: string } = { body: published(first) }
    const check = checkWith(keys({ jwksUri: await publish(() => answer) }))
    expect(await check(await token())).toMatch(/^ann/)
    answer = failure
    later(700_000)
    // A token with an unknown key has them fetched; the known ones still count.
    expect(await check(await token(CLAIMS, second))).toContain('a key that is not known')
    expect(problems).toHaveLength(1)
    expect(await check(await token())).toMatch(/^ann/)
  })

  test('count for a day without their server, and then no longer', async () => {
    let isDown = false
    const check = checkWith(
      keys({ jwksUri: await publish(() => (isDown ? { status: 503, body: '' } : published(first))) }),
    )
    expect(await check(await token())).toMatch(/^ann/)
    isDown = true
    later(24 * 3_600_000)
    expect(await check(await token())).toBe('the keys of its issuer are not there')
    isDown = false
    later(31_000)
    expect(await check(await token())).toMatch(/^ann/)
  })

  test('are fetched again for a key that is new, but not more often than every thirty seconds', async () => {
    let answer = published(first)
    const check = checkWith(keys({ jwksUri: await publish(() => answer) }))
    const newer = await token(CLAIMS, second)
    for (let i = 0; i < 20; i++) expect(await check(newer)).toContain('a key that is not known')
    expect(web?.requests).toHaveLength(1)
    answer = published(first, second)
    later(31_000)
    const all = await Promise.all(Array.from({ length: 20 }, () => check(newer)))
    expect(new Set(all)).toEqual(new Set(['ann monitoring 60000']))
    expect(web?.requests).toHaveLength(2)
  })

  test('that were taken back count no longer once their server says so', async () => {
    let answer = published(first, second)
    const check = checkWith(keys({ jwksUri: await publish(() => answer) }))
    expect(await check(await token())).toMatch(/^ann/)
    answer = published(second)
    later(601_000)
    await check(await token(CLAIMS, second))
    await expect.poll(() => web?.requests.length).toBe(2)
    await expect.poll(async () => await check(await token())).toContain('a key that is not known')
  })

  test('come over TLS, from this machine, or from a file', () => {
    for (const right of ['https://idp.example/keys', 'http://127.0.0.1:80/', 'http://localhost/', 'http://[::1]/'])
      expect(isFetchable(right)).toBe(true)
    for (const wrong of ['http://idp.example/keys', 'http://localhost.example/', 'ftp://127.0.0.1/', 'x', ''])
      expect(isFetchable(wrong)).toBe(false)
  })
})
