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
  /** A connected user presents a new secret, where credentials expire. False refuses it and ends the connection. */
  renew?(user: User, secret: Buffer): Promise<boolean> | boolean
}

/** The user that a client is, or why it is not let in. */
export type Verdict = { readonly user: User } | { readonly refusal: string }
