/**
 * What one user may do in one virtual host: asks the authorizer, and remembers its answers until they are renewed. Sessions of the same
 * user share it. A publisher asks once for its exchange and routing key, see `Route.allowedTo`.
 */
import type { AuthorizedUser, Authorizer, Permission } from '../authorizer.ts'
import type { ResourceKind } from '../errors.ts'
import type { SessionAccess } from '../session.ts'
import { Undecided } from './undecided.ts'

/** Of all answers that are remembered. When they take more, all are forgotten. */
const ANSWERS_BYTES_MAX = 32 * 1024
/** Of an answer, beside its name. */
const ANSWER_BYTES = 96

type Topic = 'topic'
type Known = boolean | Promise<boolean>

export class Access implements SessionAccess {
  readonly user: AuthorizedUser
  readonly vhostName: string
  grant: object = {}
  readonly #authorizer: Authorizer
  readonly #onFailure: (error: unknown) => void
  #answers = new Map<string, Known>()
  #bytes = 0
  /** Questions that had no answer, when the operation that waits for it is carried out again. */
  readonly #failed = new Set<string>()

  /** `onFailure` is told of errors of the authorizer. */
  constructor(
    user: AuthorizedUser,
    vhostName: string,
    authorizer: Authorizer,
    onFailure: (error: unknown) => void = () => {},
  ) {
    this.user = user
    this.vhostName = vhostName
    this.#authorizer = authorizer
    this.#onFailure = onFailure
  }

  /** Forgets all answers. */
  renew(): void {
    this.grant = {}
    this.#forget()
  }

  /** Throws Undecided when the answer is still to come. */
  may(permission: Permission, kind: ResourceKind, name: string): boolean {
    const key = keyOf(permission, kind, name)
    return !this.#failed.delete(key) && this.#decided(key, this.resource(permission, kind, name))
  }

  /** The same for a routing key of a topic exchange. */
  mayUseKey(permission: 'write' | 'read', exchange: string, key: string): boolean {
    const question = keyOf(permission, 'topic', exchange, key)
    return !this.#failed.delete(question) && this.#decided(question, this.topic(permission, exchange, key))
  }

  /** The answer, or the promise of it, which rejects when the authorizer fails. */
  resource(permission: Permission, kind: ResourceKind, name: string): Known {
    return this.#answer(keyOf(permission, kind, name), () =>
      this.#authorizer.resource(this.user, this.vhostName, kind, name, permission),
    )
  }

  topic(permission: 'write' | 'read', exchange: string, key: string): Known {
    return this.#answer(keyOf(permission, 'topic', exchange, key), () =>
      this.#authorizer.topic(this.user, this.vhostName, exchange, key, permission),
    )
  }

  /** Whether the user may open the virtual host, from this address. It is not remembered. */
  vhostAccess(peerAddress: string): Known {
    return this.#ask(() => this.#authorizer.vhostAccess(this.user, this.vhostName, peerAddress))
  }

  #answer(key: string, ask: () => unknown): Known {
    const known = this.#answers.get(key)
    if (known !== undefined) return known
    const answer = this.#ask(ask)
    this.#remember(key, answer)
    if (typeof answer === 'boolean') return answer
    const { grant } = this
    const settle = (settled: boolean | undefined): void => {
      if (grant !== this.grant || this.#answers.get(key) !== answer) return
      if (settled === undefined) this.#answers.delete(key)
      else this.#answers.set(key, settled)
    }
    answer.then(settle, () => settle(undefined))
    return answer
  }

  #remember(key: string, answer: Known): void {
    const bytes = ANSWER_BYTES + 2 * key.length
    if (this.#bytes + bytes > ANSWERS_BYTES_MAX) this.#forget()
    this.#bytes += bytes
    this.#answers.set(key, answer)
  }

  #forget(): void {
    this.#answers = new Map()
    this.#failed.clear()
    this.#bytes = 0
  }

  #ask(ask: () => unknown): Known {
    try {
      const answer = ask()
      if (typeof (answer as PromiseLike<unknown> | undefined)?.then !== 'function') return answer === true
      // Whatever else it comes to than true is no consent.
      return Promise.resolve(answer).then(
        (settled) => settled === true,
        (error: unknown) => {
          this.#onFailure(error)
          throw error
        },
      )
    } catch (error) {
      this.#onFailure(error)
      return Promise.reject(error)
    }
  }

  #decided(key: string, answer: Known): boolean {
    if (typeof answer === 'boolean') return answer
    const failed = (): void => {
      this.#failed.add(key)
    }
    throw new Undecided(answer.then(() => {}, failed))
  }
}

function keyOf(permission: Permission, kind: ResourceKind | Topic, ...names: readonly string[]): string {
  return `${permission} ${kind} ${names.join('\0')}`
}
