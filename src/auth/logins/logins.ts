/** Lets clients in: what a mechanism says of a client goes to the authenticator, unless its address has failed too often. */
import type { MechanismName } from '../../lib/mechanism-names.ts'
import { type Authenticator, checkedVerdict, type User, type Verdict } from '../authenticator.ts'
import type { CertificateLogin } from './certificate-name.ts'
import { LoginCounts } from './login-counts.ts'
import type { LoginFailures } from './login-failures.ts'
import { type Claim, isMechanism, type LoginPeer, MECHANISMS, type Mechanism } from './sasl.ts'

export interface LoginsOptions {
  readonly authenticator: Authenticator
  /** Those that are offered, best first. */
  readonly mechanisms: readonly MechanismName[]
  readonly certificateLogin: CertificateLogin
  readonly failures: LoginFailures
}

/** What failures are counted under when there is no name. */
const NO_NAME = ''

export class Logins {
  readonly counts = new LoginCounts()
  readonly #options: LoginsOptions

  constructor(options: LoginsOptions) {
    this.#options = options
  }

  /** The mechanisms that this client is offered, best first. */
  offered(peer: LoginPeer): readonly MechanismName[] {
    return this.#options.mechanisms.filter((name) => MECHANISMS[name].isFor(peer))
  }

  /** Undefined for a mechanism that this client is not offered. */
  mechanism(name: string, peer: LoginPeer): Mechanism | undefined {
    return isMechanism(name) && this.offered(peer).includes(name) ? MECHANISMS[name] : undefined
  }

  /** The verdict; undefined when the response makes no sense. */
  attempt(mechanism: Mechanism, response: Buffer, peer: LoginPeer): Promise<Verdict> | Verdict | undefined {
    const claim = mechanism.claim(response, peer, this.#options.certificateLogin)
    if (claim === undefined || claim.kind === 'refused') {
      this.#options.failures.failed(peer.address, NO_NAME)
      this.#count(NO_NAME, peer, false)
      return claim && { refusal: claim.reason }
    }
    return this.judge(claim, peer)
  }

  /** The verdict about who a client says it is. */
  judge(claim: Claim, peer: LoginPeer): Promise<Verdict> | Verdict {
    const name = claimedName(claim)
    const waitMs = this.#options.failures.waitMs(peer.address, name)
    if (waitMs > 0) {
      this.#count(name, peer, false)
      const refusal = `user '${name}' - too many failed log-ins from its address: it waits ${Math.ceil(waitMs / 1000)} s`
      return { refusal }
    }
    const returned = this.#ask(claim, peer)
    const noted = (verdict: Verdict): Verdict => this.#note(name, peer, checkedVerdict(verdict))
    // A promise of another library is one, too.
    const isLater = typeof (returned as PromiseLike<Verdict> | undefined)?.then === 'function'
    return isLater ? Promise.resolve(returned).then(noted) : noted(returned as Verdict)
  }

  /** A connected user presents a new secret. All but the same user refuses it. */
  async renew(user: User, secret: Buffer): Promise<Verdict> {
    const { authenticator } = this.#options
    if (authenticator.renew === undefined) return { user }
    const returned = await authenticator.renew(user, secret)
    if (returned === true) return { user }
    const verdict = checkedVerdict(returned)
    if ('user' in verdict && verdict.user.name !== user.name) return { refusal: 'the new secret is another user’s' }
    return verdict
  }

  /** What a connected user is from now on, where one of the server's own users is another one; undefined when it stays what it is. */
  successor(user: User, before: User, now: User): User | undefined {
    return this.#options.authenticator.successor?.(user, before, now) ?? (user === before ? now : undefined)
  }

  #ask(claim: Claim, { address }: LoginPeer): Promise<Verdict> | Verdict {
    const { authenticator } = this.#options
    switch (claim.kind) {
      case 'password':
        return authenticator.authenticate(claim.credentials, address)
      case 'token':
        return authenticator.token?.(claim.token, address) ?? { refusal: 'the authenticator takes no tokens' }
      case 'certificate':
        return authenticator.external?.(claim.name, address) ?? { refusal: 'the authenticator takes no certificates' }
      case 'anonymous':
        return authenticator.anonymous(address)
      case 'refused':
        return { refusal: claim.reason }
      default:
        return claim satisfies never
    }
  }

  #note(name: string, peer: LoginPeer, verdict: Verdict): Verdict {
    const { failures } = this.#options
    const { address } = peer
    this.#count('user' in verdict ? verdict.user.name : name, peer, 'user' in verdict)
    if ('user' in verdict) failures.succeeded(address, name)
    else if (verdict.isBusy !== true) failures.failed(address, name)
    return verdict
  }

  #count(name: string, { protocol = 'amqp091', address }: LoginPeer, isSuccess: boolean): void {
    this.counts.add(protocol, address, name, isSuccess)
  }
}

function claimedName(claim: Claim): string {
  if (claim.kind === 'password') return claim.credentials.name
  return claim.kind === 'certificate' ? claim.name : NO_NAME
}
