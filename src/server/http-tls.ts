/** TLS for HTTP: a door of its own, with the certificate of the listeners or another one, whose files are read again when they change. */
import type { Socket } from 'node:net'
import type { Logger } from '../lib/logger.ts'
import type { DatedCertificate } from '../listeners/certificate-dates.ts'
import { checkTls } from '../listeners/option-checks.ts'
import { type SecuringClient, TlsDoor } from '../listeners/tls-door.ts'
import { tlsPaths } from '../listeners/tls-files.ts'
import { TLS_HANDSHAKE_TIMEOUT_MS, type TlsOptions } from '../listeners/tls-options.ts'
import { TlsWatch } from '../listeners/tls-watch.ts'

export interface HttpTlsContext {
  readonly logger: Logger
  /** Milliseconds since 1970. */
  readonly wallMs: () => number
  /** What the listeners have. */
  readonly listenersTls: TlsOptions | undefined
}

export class HttpTls {
  readonly handshakeTimeoutMs: number
  readonly #door: TlsDoor
  readonly #watch: TlsWatch

  /** Throws TypeError or RangeError for options that make no sense, Error for files that cannot be used. */
  constructor(asked: TlsOptions | 'as listeners', { listenersTls, ...context }: HttpTlsContext) {
    const options = asked === 'as listeners' ? ofListeners(listenersTls) : asked
    checkTls(options)
    this.handshakeTimeoutMs = options.handshakeTimeoutMs ?? TLS_HANDSHAKE_TIMEOUT_MS
    this.#door = new TlsDoor(options, context)
    this.#watch = new TlsWatch(this.#door, tlsPaths(options))
  }

  get certificates(): readonly DatedCertificate[] {
    return this.#door.certificates
  }

  get warnings(): string[] {
    return this.#door.warnings
  }

  secure(socket: Socket, client: SecuringClient): void {
    this.#door.secure(socket, client)
  }

  reload(): void {
    this.#door.reload(true)
  }

  close(): void {
    this.#watch.stop()
  }
}

/** Their clients may need a certificate; those of the API have a password or a token. */
function ofListeners(tls: TlsOptions | undefined): TlsOptions {
  if (tls === undefined) throw new Error('TLS for HTTP needs a certificate: one of its own, or that of withTls')
  return { ...tls, verifyPeer: false, requireCertificate: false }
}
