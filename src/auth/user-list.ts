/** The users of a broker: held in memory, and in a storage if it is told to. */
import { isIPv4 } from 'node:net'
import type { EntityRecords, EntityRegistry } from '../../storage/entity-registry.ts'
import { refuse } from '../broker/errors.ts'
import { anyText, type Checks, checkOptions, texts } from '../lib/checks.ts'
import type { Authenticator, Credentials, User, Verdict } from './authenticator.ts'
import { hashPassword, isPassword } from './passwords.ts'
import { checkTags, checkUserName, decodeUser, encodeUser, type KnownUser } from './user-record.ts'

export interface UserListOptions {
  /** Users that may only connect from this machine. Default `['guest']`. RabbitMQ: `loopback_users`. */
  readonly loopbackUsers?: readonly string[]
  /** The user that clients without credentials become. Default: none, they are refused. */
  readonly anonymousUser?: string | undefined
}

/** The number of users among the kinds of entities on disk. */
export const USER_KIND = 5

/**
 * The record of a list that was emptied. A store without any record of users is new, and gets the default user; in this
 * one all users were deleted, and stay so.
 */
const NO_USERS: readonly string[] = []

/** Compared with when there is no such user, so that guessing names by time does not work. */
const HASH_OF_NO_USER = hashPassword('')

const OPTIONS: Checks<UserListOptions> = { loopbackUsers: texts, anonymousUser: anyText }

export class UserList implements Authenticator {
  readonly #users = new Map<string, KnownUser>()
  readonly #loopbackUsers: ReadonlySet<string>
  readonly #anonymousUser: string | undefined
  #records: EntityRecords | undefined

  /** Throws TypeError. */
  constructor(options: UserListOptions = {}) {
    checkOptions('UserList', options, OPTIONS)
    this.#loopbackUsers = new Set(options.loopbackUsers ?? ['guest'])
    this.#anonymousUser = options.anonymousUser
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
   * Adds a user, or changes one of that name. The password is kept as a salted hash. Throws RangeError for an empty
   * password and for names and tags that do not have 1 to 255 bytes.
   */
  add(name: string, password: string, tags: readonly string[] = []): void {
    const user = { name: checkUserName(name), tags: checkTags(tags) }
    this.#put({ user, hash: hashOf(name, password) })
  }

  /** Connections that are open stay so. Throws RangeError for an empty password, BrokerError `not-found`. */
  changePassword(name: string, password: string): void {
    const { user } = this.#require(name)
    this.#put({ user, hash: hashOf(name, password) })
  }

  /** These tags instead of the old ones. Throws RangeError like `add`, BrokerError `not-found`. */
  setTags(name: string, tags: readonly string[]): void {
    const { hash } = this.#require(name)
    this.#put({ user: { name, tags: checkTags(tags) }, hash })
  }

  /** False when there is no such user. Connections that are open stay so. */
  remove(name: string): boolean {
    if (!this.#users.delete(name)) return false
    this.#records?.remove([name])
    if (this.#users.size === 0) this.#records?.put(NO_USERS, () => new Uint8Array())
    return true
  }

  has(name: string): boolean {
    return this.#users.has(name)
  }

  list(): User[] {
    return Array.from(this.#users.values(), ({ user }) => ({ name: user.name, tags: [...user.tags] }))
  }

  authenticate({ name, password }: Credentials, peerAddress: string): Verdict {
    const known = this.#users.get(name)
    const isRight = isPassword(known?.hash ?? HASH_OF_NO_USER, password)
    // RabbitMQ refuses every log-in with a blank password.
    if (known === undefined || !isRight || password.length === 0)
      return { refusal: `user '${name}' - invalid credentials` }
    return this.#admit(known.user, peerAddress)
  }

  anonymous(peerAddress: string): Verdict {
    const known = this.#anonymousUser === undefined ? undefined : this.#users.get(this.#anonymousUser)
    if (known === undefined) return { refusal: 'anonymous login is not allowed' }
    return this.#admit(known.user, peerAddress)
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

// RabbitMQ refuses every log-in with a blank password, so no user may have one.
function hashOf(name: string, password: string): string {
  if (typeof password !== 'string') throw new TypeError('the password must be a string')
  if (password === '') throw new RangeError(`user '${name}' needs a password: no client can log in with an empty one`)
  return hashPassword(password)
}

/** Whether an IP address is this machine's own, in any of its spellings. */
export function isLoopback(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:/, '')
  return isIPv4(plain) ? plain.startsWith('127.') : plain === '::1'
}
