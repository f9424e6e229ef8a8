/** Log-ins by other ways than a listener of the server: for code in the same process that lets users in, as the management API does. */
import type { Verdict } from '../auth/authenticator.ts'
import type { LoginCount, SourceLoginCount } from '../auth/logins/login-counts.ts'
import type { Logins } from '../auth/logins/logins.ts'
import { MECHANISMS } from '../auth/logins/sasl.ts'

/** What a user presents: a password, or a token (OAuth 2) that says whose it is. */
export type PresentedCredentials = { readonly name: string; readonly password: string } | { readonly token: string }

export interface LoginsContext {
  readonly logins: Logins
  readonly isInternalUser: (name: string) => boolean
  readonly requireRunning: () => void
}

export class EmbeddedLogins {
  readonly #logins: Logins
  readonly #requireRunning: () => void
  /** Whether the server's own list has a user of this name. */
  readonly isInternal: (name: string) => boolean

  /** Servers make it: see `Server.logins`. */
  constructor({ logins, isInternalUser, requireRunning }: LoginsContext) {
    this.#logins = logins
    this.isInternal = isInternalUser
    this.#requireRunning = requireRunning
  }

  /** Whether these credentials let a user in from this address. It counts, and an address that failed too often waits, as with clients. */
  async check(credentials: PresentedCredentials, peerAddress: string): Promise<Verdict> {
    this.#requireRunning()
    const peer = { protocol: 'http', address: peerAddress, isEncrypted: false, certificate: undefined } as const
    if ('token' in credentials) {
      return await this.#logins.judge({ kind: 'token', token: Buffer.from(credentials.token) }, peer)
    }
    const response = Buffer.from(`\0${credentials.name}\0${credentials.password}`)
    return (await this.#logins.attempt(MECHANISMS.PLAIN, response, peer)) ?? { refusal: 'malformed credentials' }
  }

  /** How many log-ins there were by each protocol, since the server started or `resetCounts`. */
  counts(): LoginCount[] {
    return this.#logins.counts.byProtocol()
  }

  /** The same by who tried from where: the thousand that were heard of last. */
  sources(): SourceLoginCount[] {
    return this.#logins.counts.bySource()
  }

  resetCounts(): void {
    this.#logins.counts.reset()
  }
}
