/** The users of a broker: held in memory, and in a storage if it is told to. */
import type { EntityRecords, EntityRegistry } from '../../storage/entity-registry.ts'
import { refuse } from '../broker/errors.ts'
import { isLoopback } from '../lib/address-key.ts'
import { anyText, type Checks, checkOptions, oneOf, text, texts, wholeNumber } from '../lib/checks.ts'
import type { Authenticator, Credentials, User, Verdict } from './authenticator.ts'
import { PasswordChecks, type PasswordVerdict } from './passwords/password-checks.ts'
import {
  hashPassword,
  hashPasswordNow,
  isPasswordHash,
  type NewHashing,
  type PasswordHash,
} from './passwords/password-hash.ts'
import { PasswordRule } from './passwords/password-rules.ts'
import { checkTags, checkUserName, decodeUser, encodeUser, type KnownUser } from './user-record.ts'

export interface UserListOptions {
  /** Users that may only connect from this machine. Default `['guest']`. RabbitMQ: `loopback_users`. */
  readonly loopbackUsers?: readonly string[]
  /** The user that clients without credentials become. Default: none, they are refused. */
  readonly anonymousUser?: string | undefined
  /** What new passwords are hashed with. Default `scrypt`; `sha256` and `sha512` are RabbitMQ's. */
  readonly passwordHashing?: NewHashing
  /** Bytes that a new password has at least. Default 1. RabbitMQ: `credential_validator.min_length`. */
  readonly passwordLengthMin?: number
  /**
   * A regular expression that is found in every new password, in the syntax of RE2. Default: none. RabbitMQ:
   * `credential_validator.regexp`.
   */
  readonly passwordPattern?: string | undefined
}

/** The number of users among the kinds of entities on disk. */
export const USER_KIND = 5

/**
 * The record of a list that was emptied. A store without any record of users is new, and gets the default user; in this
 * one all users were deleted, and stay so.
 */
const NO_USERS: readonly string[] = []

const PASSWORD_BYTES_MAX = 1024

const OPTIONS: Checks<UserListOptions> = {
  loopbackUsers: texts,
  anonymousUser: anyText,
  passwordHashing: oneOf(['scrypt', 'sha256', 'sha512']),
  passwordLengthMin: wholeNumber(1, PASSWORD_BYTES_MAX),
  passwordPattern: text(1, PASSWORD_BYTES_MAX),
}

export class UserList implements Authenticator {
  readonly #users = new Map<string, KnownUser>()
  readonly #loopbackUsers: ReadonlySet<string>
  readonly #anonymousUser: string | undefined
  readonly #hashing: NewHashing
  readonly #rule: PasswordRule
  readonly #checks: PasswordChecks
  #records: EntityRecords | undefined

  /** Throws TypeError or RangeError. */
  constructor(options: UserListOptions = {}) {
    checkOptions('UserList', options, OPTIONS)
    this.#loopbackUsers = new Set(options.loopbackUsers ?? ['guest'])
    this.#anonymousUser = options.anonymousUser
    this.#hashing = options.passwordHashing ?? 'scrypt'
    this.#rule = new PasswordRule({ lengthMin: options.passwordLengthMin ?? 1, pattern: options.passwordPattern })
    this.#checks = new PasswordChecks(this.#hashing)
  }

  /** Users are durable entities from now on, and those that the storage has are restored with all others. */
  keepIn(registry: EntityRegistry): void {
    this.#records = registry.register({
      number: USER_KIND,
      name: 'user',
      // A storage without users is given the default one.
      staysWhenRefused: true,
      restore: ([name], value) => {
        if (name !== undefined) this.#users.set(name, decodeUser(name, value))
      },
    })
  }

  /**
   * Adds a user, or changes one of that name. The password is kept as a salted hash; making it holds the process up for some
   * 50 ms, unless `passwordHashing` says otherwise. Throws RangeError for a password that may not be and for names and tags that
   * do not have 1 to 255 bytes.
   */
  add(name: string, password: string, tags: readonly string[] = []): void {
    this.#rule.check(name, password)
    const user = { name: checkUserName(name), tags: checkTags(tags) }
    this.#putPassword(user, password, hashPasswordNow(password, this.#hashing))
  }

  /** Like `add`, beside the work of the process. `isAllowed` is asked before the user is added, and may throw. */
  async addLater(name: string, password: string, tags: readonly string[], isAllowed: () => void): Promise<void> {
    this.#rule.check(name, password)
    const user = { name: checkUserName(name), tags: checkTags(tags) }
    isAllowed()
    const hash = await hashPassword(password, this.#hashing)
    isAllowed()
    this.#putPassword(user, password, hash)
  }

  /**
   * Adds a user, or changes one of that name, with the hash of a password; without a hash no password lets it in, only a
   * certificate or the like. Throws RangeError when no password can have that hash.
   */
  addHashed(name: string, hash: PasswordHash | undefined, tags: readonly string[] = []): void {
    if (hash !== undefined && !isPasswordHash(hash))
      throw new RangeError(`the password hash of '${name}' makes no sense`)
    this.#put({ user: { name: checkUserName(name), tags: checkTags(tags) }, hash })
  }

  /** Connections that are open stay so. Throws RangeError for a password that may not be, BrokerError `not-found`. */
  changePassword(name: string, password: string): void {
    this.#require(name)
    this.#rule.check(name, password)
    this.#putPassword(this.#require(name).user, password, hashPasswordNow(password, this.#hashing))
  }

  /** Like `changePassword`, beside the work of the process. */
  async changePasswordLater(name: string, password: string): Promise<void> {
    this.#require(name)
    this.#rule.check(name, password)
    const hash = await hashPassword(password, this.#hashing)
    this.#putPassword(this.#require(name).user, password, hash)
  }

  /** These tags instead of the old ones. Throws RangeError like `add`, BrokerError `not-found`. */
  setTags(name: string, tags: readonly string[]): void {
    const { hash } = this.#require(name)
    this.#put({ user: { name, tags: checkTags(tags) }, hash })
  }

  /** False when there is no such user. Connections that are open stay so. */
  remove(name: string): boolean {
    if (!this.#users.delete(name)) return false
    this.#checks.forget(name)
    this.#records?.remove([name])
    if (this.#users.size === 0) this.#records?.put(NO_USERS, () => new Uint8Array())
    return true
  }

  has(name: string): boolean {
    return this.#users.has(name)
  }

  /** The very object that the user's connections have. */
  user(name: string): User | undefined {
    return this.#users.get(name)?.user
  }

  list(): User[] {
    return Array.from(this.#users.values(), ({ user }) => ({ name: user.name, tags: [...user.tags] }))
  }

  /** What was hashed of a user's password; undefined when the user has none, or is not there. */
  passwordHash(name: string): PasswordHash | undefined {
    return this.#users.get(name)?.hash
  }

  authenticate({ name, password }: Credentials, peerAddress: string): Promise<Verdict> | Verdict {
    // RabbitMQ refuses every log-in with a blank password.
    if (password.length === 0) return invalidCredentials(name)
    const hash = this.#users.get(name)?.hash
    const result = this.#checks.check(name, hash, password, peerAddress)
    const admitted = (verdict: PasswordVerdict): Verdict => this.#admitChecked(name, hash, verdict, peerAddress)
    return typeof result === 'string' ? admitted(result) : result.then(admitted)
  }

  /** The user that a certificate names: it needs no password. */
  external(name: string, peerAddress: string): Verdict {
    const known = this.#users.get(name)
    return known === undefined ? invalidCredentials(name) : this.#admit(known.user, peerAddress)
  }

  anonymous(peerAddress: string): Verdict {
    const known = this.#anonymousUser === undefined ? undefined : this.#users.get(this.#anonymousUser)
    if (known === undefined) return { refusal: 'anonymous login is not allowed' }
    return this.#admit(known.user, peerAddress)
  }

  /** The user may have another password by now, or be gone. */
  #admitChecked(name: string, hash: PasswordHash | undefined, verdict: PasswordVerdict, peerAddress: string): Verdict {
    if (verdict === 'busy') return { refusal: `user '${name}' - too many passwords wait to be checked`, isBusy: true }
    const known = this.#users.get(name)
    if (verdict === 'wrong' || known === undefined || known.hash !== hash) return invalidCredentials(name)
    return this.#admit(known.user, peerAddress)
  }

  #putPassword(user: User, password: string, hash: PasswordHash): void {
    this.#put({ user, hash })
    this.#checks.remember(user.name, hash, Buffer.from(password))
  }

  #put(known: KnownUser): void {
    if (this.#users.size === 0) this.#records?.remove(NO_USERS)
    this.#users.set(known.user.name, known)
    this.#records?.put([known.user.name], () => encodeUser(known))
  }

  #require(name: string): KnownUser {
    const known = this.#users.get(name)
    if (known === undefined) throw refuse.missingUser(name)
    return known
  }

  #admit(user: User, peerAddress: string): Verdict {
    if (this.#loopbackUsers.has(user.name) && !isLoopback(peerAddress)) {
      return { refusal: `user '${user.name}' can only connect via localhost` }
    }
    return { user }
  }
}

function invalidCredentials(name: string): Verdict {
  return { refusal: `user '${name}' - invalid credentials` }
}
