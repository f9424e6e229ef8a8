/** Users with a token: it comes in place of the password, says who they are, and what they may do. */
import type { AuthorizedUser, Permission } from '../../broker/authorizer.ts'
import type { ResourceKind } from '../../broker/errors.ts'
import { addressKey } from '../../lib/address-key.ts'
import type { Credentials, User, Verdict } from '../authenticator.ts'
import type { HttpClient } from '../http-client.ts'
import { KeysUnavailable } from '../oauth2/issuer-keys.ts'
import type { Scopes } from '../oauth2/scopes.ts'
import { type TokenCheck, TooManyTokens } from '../oauth2/token-check.ts'
import type { Backend } from './backend.ts'

interface TokenUser extends User {
  readonly scopes: Scopes
}

export class OAuth2Backend implements Backend {
  readonly name = 'oauth2'
  readonly #check: TokenCheck
  readonly #http: HttpClient

  /** `http` fetches the keys. */
  constructor(check: TokenCheck, http: HttpClient) {
    this.#check = check
    this.#http = http
  }

  authenticate({ password }: Credentials, peerAddress: string): Promise<Verdict> {
    return this.token(password, peerAddress)
  }

  token(token: Buffer, peerAddress: string): Promise<Verdict> {
    return this.#verdict(token, addressKey(peerAddress))
  }

  known(): Verdict {
    return { refusal: 'it takes a token to log in' }
  }

  async renew(user: User, secret: Buffer): Promise<Verdict> {
    const verdict = await this.#verdict(secret, user.name)
    if ('user' in verdict && verdict.user.name !== user.name)
      return { refusal: 'Not allowed to change username on refreshed token' }
    return verdict
  }

  vhostAccess(user: AuthorizedUser, vhost: string): boolean {
    return scopes(user)?.mayOpen(vhost) === true
  }

  resource(user: AuthorizedUser, vhost: string, _kind: ResourceKind, name: string, permission: Permission): boolean {
    return scopes(user)?.may(permission, vhost, name) === true
  }

  topic(user: AuthorizedUser, vhost: string, exchange: string, key: string, permission: 'write' | 'read'): boolean {
    return scopes(user)?.mayUseKey(permission, vhost, exchange, key) === true
  }

  close(): void {
    this.#http.close()
  }

  async #verdict(token: Buffer, sender: string): Promise<Verdict> {
    try {
      const { userName, scopes, expiresInMs } = await this.#check.check(token, sender)
      const user: TokenUser = { name: userName, tags: scopes.tags, scopes }
      return { user, expiresInMs }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      const isBusy = error instanceof TooManyTokens || error instanceof KeysUnavailable
      return { refusal: `Authentication using an OAuth 2/JWT token failed: ${reason}`, isBusy }
    }
  }
}

/** Undefined for a user that came in by other means. */
function scopes(user: AuthorizedUser): Scopes | undefined {
  return (user as Partial<TokenUser>).scopes
}
