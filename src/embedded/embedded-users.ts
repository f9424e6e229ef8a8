/** The users of a server, for code in the same process. Their passwords are kept as salted hashes and never come out. */
import type { User } from '../auth/authenticator.ts'
import type { UserList } from '../auth/user-list.ts'
import type { Broker } from '../broker/broker.ts'
import { refuse } from '../broker/errors.ts'
import { durable } from './durable.ts'

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

  /** Connections that are open stay so. Rejects with RangeError for a password that may not be, with BrokerError `not-found`. */
  async changePassword(name: string, password: string): Promise<void> {
    await this.#change((list) => list.changePasswordLater(name, password))
  }

  /** These tags instead of the old ones. Rejects like `add`, and with BrokerError `not-found`. */
  async setTags(name: string, tags: readonly string[]): Promise<void> {
    await this.#change((list) => list.setTags(name, tags))
  }

  /** Removes a user with its limits, and closes its connections with 320. False when there is none of that name. */
  async remove(name: string): Promise<boolean> {
    return await this.#change((list) => {
      const isRemoved = list.remove(name)
      if (!isRemoved) return false
      const { clients, userLimits } = this.#context.core
      userLimits.clear(name)
      clients.closeThoseOfUser(name, `user '${name}' is deleted`)
      return true
    })
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
