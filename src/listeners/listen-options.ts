/** Where a server listens, and what it speaks there. */

/** `amqps` is AMQP over TLS, `ws` AMQP over WebSockets, and `wss` that over TLS. */
export type ListenProtocol = 'amqp' | 'amqps' | 'ws' | 'wss'

/** How each protocol begins, and who speaks it. */
export const PROTOCOLS: Readonly<Record<ListenProtocol, { readonly isSecure: boolean; readonly speaker: Speaker }>> = {
  amqp: { isSecure: false, speaker: 'amqp' },
  amqps: { isSecure: true, speaker: 'amqp' },
  ws: { isSecure: false, speaker: 'web' },
  wss: { isSecure: true, speaker: 'web' },
}

export type Speaker = 'amqp' | 'web'

export interface ListenOptions {
  /** As the log and `server.addresses` call it. Default: its protocol, numbered from the second one on (`amqp`, `amqp-2`). */
  readonly name?: string | undefined
  readonly protocol: ListenProtocol
  /** An IP address or a host name; without one, all interfaces. */
  readonly host?: string | undefined
  /** The TCP port, 0 for a free one. */
  readonly port?: number | undefined
  /** A Unix socket instead of a port. */
  readonly path?: string | undefined
  /** The permissions of the Unix socket. Default 0o660: its owner and its group may connect. */
  readonly mode?: number | undefined
}

/** Where a server listens. */
export interface ListenAddress {
  /** As the log calls the listener. */
  readonly name: string
  readonly protocol: ListenProtocol
  /** An IP address; `0.0.0.0` and `::` stand for all of the machine's. Empty for a Unix socket. */
  readonly host: string
  /** The TCP port, never 0 but for a Unix socket. */
  readonly port: number
  /** The Unix socket, if it is one. */
  readonly path: string | undefined
}
