/** The other side of a connection: what is known of it before it has spoken any protocol. */

/** A name that a certificate has beside its subject. */
export interface AlternativeName {
  /** `dns`, `ip`, `email`, `uri`; anything else is `other`. */
  readonly type: 'dns' | 'ip' | 'email' | 'uri' | 'other'
  readonly value: string
}

/** What a client's certificate says of it. */
export interface PeerCertificate {
  /** The distinguished name, the most specific part first: `CN=app,OU=shop,O=Example`. */
  readonly subject: string
  /** All common names of the subject, in the order of the certificate. */
  readonly commonNames: readonly string[]
  readonly alternativeNames: readonly AlternativeName[]
}

export interface Peer {
  /**
   * The client's IP address; an IPv4 address is never written as an IPv6 one. Behind a trusted proxy it is what the proxy says, and
   * `unknown` when the proxy does not know. A client on a Unix socket has 127.0.0.1.
   */
  readonly address: string
  /** 0 on a Unix socket. */
  readonly port: number
  /** The name of the listener it came through. */
  readonly listener: string
  /** What it sends and gets is encrypted between it and this process. */
  readonly isEncrypted: boolean
  /** Its certificate, if it has shown one, and one of the authorities that the listener trusts has signed it. */
  readonly certificate: PeerCertificate | undefined
}

/** An IPv4 address that is written as an IPv6 one becomes what it is; all others stay. */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  return mapped?.[1] ?? address
}

/** `127.0.0.1:5672`, `[::1]:5672`. */
export function addressText(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
