/** What a server needs for TLS. Files are read when it starts to listen, and again when they change. */

export type TlsVersion = 'tlsv1.2' | 'tlsv1.3'

/** A host name with a certificate of its own. */
export interface TlsHost {
  /** `mq.example.com`, or `*.example.com` for all names with one more label. */
  readonly name: string
  readonly certFile: string
  readonly keyFile: string
}

export interface TlsOptions {
  /** The server's certificate in PEM, with those between it and its authority behind it. */
  readonly certFile: string
  /** Its private key in PEM. */
  readonly keyFile: string
  /** The password of the private keys. */
  readonly password?: string | undefined
  /** The authorities in PEM that sign the certificates of clients. */
  readonly caFile?: string | undefined
  /** Clients are asked for a certificate; one that is shown has to be signed by one of the authorities. Needs `caFile`. Default false. */
  readonly verifyPeer?: boolean | undefined
  /** A client that shows none is refused. Needs `verifyPeer`. Default false. */
  readonly requireCertificate?: boolean | undefined
  /** How many certificates may stand between a client's and its authority, 0–100. Default 10. */
  readonly depth?: number | undefined
  /** Default both. */
  readonly versions?: readonly TlsVersion[] | undefined
  /** Names of OpenSSL, in order. Default: those of Node.js, `TLS_AES_128_GCM_SHA256` first. */
  readonly ciphers?: readonly string[] | undefined
  /** The server's order of ciphers counts, not the client's. Default true. */
  readonly honorCipherOrder?: boolean | undefined
  /** Time for the handshake, in milliseconds, 100–3600000. Default 5000. */
  readonly handshakeTimeoutMs?: number | undefined
  /** Further certificates, by the host name that the client asks for (SNI). */
  readonly hosts?: readonly TlsHost[] | undefined
}

export const TLS_DEPTH_DEFAULT = 10
export const TLS_HANDSHAKE_TIMEOUT_MS = 5000
