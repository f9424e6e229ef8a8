/**
 * Who asks for something in a virtual host: a client's connection, or code in this process. Exclusive queues belong to a session.
 * Every operation that names a queue or an exchange asks `require` for the permission, as soon as the name is known.
 */
import type { AuthorizedUser, Authorizer, Permission } from './authorizer.ts'
import { type ResourceKind, refuse } from './errors.ts'

/** Every user has all rights. */
export const ALLOW_ALL: Authorizer = { vhostAccess: () => true, resource: () => true, topic: () => true }

export class Session {
  readonly user: AuthorizedUser
  readonly isImpersonator: boolean
  readonly #vhostName: string
  readonly #authorizer: Authorizer

  constructor(user: AuthorizedUser, vhostName: string, authorizer: Authorizer) {
    this.user = user
    this.isImpersonator = user.tags.includes('impersonator')
    this.#vhostName = vhostName
    this.#authorizer = authorizer
  }

  /** Throws BrokerError when the user does not have the permission. */
  require(permission: Permission, kind: ResourceKind, name: string): void {
    const shown = kind === 'exchange' && name === '' ? 'amq.default' : name
    if (this.#authorizer.resource(this.user, this.#vhostName, kind, shown, permission) === true) return
    throw refuse.noPermission(permission, this.user.name, kind, shown, this.#vhostName)
  }
}
