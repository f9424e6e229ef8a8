/**
 * The permissions of users: patterns for the names of queues and exchanges, by user and virtual host, and for routing keys, by
 * exchange as well. Who has no permissions in a virtual host may not open it; where there are no topic permissions for an exchange, its
 * routing keys are free.
 */
import { encodeFieldTable, type Field } from '../../../protocol/field-table.ts'
import type { EntityRecords, EntityRegistry } from '../../../storage/entity-registry.ts'
import type { NamePattern } from '../../lib/name-pattern.ts'
import type { AuthorizedUser, Authorizer, Permission } from '../authorizer.ts'
import type { ResourceKind } from '../errors.ts'
import { type RecordLayout, RecordReader } from '../record-fields.ts'
import { NO_NAME, permissionPattern, topicPattern } from './permission-patterns.ts'

/** Regular expressions for names. An empty one allows nothing. */
export interface PermissionPatterns {
  readonly configure: string
  readonly write: string
  readonly read: string
}

/** Regular expressions for routing keys (`write`) and binding keys (`read`), in which `{username}` and `{vhost}` are filled in. */
export interface TopicPatterns {
  readonly write: string
  readonly read: string
}

export const ALL_PERMISSIONS: PermissionPatterns = { configure: '.*', write: '.*', read: '.*' }

/** Patterns, as they were set and ready to be used. */
interface Compiled<P> {
  readonly patterns: P
  readonly matchers: { readonly [N in keyof P]: NamePattern }
}

/** What a user may do in a virtual host. */
interface UserInVhost {
  permissions: Compiled<PermissionPatterns> | undefined
  /** By exchange. */
  readonly topics: Map<string, Compiled<TopicPatterns>>
}

const TOPIC_LAYOUT: RecordLayout = [
  ['write', 'S'],
  ['read', 'S'],
]
const LAYOUT: RecordLayout = [['configure', 'S'], ...TOPIC_LAYOUT]

/** The record of a store that knows permissions: one without any is not from a version that had none. */
const KNOWN: readonly string[] = []

export class PermissionList implements Authorizer {
  /** Told whose permissions have changed, and where. */
  onChange: (user: string, vhost: string) => void = () => {}
  /** Whether the storage was told that there are permissions. */
  isKnown = false
  readonly #ofUsers = new Map<string, Map<string, UserInVhost>>()
  readonly #records: EntityRecords
  readonly #topicRecords: EntityRecords

  constructor(registry: EntityRegistry) {
    const reader = new RecordReader(LAYOUT)
    const topicReader = new RecordReader(TOPIC_LAYOUT)
    this.#records = registry.register({
      number: 12,
      name: 'permission',
      staysWhenRefused: true,
      restore: ([user, vhost], value) => {
        this.isKnown = true
        if (user === undefined) return
        if (vhost === undefined) throw new Error('its key is too short')
        const fields = reader.read(value)
        const [configure, write, read] = [fields.text('configure'), fields.text('write'), fields.text('read')]
        this.#at(user, vhost).permissions = compiledPermissions({ configure, write, read })
      },
    })
    this.#topicRecords = registry.register({
      number: 13,
      name: 'topic permission',
      staysWhenRefused: true,
      restore: ([user, vhost, exchange], value) => {
        if (user === undefined || vhost === undefined || exchange === undefined) throw new Error('its key is too short')
        const { topics } = this.#at(user, vhost)
        // One that makes no sense allows nothing: without it, all keys would be free.
        topics.set(exchange, NO_TOPICS)
        const fields = topicReader.read(value)
        topics.set(exchange, compiledTopics({ write: fields.text('write'), read: fields.text('read') }, user, vhost))
      },
    })
  }

  /** Tells the storage that from now on a user without permissions has none. */
  begin(): void {
    if (this.isKnown) return
    this.isKnown = true
    this.#records.put(KNOWN, () => new Uint8Array())
  }

  // --- what there is

  of(user: string, vhost: string): PermissionPatterns | undefined {
    return this.#find(user, vhost)?.permissions?.patterns
  }

  topicsOf(user: string, vhost: string): ReadonlyMap<string, TopicPatterns> {
    const topics = this.#find(user, vhost)?.topics ?? []
    return new Map(Array.from(topics, ([exchange, { patterns }]) => [exchange, patterns]))
  }

  /** Users and virtual hosts for which there is something. */
  *entries(): Generator<readonly [user: string, vhost: string], undefined> {
    for (const [user, vhosts] of this.#ofUsers) for (const vhost of vhosts.keys()) yield [user, vhost]
  }

  // --- changes

  /** In place of those that there were. Throws BrokerError for what is no regular expression. */
  set(user: string, vhost: string, { configure, write, read }: PermissionPatterns): void {
    const permissions = compiledPermissions({ configure, write, read })
    this.#at(user, vhost).permissions = permissions
    this.#records.put([user, vhost], () => encode(permissions.patterns))
    this.onChange(user, vhost)
  }

  /** False when there were none. */
  clear(user: string, vhost: string): boolean {
    const there = this.#find(user, vhost)
    if (there?.permissions === undefined) return this.#records.removeRefused([user, vhost])
    there.permissions = undefined
    this.#records.remove([user, vhost])
    this.#forgetIfEmpty(user, vhost)
    this.onChange(user, vhost)
    return true
  }

  /** In place of those that there were for the exchange. Throws BrokerError like `set`. */
  setTopic(user: string, vhost: string, exchange: string, { write, read }: TopicPatterns): void {
    const topics = compiledTopics({ write, read }, user, vhost)
    this.#at(user, vhost).topics.set(exchange, topics)
    this.#topicRecords.put([user, vhost, exchange], () => encode(topics.patterns))
    this.onChange(user, vhost)
  }

  /** Those for one exchange, or for all. False when there were none. */
  clearTopics(user: string, vhost: string, exchange?: string): boolean {
    const topics = this.#find(user, vhost)?.topics ?? new Map<string, unknown>()
    const going = [...topics.keys()].filter((name) => exchange === undefined || name === exchange)
    for (const name of going) {
      topics.delete(name)
      this.#topicRecords.remove([user, vhost, name])
    }
    const key = exchange === undefined ? [user, vhost] : [user, vhost, exchange]
    const hadRefused = this.#topicRecords.removeRefused(key)
    if (going.length === 0) return hadRefused
    this.#forgetIfEmpty(user, vhost)
    this.onChange(user, vhost)
    return true
  }

  /** The user is gone. */
  removeUser(user: string): void {
    for (const vhost of [...(this.#ofUsers.get(user)?.keys() ?? [])]) this.#removeAll(user, vhost)
    this.#records.removeRefused([user])
    this.#topicRecords.removeRefused([user])
  }

  /** The virtual host is gone. */
  removeVhost(vhost: string): void {
    for (const user of [...this.#ofUsers.keys()]) this.#removeAll(user, vhost)
  }

  // --- decisions

  vhostAccess({ name }: AuthorizedUser, vhost: string): boolean {
    return this.#find(name, vhost)?.permissions !== undefined
  }

  resource(user: AuthorizedUser, vhost: string, _kind: ResourceKind, name: string, permission: Permission): boolean {
    return this.#find(user.name, vhost)?.permissions?.matchers[permission].test(name) === true
  }

  topic(user: AuthorizedUser, vhost: string, exchange: string, key: string, permission: 'write' | 'read'): boolean {
    return this.#find(user.name, vhost)?.topics.get(exchange)?.matchers[permission].test(key) ?? true
  }

  #find(user: string, vhost: string): UserInVhost | undefined {
    return this.#ofUsers.get(user)?.get(vhost)
  }

  #at(user: string, vhost: string): UserInVhost {
    let vhosts = this.#ofUsers.get(user)
    if (vhosts === undefined) {
      vhosts = new Map()
      this.#ofUsers.set(user, vhosts)
    }
    let there = vhosts.get(vhost)
    if (there === undefined) {
      there = { permissions: undefined, topics: new Map() }
      vhosts.set(vhost, there)
    }
    return there
  }

  #removeAll(user: string, vhost: string): void {
    this.clear(user, vhost)
    this.clearTopics(user, vhost)
  }

  #forgetIfEmpty(user: string, vhost: string): void {
    const vhosts = this.#ofUsers.get(user)
    const there = vhosts?.get(vhost)
    if (there === undefined || there.permissions !== undefined || there.topics.size > 0) return
    vhosts?.delete(vhost)
    if (vhosts?.size === 0) this.#ofUsers.delete(user)
  }
}

const NO_TOPICS: Compiled<TopicPatterns> = {
  patterns: { write: '', read: '' },
  matchers: { write: NO_NAME, read: NO_NAME },
}

function compiledPermissions(patterns: PermissionPatterns): Compiled<PermissionPatterns> {
  const { configure, write, read } = patterns
  return {
    patterns,
    matchers: {
      configure: permissionPattern(configure),
      write: permissionPattern(write),
      read: permissionPattern(read),
    },
  }
}

function compiledTopics(patterns: TopicPatterns, user: string, vhost: string): Compiled<TopicPatterns> {
  const { write, read } = patterns
  return {
    patterns,
    matchers: { write: topicPattern(write, user, vhost), read: topicPattern(read, user, vhost) },
  }
}

function encode(patterns: PermissionPatterns | TopicPatterns): Uint8Array {
  return encodeFieldTable(
    new Map(Object.entries(patterns).map(([name, value]): [string, Field] => [name, { type: 'S', value }])),
  )
}
