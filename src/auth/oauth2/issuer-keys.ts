/**
 * The public keys of an authorisation server: from files, and from the key set (JWKS) that it publishes. A key set is fetched
 * again when it is ten minutes old, and when a token names a key that it does not have, but not more often than every thirty
 * seconds. While that fails, the keys that are there count for a day; an answer that is no key set changes nothing.
 */
import type { KeyObject } from 'node:crypto'
import type { CryptoKey, JSONWebKeySet, JWTHeaderParameters, LocalJWKSet } from 'jose'
import type { Clock } from '../../lib/clock.ts'
import type { HttpClient } from '../http-client.ts'
import { jsonObject } from './json-http.ts'

const REFRESH_MS = 600_000
const PAUSE_MS = 30_000
const KEPT_MS = 24 * 3_600_000
const KEYS_MAX = 100

export interface IssuerKeysOptions {
  /** Without `jwksUri`, its discovery document says where the key set is. */
  readonly issuer?: string | undefined
  readonly jwksUri?: string | undefined
  /** By the name that tokens give them. */
  readonly signingKeys: ReadonlyMap<string, KeyObject>
  readonly http: HttpClient
  readonly clock: Clock
  /** Told why a key set could not be had. */
  readonly onProblem: (error: unknown) => void
}

export class IssuerKeys {
  readonly #options: IssuerKeysOptions
  #found: { readonly names: ReadonlySet<string>; readonly keys: LocalJWKSet; readonly atMs: number } | undefined
  #triedAtMs = Number.NEGATIVE_INFINITY
  #fetching: Promise<void> | undefined

  constructor(options: IssuerKeysOptions) {
    this.#options = options
  }

  /** Throws Error when there is no such key for tokens of this kind. */
  async key(name: string, header: JWTHeaderParameters): Promise<KeyObject | CryptoKey> {
    const { signingKeys, clock } = this.#options
    const own = signingKeys.get(name)
    if (own !== undefined) return own
    if (!this.#hasSource) throw new Error('it is signed with a key that is not known')
    const isMissing = this.#found === undefined || !this.#found.names.has(name) || this.#isTooOld
    if (isMissing) await this.#fetch()
    else if (clock.monotonicMs() - (this.#found?.atMs ?? 0) >= REFRESH_MS) void this.#fetch()
    if (this.#found === undefined || this.#isTooOld) throw new KeysUnavailable('the keys of its issuer are not there')
    if (!this.#found.names.has(name)) throw new Error('it is signed with a key that is not known')
    return await this.#found.keys({ ...header, kid: name })
  }

  /** Fetches the key set, so that the first client need not wait for it. */
  prepare(): Promise<void> {
    return this.#hasSource ? this.#fetch() : Promise.resolve()
  }

  get #hasSource(): boolean {
    return this.#options.jwksUri !== undefined || this.#options.issuer !== undefined
  }

  get #isTooOld(): boolean {
    const { clock } = this.#options
    return this.#found !== undefined && clock.monotonicMs() - this.#found.atMs >= KEPT_MS
  }

  /** Never rejects. All who ask meanwhile wait for the same answer. */
  #fetch(): Promise<void> {
    if (this.#fetching !== undefined) return this.#fetching
    const nowMs = this.#options.clock.monotonicMs()
    if (nowMs - this.#triedAtMs < PAUSE_MS) return Promise.resolve()
    this.#triedAtMs = nowMs
    this.#fetching = this.#fetchKeys()
      .catch((error: unknown) => this.#options.onProblem(error))
      .finally(() => {
        this.#fetching = undefined
      })
    return this.#fetching
  }

  async #fetchKeys(): Promise<void> {
    const { http, clock } = this.#options
    const { keys } = await jsonObject(await this.#keySetUri(), http)
    if (!Array.isArray(keys) || keys.length === 0) throw new Error('the key set has no keys')
    if (keys.length > KEYS_MAX) throw new Error(`the key set has more than ${KEYS_MAX} keys`)
    const { createLocalJWKSet } = await import('jose')
    const names = keys.map((key: { readonly kid?: unknown } | null) => key?.kid)
    this.#found = {
      names: new Set(names.filter((name) => typeof name === 'string')),
      // It looks at each key itself when one is asked for.
      keys: createLocalJWKSet({ keys } as JSONWebKeySet),
      atMs: clock.monotonicMs(),
    }
  }

  /** OpenID Connect Discovery, section 4. */
  async #keySetUri(): Promise<string> {
    const { issuer = '', jwksUri, http } = this.#options
    if (jwksUri !== undefined) return jwksUri
    const found = await jsonObject(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, http)
    if (found.issuer !== issuer) throw new Error('the discovery document is of another issuer')
    const uri = found.jwks_uri
    if (typeof uri !== 'string' || !isFetchable(uri)) throw new Error('the discovery document names no key set')
    return uri
  }
}

/** Keys come over TLS, or from this machine. */
export function isFetchable(uri: string): boolean {
  if (!URL.canParse(uri)) return false
  const url = new URL(uri)
  const isHere = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
  return url.protocol === 'https:' || (url.protocol === 'http:' && isHere)
}

/** Nothing is known of what was signed: the issuer does not answer. */
export class KeysUnavailable extends Error {}
