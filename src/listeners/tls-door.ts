/**
 * Encryption between a socket and what reads from it. One server of Node.js, which listens nowhere itself, does the handshakes of
 * all listeners; the certificates that it shows can be changed while clients are connected.
 */
import type { Socket } from 'node:net'
import { createServer, type DetailedPeerCertificate, type SecureContext, type Server, type TLSSocket } from 'node:tls'
import { guarded } from '../lib/guarded.ts'
import type { Logger } from '../lib/logger.ts'
import type { PeerCertificate } from '../lib/peer.ts'
import { certificateWarnings, type DatedCertificate } from './certificate-dates.ts'
import { readPeerCertificate } from './peer-certificate.ts'
import { readTlsFiles, type TlsFiles } from './tls-files.ts'
import { TLS_DEPTH_DEFAULT, type TlsOptions } from './tls-options.ts'

export interface TlsDoorContext {
  readonly logger: Logger
  /** Milliseconds since 1970. */
  readonly wallMs: () => number
}

/** A client in its handshake. One of the two is called, once, unless its socket closes before. */
export interface SecuringClient {
  readonly through: (socket: TLSSocket, certificate: PeerCertificate | undefined) => void
  readonly failed: (reason: string) => void
}

export class TlsDoor {
  readonly #options: TlsOptions
  readonly #context: TlsDoorContext
  readonly #server: Server
  readonly #clients = new Map<unknown, SecuringClient>()
  #files: TlsFiles
  /** Why the files that are there now are not in use. */
  #trouble: string | undefined

  /** Throws Error, which names the file, for one that cannot be read or used. */
  constructor(options: TlsOptions, context: TlsDoorContext) {
    const { verifyPeer = false, requireCertificate = false, hosts = [] } = options
    this.#options = options
    this.#context = context
    this.#files = readTlsFiles(options)
    this.#server = createServer({
      ...this.#files.context,
      requestCert: verifyPeer,
      // A client without a certificate is refused by its handshake. One with a certificate that no authority has signed is refused below.
      rejectUnauthorized: requireCertificate,
      ...(hosts.length === 0 ? {} : { SNICallback: this.#choose }),
    })
    this.#server.on('secureConnection', (socket) => this.#secured(socket))
    this.#server.on('tlsClientError', (error, socket) => this.#failed(error, socket))
    this.logDates()
  }

  get certificates(): readonly DatedCertificate[] {
    return this.#files.certificates
  }

  /** What an operator has to know: certificates that end soon, and new files that cannot be used. */
  get warnings(): string[] {
    const dates = certificateWarnings(this.#files.certificates, this.#context.wallMs())
    return this.#trouble === undefined ? dates : [...dates, this.#trouble]
  }

  /** Does the handshake on a socket that is not read from. */
  secure(socket: Socket, client: SecuringClient): void {
    this.#clients.set(socket, client)
    socket.once('close', () => this.#clients.delete(socket))
    this.#server.emit('connection', socket)
  }

  /**
   * Reads the files again: clients that come from now on see the new certificates, those that are connected stay. Files that
   * cannot be used change nothing. `isAsked`: the log answers also when nothing has changed.
   */
  reload(isAsked: boolean): void {
    const { logger } = this.#context
    try {
      const files = readTlsFiles(this.#options)
      const wasUnusable = this.#trouble !== undefined
      this.#trouble = undefined
      if (files.fingerprint === this.#files.fingerprint) {
        if (wasUnusable) logger.info({}, 'the TLS files can be used again; they are those in use')
        else if (isAsked) logger.info({}, 'the TLS files have not changed')
        return
      }
      this.#server.setSecureContext(files.context)
      this.#files = files
      const certificates = files.certificates.map(({ file, subject }) => ({ file, subject }))
      logger.info({ certificates }, 'new TLS files are in use')
      this.logDates()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#trouble = `${reason}; the TLS files that were read before stay in use`
      logger.error({}, this.#trouble)
    }
  }

  logDates(): void {
    const lines = certificateWarnings(this.#files.certificates, this.#context.wallMs())
    for (const line of lines) this.#context.logger.warn({}, line)
  }

  readonly #choose = (name: string, done: (error: null, context?: SecureContext) => void): void => {
    done(null, this.#contextOf(name))
  }

  /** Undefined for the certificate without a host name. It never throws, which would end the process. */
  #contextOf(name: string): SecureContext | undefined {
    const wanted = name.toLowerCase()
    const parent = wanted.slice(wanted.indexOf('.'))
    const { hosts } = this.#files
    const found = hosts.find((host) => host.name === wanted) ?? hosts.find((host) => host.name === `*${parent}`)
    return found?.context
  }

  readonly #secured = guarded(
    (socket: TLSSocket) => {
      const client = this.#take(socket)
      if (client === undefined) {
        socket.destroy()
        return
      }
      socket.disableRenegotiation()
      const verdict = this.#judge(socket)
      if ('refusal' in verdict) client.failed(verdict.refusal)
      else client.through(socket, verdict.certificate)
    },
    (error) => this.#context.logger.error({ err: error }, 'internal error after a TLS handshake'),
  )

  readonly #failed = guarded(
    (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      // Not the message: it may quote what the client has sent.
      this.#take(socket)?.failed(error.code ?? error.name)
      socket.destroy()
    },
    (error) => this.#context.logger.error({ err: error }, 'internal error in a TLS handshake'),
  )

  #take(socket: TLSSocket): SecuringClient | undefined {
    const inner = (socket as unknown as SocketAround)._parent
    const client = this.#clients.get(inner)
    this.#clients.delete(inner)
    return client
  }

  #judge(socket: TLSSocket): { readonly refusal: string } | { readonly certificate: PeerCertificate | undefined } {
    const { verifyPeer = false, depth = TLS_DEPTH_DEFAULT } = this.#options
    if (!verifyPeer) return { certificate: undefined }
    // Node.js tells of the authorities only before it was asked for the certificate alone.
    const between = authoritiesBetween(socket)
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined) return { certificate: undefined }
    if (!socket.authorized) return { refusal: `its certificate is refused: ${socket.authorizationError}` }
    // A session that goes on was looked at when it began.
    if (between > depth && !socket.isSessionReused())
      return { refusal: `its certificate is refused: there are more authorities between than ${depth}` }
    return { certificate: readPeerCertificate(certificate) }
  }
}

/** The part of an encrypted socket that is not public and has been there since Node 0.12: the socket that it encrypts. */
interface SocketAround {
  readonly _parent?: unknown
}

/** The certificates between the client's and the authority at the end; infinite when that one is not to be seen. */
function authoritiesBetween(socket: TLSSocket): number {
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true)
  let issuers = 0
  while (certificate !== undefined && certificate.issuerCertificate !== certificate) {
    certificate = certificate.issuerCertificate as DetailedPeerCertificate | undefined // unlike its type
    issuers++
  }
  return certificate === undefined ? Number.POSITIVE_INFINITY : Math.max(0, issuers - 1)
}
