/** Whether a token (JWT) is right: who has signed it, for whom, until when. All that is not as it should be refuses it. */
import type { JWTPayload } from 'jose'
import type { Clock } from '../../lib/clock.ts'
import { FairQueue } from '../fair-queue.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { Scopes } from './scopes.ts'
import { type ClaimRules, isForUs, lifetimeMs, scopesOf, userName } from './token-claims.ts'

const TOKEN_BYTES_MAX = 64 * 1024
/** A signature takes a thread of Node's pool for up to a millisecond. */
const AT_ONCE = 2
const WAITING_MAX = 1024
const WAITING_PER_SENDER_MAX = 128

/** An authorisation server, and how its tokens are signed. */
export interface TokenIssuer {
  /** What its tokens say of who has issued them. Without it, this is not looked at. */
  readonly issuer: string | undefined
  readonly keys: IssuerKeys
  /** The key of tokens that do not name theirs. */
  readonly defaultKey: string | undefined
  readonly algorithms: readonly string[]
}

export interface TokenRules extends ClaimRules {
  readonly issuers: readonly TokenIssuer[]
  /** Whether tokens must be meant for the resource server. */
  readonly verifyAudience: boolean
  /** Of the scopes that are the broker's. */
  readonly scopePrefix: string
}

/** What a right token says. */
export interface TokenContent {
  readonly userName: string
  readonly scopes: Scopes
  readonly expiresInMs: number
}

export class TokenCheck {
  readonly #rules: TokenRules
  readonly #clock: Clock
  readonly #queue = new FairQueue({
    atOnce: AT_ONCE,
    waitingMax: WAITING_MAX,
    waitingPerKeyMax: WAITING_PER_SENDER_MAX,
  })

  constructor(rules: TokenRules, clock: Clock) {
    this.#rules = rules
    this.#clock = clock
  }

  /**
   * Throws Error that says what is wrong, and nothing of what the token contains; TooManyTokens when it could not be looked at.
   * Those with the same `sender` take turns with others.
   */
  async check(token: Buffer, sender: string): Promise<TokenContent> {
    if (token.length > TOKEN_BYTES_MAX) throw new Error(`it has more than ${TOKEN_BYTES_MAX} bytes`)
    const rules = this.#rules
    const claims = await this.#verified(token.toString('latin1'), sender)
    if (rules.verifyAudience && !isForUs(claims, rules)) throw new Error('it is meant for another audience')
    const expiresInMs = lifetimeMs(claims, this.#clock.wallMs())
    if (expiresInMs === undefined) throw new Error('its time of expiry is not a number')
    if (expiresInMs <= 0) throw new Error('it has expired')
    const name = userName(claims, rules)
    if (name === undefined) throw new Error('it names no user')
    return { userName: name, scopes: new Scopes(scopesOf(claims, rules), rules.scopePrefix, claims), expiresInMs }
  }

  async #verified(token: string, sender: string): Promise<JWTPayload> {
    const { decodeJwt, decodeProtectedHeader, errors, jwtVerify } = await import('jose')
    try {
      const { issuer, keys, defaultKey, algorithms } = this.#issuerOf(decodeJwt(token).iss)
      const header = decodeProtectedHeader(token)
      if (header.alg === undefined || !algorithms.includes(header.alg)) throw new Error('its algorithm is not allowed')
      const name = header.kid ?? defaultKey
      if (typeof name !== 'string') throw new Error('it does not say which key it is signed with')
      const key = await keys.key(name, { ...header, alg: header.alg })
      const options = {
        algorithms: [...algorithms],
        requiredClaims: ['exp'],
        currentDate: new Date(this.#clock.wallMs()),
        ...(issuer === undefined ? {} : { issuer }),
      }
      const verified = this.#queue.run(sender, () => jwtVerify(token, key, options))
      if (verified === undefined) throw new TooManyTokens('too many tokens wait to be checked')
      return (await verified).payload
    } catch (error) {
      // jose's own words name the claim or the algorithm, not its value.
      if (error instanceof errors.JOSEError) throw new Error(`${error.code}: ${error.message}`)
      throw error
    }
  }

  /** The token's word for it is good enough to choose by: what it says is only believed once that one's key has signed it. */
  #issuerOf(iss: unknown): TokenIssuer {
    const { issuers } = this.#rules
    const found = issuers.find(({ issuer }) => issuer !== undefined && issuer === iss)
    const unnamed = issuers.find(({ issuer }) => issuer === undefined)
    if (found === undefined && unnamed === undefined) throw new Error('it comes from another issuer')
    return (found ?? unnamed) as TokenIssuer // one of them is there
  }
}

/** Nothing is known of the token. */
export class TooManyTokens extends Error {}
