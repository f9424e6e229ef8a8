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
  /** The user of a client that gives a token and no name (HTTP's `Bearer`). Without it, no client gets in that way. */
  token?(token: Buffer, peerAddress: string): Promise<Verdict> | Verdict
  /** The user of a client that gives no name, where that is allowed. */
  anonymous(peerAddress: string): Promise<Verdict> | Verdict
  /** The user that a client's certificate, which was verified, names (SASL EXTERNAL). Without it, certificates let no client in. */
  external?(name: string, peerAddress: string): Promise<Verdict> | Verdict
  /**
   * A connected user presents a new secret, where credentials expire. True, or a verdict with the same user, renews them. All
   * else refuses it and ends the connection.
   */
  renew?(user: User, secret: Buffer): Promise<boolean | Verdict> | boolean | Verdict
  /**
   * A user of the server's own list has other tags: `now` instead of `before`. What that makes of a connected user whom this authenticator
   * has let in; undefined when it has nothing to do with that one. Without it, only `before` itself changes.
   */
  successor?(user: User, before: User, now: User): User | undefined
}

/** The user that a client is, or why it is not let in. */
export type Verdict = Admission | Refusal

export interface Admission {
  readonly user: User
  /** So long from now the credentials are valid; then the connection is closed, unless they are renewed. Without it, for ever. */
  readonly expiresInMs?: number | undefined
}

export interface Refusal {
  readonly refusal: string
  /** Nothing is known of the credentials: there was no time, or no way, to look at them. It counts as no failed log-in. */
  readonly isBusy?: boolean
}

/** What an authenticator returned. It may be any program's code: what is neither a user nor a refusal counts as a refusal. */
export function checkedVerdict(returned: unknown): Verdict {
  const { user, refusal, expiresInMs, isBusy } = (returned ?? {}) as Readonly<Record<string, unknown>>
  if (typeof refusal === 'string') return { refusal, isBusy: isBusy === true }
  if (refusal === undefined && isUser(user)) {
    if (expiresInMs === undefined) return { user }
    if (typeof expiresInMs === 'number' && expiresInMs > 0) return { user, expiresInMs }
    return { refusal: 'the credentials have expired' }
  }
  return { refusal: 'the authenticator returned neither a user nor a refusal' }
}

function isUser(value: unknown): value is User {
  const { name, tags } = (value ?? {}) as { readonly name?: unknown; readonly tags?: unknown }
  if (typeof name !== 'string' || name === '') return false
  return Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')
}
