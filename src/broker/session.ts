/**
 * Who asks for something in a virtual host: a client's connection, or code in this process. Exclusive queues belong to a session.
 * Every operation that names a queue or an exchange asks `require` for the permission, as soon as the name is known.
 */
import type { AuthorizedUser, Permission } from './authorizer.ts'
import { type ResourceKind, refuse } from './errors.ts'
import { generatedName, INTERNAL_USER } from './names.ts'

/** What a session may do. Both throw Undecided while that is not known yet. */
export interface SessionAccess {
  /** Stands for the answers that count now: it is another object once they have changed. */
  readonly grant: object
  may(permission: Permission, kind: ResourceKind, name: string): boolean
  /** For topic exchanges: whether this routing key may be published with, or bound with (`read`). */
  mayUseKey(permission: 'write' | 'read', exchange: string, key: string): boolean
}

/** All rights. */
export const FULL_ACCESS: SessionAccess = { grant: {}, may: () => true, mayUseKey: () => true }

export class Session {
  user: AuthorizedUser
  access: SessionAccess
  /** The number of the client's connection; undefined for code in this process. */
  readonly connectionId: number | undefined
  /** The newest of the removals that it waits for, in order to have room: see `Removals.checkRoom`. */
  waitsFor: number | undefined
  readonly #vhostName: string
  #serverName: string | undefined

  constructor(user: AuthorizedUser, vhostName: string, access: SessionAccess, connectionId?: number) {
    this.user = user
    this.access = access
    this.connectionId = connectionId
    this.#vhostName = vhostName
  }

  /** The name of the user that what it declares is known to be of. */
  get declarer(): string {
    return this.user.name === '' ? INTERNAL_USER : this.user.name
  }

  get isImpersonator(): boolean {
    return this.user.tags.includes('impersonator')
  }

  /** Throws BrokerError when the user does not have the permission, Undecided while that is not known. */
  require(permission: Permission, kind: ResourceKind, name: string): void {
    const shown = shownName(kind, name)
    if (this.access.may(permission, kind, shown)) return
    throw refuse.noPermission(permission, this.user.name, kind, shown, this.#vhostName)
  }

  /** The same when any of the permissions will do. */
  requireAny(kind: ResourceKind, name: string): void {
    const shown = shownName(kind, name)
    const { access } = this
    if (access.may('read', kind, shown) || access.may('write', kind, shown)) return
    this.require('configure', kind, name)
  }

  /** Throws like `require` when the user may not use the routing key of a topic exchange. The keys of others are free. */
  requireKey(
    permission: 'write' | 'read',
    { type, name }: { readonly type: string; readonly name: string },
    key: string,
  ): void {
    if (type !== 'topic' || this.access.mayUseKey(permission, name, key)) return
    throw refuse.noTopicPermission(permission, key, this.user.name, name, this.#vhostName)
  }

  /** A name for a queue: the same one until it is used or refused, so that a permission that was asked for is for this name. */
  serverName(): string {
    this.#serverName ??= generatedName('amq.gen-')
    return this.#serverName
  }

  serverNameUsed(): void {
    this.#serverName = undefined
  }
}

/** RabbitMQ's name for the default exchange, where permissions are concerned. */
function shownName(kind: ResourceKind, name: string): string {
  return kind === 'exchange' && name === '' ? 'amq.default' : name
}
