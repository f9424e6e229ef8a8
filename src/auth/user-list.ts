/** The users of a broker, held in memory. */
import { isIPv4 } from 'node:net'
import type { Authenticator, Credentials, User, Verdict } from './authenticator.ts'
import { hashPassword, isPassword } from './passwords.ts'

export interface UserListOptions {
  /** Users that may only connect from this machine. RabbitMQ: `loopback_users`. */
  readonly loopbackUsers: readonly string[]
  /** The user that clients without credentials become; undefined refuses them. */
  readonly anonymousUser?: string | undefined
}

/** Compared with when there is no such user, so that guessing names by time does not work. */
const NOBODY_HASH = hashPassword('')

export class UserList implements Authenticator {
  readonly #users = new Map<string, { readonly user: User; readonly hash: string }>()
  readonly #loopbackUsers: ReadonlySet<string>
  readonly #anonymousUser: string | undefined

  constructor(options: UserListOptions) {
    this.#loopbackUsers = new Set(options.loopbackUsers)
    this.#anonymousUser = options.anonymousUser
  }

  /** Adds a user, or changes one of that name. The password is kept as a salted hash. */
  add(name: string, password: string, tags: readonly string[] = []): void {
    this.#users.set(name, { user: { name, tags }, hash: hashPassword(password) })
  }

  /** False when there is no such user. Connections that are open stay so. */
  remove(name: string): boolean {
    return this.#users.delete(name)
  }

  authenticate({ name, password }: Credentials, peerAddress: string): Verdict {
    const known = this.#users.get(name)
    const isRight = isPassword(known?.hash ?? NOBODY_HASH, password)
    // RabbitMQ never lets anybody in with a blank password.
    if (known === undefined || !isRight || password.length === 0)
      return { refusal: `user '${name}' - invalid credentials` }
    return this.#admit(known.user, peerAddress)
  }

  anonymous(peerAddress: string): Verdict {
    const known = this.#anonymousUser === undefined ? undefined : this.#users.get(this.#anonymousUser)
    if (known === undefined) return { refusal: 'anonymous login is not allowed' }
    return this.#admit(known.user, peerAddress)
  }

  #admit(user: User, peerAddress: string): Verdict {
    if (this.#loopbackUsers.has(user.name) && !isLoopback(peerAddress)) {
      return { refusal: `user '${user.name}' can only connect via localhost` }
    }
    return { user }
  }
}

/** Whether an IP address is this machine's own, in any of its spellings. */
export function isLoopback(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:/, '')
  return isIPv4(plain) ? plain.startsWith('127.') : plain === '::1'
}
