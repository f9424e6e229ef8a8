/**
 * Who asks for something in a virtual host: a client's connection, or code in this process. Exclusive queues belong to a session.
 * Every operation that names a queue or an exchange asks `require` for the permission, as soon as the name is known.
 */
import { type ResourceKind, refuse } from './errors.ts'

export interface SessionUser {
  readonly name: string
  /** RabbitMQ's tags. An `impersonator` may put another name into the user-id property. */
  readonly tags: readonly string[]
}

/** RabbitMQ's three permissions on queues and exchanges. */
export type Permission = 'configure' | 'write' | 'read'

/** Decides what users may do. Whatever changes its answers must raise the version of the vhost's `Routes`. */
export interface Authorizer {
  /** `name` is the resource's; the default exchange is `amq.default` here. */
  allows(user: SessionUser, permission: Permission, kind: ResourceKind, name: string, vhost: string): boolean
}

/** Every user has all rights. */
export const ALLOW_ALL: Authorizer = { allows: () => true }

export class Session {
  readonly user: SessionUser
  readonly isImpersonator: boolean
  readonly #vhostName: string
  readonly #authorizer: Authorizer

  constructor(user: SessionUser, vhostName: string, authorizer: Authorizer) {
    this.user = user
    this.isImpersonator = user.tags.includes('impersonator')
    this.#vhostName = vhostName
    this.#authorizer = authorizer
  }

  /** Throws BrokerError when the user does not have the permission. */
  require(permission: Permission, kind: ResourceKind, name: string): void {
    const shown = kind === 'exchange' && name === '' ? 'amq.default' : name
    if (this.#authorizer.allows(this.user, permission, kind, shown, this.#vhostName)) return
    throw refuse.noPermission(permission, this.user.name, kind, shown, this.#vhostName)
  }
}
