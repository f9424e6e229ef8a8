/** What users may do in a virtual host, for code in this process. */
import { checkUserName } from '../auth/user-record.ts'
import type { PermissionList, PermissionPatterns, TopicPatterns } from '../broker/access/permission-list.ts'
import type { Permission } from '../broker/authorizer.ts'
import { type ResourceKind, refuse } from '../broker/errors.ts'
import type { Vhost } from '../broker/vhost.ts'
import { anyText, type Checks, checkOptions } from '../lib/checks.ts'
import { checkName } from './declarations.ts'
import { durable } from './durable.ts'
import type { EmbeddedContext } from './embedded-context.ts'

/** What a user may do in a virtual host. */
export interface UserPermissions extends PermissionPatterns {
  readonly user: string
}

/** Which routing keys a user may use with a topic exchange of a virtual host. */
export interface UserTopicPermissions extends TopicPatterns {
  readonly user: string
  readonly exchange: string
}

const PATTERNS: Checks<PermissionPatterns> = { configure: anyText, write: anyText, read: anyText }
const TOPIC_PATTERNS: Checks<TopicPatterns> = { write: anyText, read: anyText }

/**
 * Patterns are regular expressions in the syntax of RE2, up to 1024 characters. They are found anywhere in a name, unless they say
 * where: `^orders\.`. An empty one allows nothing. A change is in effect at once, for open connections, too; its promise resolves when
 * it is durable.
 */
export class EmbeddedPermissions {
  readonly #context: EmbeddedContext
  readonly #requireVhost: () => Vhost

  /** Servers make it: see `EmbeddedBroker.permissions`. */
  constructor(context: EmbeddedContext, requireVhost: () => Vhost) {
    this.#context = context
    this.#requireVhost = requireVhost
  }

  /**
   * What the user may configure, write to and read from, in place of what it might before. With it, the user may open the virtual host.
   * Rejects with TypeError, with BrokerError `not-found` for a user that there is not, and `precondition-failed` for what is no regular
   * expression.
   */
  async set(user: string, patterns: PermissionPatterns): Promise<void> {
    checkPatterns('set', patterns, PATTERNS)
    await this.#change((list, vhost) => list.set(this.#requireUser(user), vhost, patterns))
  }

  get(user: string): PermissionPatterns | undefined {
    return this.#context.permissions().of(user, this.#requireVhost().name)
  }

  /** Users who may open the virtual host. */
  list(): UserPermissions[] {
    const list = this.#context.permissions()
    return this.#users().flatMap((user) => {
      const patterns = list.of(user, this.#requireVhost().name)
      return patterns === undefined ? [] : [{ user, ...patterns }]
    })
  }

  /** The user may not open the virtual host any more, and its connections to it are closed. False when it might not before. */
  async clear(user: string): Promise<boolean> {
    return await this.#change((list, vhost) => list.clear(user, vhost))
  }

  /**
   * Which routing keys the user may publish with to a topic exchange, and which binding keys it may bind with. `{username}` and
   * `{vhost}` in a pattern stand for the names of the user and the virtual host. Where nothing is set, all keys are free. Rejects like
   * `set`.
   */
  async setTopic(user: string, exchange: string, patterns: TopicPatterns): Promise<void> {
    checkPatterns('setTopic', patterns, TOPIC_PATTERNS)
    checkName(exchange, 'the name of the exchange')
    await this.#change((list, vhost) => list.setTopic(this.#requireUser(user), vhost, exchange, patterns))
  }

  listTopics(): UserTopicPermissions[] {
    const list = this.#context.permissions()
    return this.#users().flatMap((user) =>
      Array.from(list.topicsOf(user, this.#requireVhost().name), ([exchange, patterns]) => ({
        user,
        exchange,
        ...patterns,
      })),
    )
  }

  /** For one exchange, or for all: all keys are free from now on. False when they were before. */
  async clearTopics(user: string, exchange?: string): Promise<boolean> {
    return await this.#change((list, vhost) => list.clearTopics(user, vhost, exchange))
  }

  /** Whether the user has a permission on a queue or an exchange of this name. The default exchange is `amq.default` here. */
  allows(user: string, permission: Permission, kind: ResourceKind, name: string): boolean {
    return this.#context
      .permissions()
      .resource({ name: user, tags: [] }, this.#requireVhost().name, kind, name, permission)
  }

  #users(): string[] {
    const { name } = this.#requireVhost()
    return [...this.#context.permissions().entries()].filter(([, vhost]) => vhost === name).map(([user]) => user)
  }

  #requireUser(user: string): string {
    if (!this.#context.isUser(checkUserName(user))) throw refuse.missingUser(user)
    return user
  }

  async #change<T>(change: (list: PermissionList, vhost: string) => T): Promise<T> {
    const { core, permissions } = this.#context
    const result = change(permissions(), this.#requireVhost().name)
    await durable(core.journal)
    return result
  }
}

/** All of them have to be given. */
function checkPatterns<P extends object>(subject: string, patterns: P, checks: Checks<P>): void {
  checkOptions(subject, patterns ?? {}, checks, { noun: 'permission' })
  for (const name of Object.keys(checks) as (keyof P & string)[]) checks[name](patterns?.[name], name)
}
