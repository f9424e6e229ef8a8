/** The users of a server, for code in the same process. Their passwords are kept as salted hashes and never come out. */
import type { User } from '../auth/authenticator.ts'
import type { PasswordHash } from '../auth/passwords/password-hash.ts'
import type { UserList } from '../auth/user-list.ts'
import type { Broker } from '../broker/broker.ts'
import { refuse } from '../broker/errors.ts'
import { aBoolean, type Checks, checkOptions } from '../lib/checks.ts'
import { durable } from './durable.ts'

export interface ChangePasswordOptions {
  /** Connections that are open stay so, as with RabbitMQ. Default false. */
  readonly keepsConnections?: boolean
}

const CHANGE_PASSWORD: Checks<ChangePasswordOptions> = { keepsConnections: aBoolean }

/** What a user is from now on. */
export interface UserSettings {
  readonly tags: readonly string[]
  readonly password?: string
  /** What was hashed of a password; undefined, without a password: none lets the user in. */
  readonly hash?: PasswordHash | undefined
}

export interface EmbeddedUsersContext {
  readonly core: Broker
  readonly list: UserList
  /** Throws while nothing can be changed. */
  readonly requireRunning: () => void
}

/**
 * A change counts at once for all clients that log in from then on; its promise resolves when it is durable, as
 * `--durability` says. With a storage in memory that is at once.
 */
export class EmbeddedUsers {
  readonly #context: EmbeddedUsersContext

  /** Servers make it: see `Server.users`. */
  constructor(context: EmbeddedUsersContext) {
    this.#context = context
  }

  /**
   * Adds a user. RabbitMQ's tags are `administrator`, `monitoring`, `policymaker`, `management` and `impersonator`.
   * Rejects with RangeError for a password that may not be and for names and tags that do not have 1 to 255 bytes, with BrokerError
   * `precondition-failed` when there is one of that name.
   */
  async add(name: string, password: string, tags: readonly string[] = []): Promise<void> {
    await this.#change((list) =>
      list.addLater(name, password, tags, () => {
        if (list.has(name)) throw refuse.existingUser(name)
      }),
    )
  }

  /**
   * Closes the user's connections with 320, unless `keepsConnections` says otherwise: who knew the old password may not go on with it.
   * Rejects with RangeError for a password that may not be, with BrokerError `not-found`.
   */
  async changePassword(name: string, password: string, options: ChangePasswordOptions = {}): Promise<void> {
    checkOptions('changePassword', options, CHANGE_PASSWORD)
    await this.#change(async (list) => {
      await list.changePasswordLater(name, password)
      if (options.keepsConnections === true) return
      this.#context.core.clients.closeThoseOfUser(name, `password of user '${name}' is changed`)
    })
  }

  /** These tags instead of the old ones, for open connections, too. Rejects like `add`, and with BrokerError `not-found`. */
  async setTags(name: string, tags: readonly string[]): Promise<void> {
    await this.#change((list) => {
      const before = list.user(name)
      list.setTags(name, tags)
      const now = list.user(name)
      if (before !== undefined && now !== undefined) this.#context.core.clients.userChanged(before, now)
    })
  }

  /** Removes a user with its limits and permissions, and closes its connections with 320. False when there is none of that name. */
  async remove(name: string): Promise<boolean> {
    return await this.#change((list) => {
      const isRemoved = list.remove(name)
      if (!isRemoved) return false
      const { clients, permissions, userLimits } = this.#context.core
      userLimits.replace(name, {})
      clients.closeThoseOfUser(name, `user '${name}' is deleted`)
      permissions.removeUser(name)
      return true
    })
  }

  /**
   * Adds a user, or changes its password and tags. Connections that are open stay so. Rejects like `add`, and with RangeError for a
   * hash that no password can have.
   */
  async set(name: string, { password, hash, tags }: UserSettings): Promise<void> {
    await this.#change(async (list) => {
      let before = list.user(name)
      // While the password is hashed, another change may come.
      const look = (): void => {
        before = list.user(name)
      }
      if (password === undefined) list.addHashed(name, hash, tags)
      else await list.addLater(name, password, tags, look)
      const now = list.user(name)
      if (before !== undefined && now !== undefined) this.#context.core.clients.userChanged(before, now)
    })
  }

  /** What is kept of a user's password; undefined when no password lets the user in, or there is no such user. */
  passwordHash(name: string): PasswordHash | undefined {
    return this.#context.list.passwordHash(name)
  }

  /** Names and tags. */
  list(): User[] {
    return this.#context.list.list()
  }

  async #change<T>(change: (list: UserList) => Promise<T> | T): Promise<T> {
    const { list, core, requireRunning } = this.#context
    requireRunning()
    const result = await change(list)
    requireRunning()
    await durable(core.journal)
    return result
  }
}
