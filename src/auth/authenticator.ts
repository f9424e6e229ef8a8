/** A user as the broker knows it. */
export interface User {
  readonly name: string
  /** RabbitMQ's tags: `administrator`, `impersonator` … */
  readonly tags: readonly string[]
}

/** What a client logs in with, by SASL PLAIN or AMQPLAIN. */
export interface Credentials {
  readonly name: string
  readonly password: Buffer
}

/** Decides who may connect. */
export interface Authenticator {
  /**
   * The user with these credentials, or why they are refused. The reason is logged, never sent to the client.
   * `peerAddress` is the IP address the connection comes from.
   */
  authenticate(credentials: Credentials, peerAddress: string): Promise<Verdict> | Verdict
  /** The user of a client that gives no name, where that is allowed. */
  anonymous(peerAddress: string): Promise<Verdict> | Verdict
  /** A connected user presents a new secret, where credentials expire. All but true refuses it and ends the connection. */
  renew?(user: User, secret: Buffer): Promise<boolean> | boolean
}

/** The user that a client is, or why it is not let in. */
export type Verdict = { readonly user: User } | { readonly refusal: string }

/** What an authenticator returned. It may be any program's code: what is neither a user nor a refusal counts as a refusal. */
export function checkedVerdict(returned: unknown): Verdict {
  const { user, refusal } = (returned ?? {}) as { readonly user?: unknown; readonly refusal?: unknown }
  if (typeof refusal === 'string') return { refusal }
  if (refusal === undefined && isUser(user)) return { user }
  return { refusal: 'the authenticator returned neither a user nor a refusal' }
}

function isUser(value: unknown): value is User {
  const { name, tags } = (value ?? {}) as { readonly name?: unknown; readonly tags?: unknown }
  if (typeof name !== 'string' || name === '') return false
  return Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')
}
