/** One of the places where users and what they may do are known: the broker's own list, an HTTP server, tokens. */
import type { AuthorizedUser, Authorizer } from '../../broker/authorizer.ts'
import type { Credentials, User, Verdict } from '../authenticator.ts'

export interface Backend extends Authorizer {
  /** What the configuration calls it. */
  readonly name: string
  /** It knows its users itself, and asks nobody. */
  readonly isAtHand?: boolean
  authenticate(credentials: Credentials, peerAddress: string): Promise<Verdict> | Verdict
  /** The user of a token. Without it, this backend knows none. */
  token?(token: Buffer, peerAddress: string): Promise<Verdict> | Verdict
  /** A user whose name is certain already: by a certificate, or by another backend. */
  known(name: string, peerAddress: string): Promise<Verdict> | Verdict
  /** A new secret for a user that this backend has let in. Without it, its users have none that expires. */
  renew?(user: User, secret: Buffer): Promise<Verdict> | Verdict
  /** Whether this very object is one of its users, as it knows them now. Without it, only those that it has let in are. */
  owns?(user: AuthorizedUser): boolean
  close?(): void
}
