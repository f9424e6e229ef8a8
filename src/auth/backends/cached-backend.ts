/**
 * Remembers what another backend has said, for a while. RabbitMQ: rabbitmq_auth_backend_cache. Passwords are remembered as keyed
 * digests, whose key never leaves the process.
 */
import { createHmac, randomBytes } from 'node:crypto'
import type { AuthorizedUser, Permission } from '../../broker/authorizer.ts'
import type { ResourceKind } from '../../broker/errors.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Credentials, User, Verdict } from '../authenticator.ts'
import type { Backend } from './backend.ts'

const VERDICTS_MAX = 10_000
const KEY_BYTES = 32

export interface CachedBackendOptions {
  readonly backend: Backend
  readonly ttlMs: number
  /** Whether refusals are remembered, too. */
  readonly hasRefusals: boolean
  readonly clock: Clock
}

interface Remembered {
  readonly verdict: Verdict
  readonly untilMs: number
  /** Until when the user's credentials are valid. */
  readonly expiresAtMs: number
}

export class CachedBackend implements Backend {
  readonly name = 'cache'
  readonly answersTtlMs: number
  readonly #options: CachedBackendOptions
  readonly #key = randomBytes(KEY_BYTES)
  /** The oldest first. */
  readonly #verdicts = new Map<string, Remembered>()

  constructor(options: CachedBackendOptions) {
    this.#options = options
    this.answersTtlMs = options.ttlMs
  }

  authenticate(credentials: Credentials, peerAddress: string): Promise<Verdict> | Verdict {
    const { name, password } = credentials
    const digest = createHmac('sha256', this.#key).update(password).digest('base64')
    const ask = (): Promise<Verdict> | Verdict => this.#options.backend.authenticate(credentials, peerAddress)
    return this.#remembered(`password ${digest} ${name}`, ask)
  }

  token(token: Buffer, peerAddress: string): Promise<Verdict> | Verdict {
    return this.#options.backend.token?.(token, peerAddress) ?? { refusal: 'it takes no tokens' }
  }

  known(name: string, peerAddress: string): Promise<Verdict> | Verdict {
    return this.#remembered(`known ${name}`, () => this.#options.backend.known(name, peerAddress))
  }

  renew(user: User, secret: Buffer): Promise<Verdict> | Verdict {
    return this.#options.backend.renew?.(user, secret) ?? { user }
  }

  vhostAccess(user: AuthorizedUser, vhost: string, peerAddress: string): Promise<boolean> | boolean {
    return this.#options.backend.vhostAccess(user, vhost, peerAddress)
  }

  // The broker remembers these answers for each user, for as long as `answersTtlMs` says.
  resource(user: AuthorizedUser, vhost: string, kind: ResourceKind, name: string, permission: Permission) {
    return this.#options.backend.resource(user, vhost, kind, name, permission)
  }

  topic(user: AuthorizedUser, vhost: string, exchange: string, key: string, permission: 'write' | 'read') {
    return this.#options.backend.topic(user, vhost, exchange, key, permission)
  }

  owns(user: AuthorizedUser): boolean {
    return this.#options.backend.owns?.(user) === true
  }

  close(): void {
    this.#options.backend.close?.()
  }

  #remembered(key: string, ask: () => Promise<Verdict> | Verdict): Promise<Verdict> | Verdict {
    const { clock } = this.#options
    const nowMs = clock.monotonicMs()
    const known = this.#verdicts.get(key)
    if (known !== undefined && nowMs < known.untilMs) {
      if ('refusal' in known.verdict || known.expiresAtMs === Number.POSITIVE_INFINITY) return known.verdict
      return { ...known.verdict, expiresInMs: known.expiresAtMs - nowMs }
    }
    const answer = ask()
    const remember = (verdict: Verdict): Verdict => this.#remember(key, verdict)
    return answer instanceof Promise ? answer.then(remember) : remember(answer)
  }

  #remember(key: string, verdict: Verdict): Verdict {
    const { clock, hasRefusals, ttlMs } = this.#options
    this.#verdicts.delete(key)
    const isKept = 'user' in verdict || (hasRefusals && verdict.isBusy !== true)
    if (!isKept) return verdict
    const nowMs = clock.monotonicMs()
    const expiresAtMs = nowMs + (('user' in verdict ? verdict.expiresInMs : undefined) ?? Number.POSITIVE_INFINITY)
    this.#verdicts.set(key, { verdict, untilMs: Math.min(nowMs + ttlMs, expiresAtMs), expiresAtMs })
    if (this.#verdicts.size > VERDICTS_MAX) this.#verdicts.delete(this.#verdicts.keys().next().value as string)
    return verdict
  }
}
