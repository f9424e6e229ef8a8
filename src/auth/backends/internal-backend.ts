/** The users of the broker's own list, with the permissions that it keeps. */
import type { AuthorizedUser, Authorizer, Permission } from '../../broker/authorizer.ts'
import type { ResourceKind } from '../../broker/errors.ts'
import type { Credentials, Verdict } from '../authenticator.ts'
import type { UserList } from '../user-list.ts'
import type { Backend } from './backend.ts'

export class InternalBackend implements Backend {
  readonly name = 'internal'
  readonly isAtHand = true
  readonly #users: UserList
  readonly #permissions: () => Authorizer

  /** `permissions` is asked for when it is needed first. */
  constructor(users: UserList, permissions: () => Authorizer) {
    this.#users = users
    this.#permissions = permissions
  }

  authenticate(credentials: Credentials, peerAddress: string): Promise<Verdict> | Verdict {
    return this.#users.authenticate(credentials, peerAddress)
  }

  known(name: string, peerAddress: string): Verdict {
    return this.#users.external(name, peerAddress)
  }

  owns(user: AuthorizedUser): boolean {
    return this.#users.user(user.name) === user
  }

  vhostAccess(user: AuthorizedUser, vhost: string, peerAddress: string) {
    return this.#permissions().vhostAccess(user, vhost, peerAddress)
  }

  resource(user: AuthorizedUser, vhost: string, kind: ResourceKind, name: string, permission: Permission) {
    return this.#permissions().resource(user, vhost, kind, name, permission)
  }

  topic(user: AuthorizedUser, vhost: string, exchange: string, key: string, permission: 'write' | 'read') {
    return this.#permissions().topic(user, vhost, exchange, key, permission)
  }
}
