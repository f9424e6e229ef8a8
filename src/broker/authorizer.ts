/** Who decides what users may do: the interface, for the permissions that the broker keeps and for programs of any kind. */
import type { ResourceKind } from './errors.ts'

/** RabbitMQ's three permissions on queues and exchanges. */
export type Permission = 'configure' | 'write' | 'read'

/** A user that has logged in: the very object that the `Authenticator` returned, so that more may be known of it than this. */
export interface AuthorizedUser {
  readonly name: string
  /** RabbitMQ's tags. An `impersonator` may put another name into the user-id property. */
  readonly tags: readonly string[]
}

/** Whether it is allowed, now or later. What was asked waits; an error, and anything but `true`, is no. */
export type Answer = boolean | Promise<boolean>

/**
 * Decides what users may do. Answers are remembered for each user and virtual host, and asked for anew after `answersTtlMs`, or when
 * the server is told that they have changed (`Server.authorizationChanged`).
 */
export interface Authorizer {
  /** How long an answer counts. Without it, until the server is told of a change. */
  readonly answersTtlMs?: number
  /** Whether the user may open the virtual host. `peerAddress` is the IP address that the connection comes from. */
  vhostAccess(user: AuthorizedUser, vhost: string, peerAddress: string): Answer
  /** Whether the user has the permission on a queue or an exchange. The default exchange is `amq.default` here. */
  resource(user: AuthorizedUser, vhost: string, kind: ResourceKind, name: string, permission: Permission): Answer
  /**
   * Whether the user may publish (`write`) to a topic exchange with this routing key, or bind and unbind (`read`) with this binding
   * key. The permission on the exchange itself was asked for before.
   */
  topic(user: AuthorizedUser, vhost: string, exchange: string, key: string, permission: 'write' | 'read'): Answer
}

/** Every user may do everything. */
export const ALLOW_ALL: Authorizer = { vhostAccess: () => true, resource: () => true, topic: () => true }
