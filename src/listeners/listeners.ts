/** All addresses that a server listens on: who is let in there, and what they get to speak to. */
import type { Socket } from 'node:net'
import type { Logger } from '../lib/logger.ts'
import type { Networks } from '../lib/networks.ts'
import type { RareLines } from '../lib/rare-lines.ts'
import type { Arrival } from './arrival.ts'
import type { DatedCertificate } from './certificate-dates.ts'
import { Entrance } from './entrance.ts'
import { type ListenAddress, type ListenOptions, PROTOCOLS } from './listen-options.ts'
import { Listener, type ListenerEvents } from './listener.ts'
import { OpenSockets } from './open-sockets.ts'
import { TlsDoor } from './tls-door.ts'
import { tlsPaths } from './tls-files.ts'
import { TLS_HANDSHAKE_TIMEOUT_MS, type TlsOptions } from './tls-options.ts'
import { TlsWatch } from './tls-watch.ts'
import { WaitingSockets, type WaitingSocketsMax } from './waiting-sockets.ts'
import type { WebDoor } from './web-door.ts'

export interface ListenersContext {
  readonly logger: Logger
  /** For what clients can cause at any rate. */
  readonly rareLines: RareLines
  /** The monotonic clock. */
  readonly now: () => number
  /** Milliseconds since 1970. */
  readonly wallMs: () => number
  /** From connecting to having logged in. */
  readonly handshakeTimeoutMs: number
  /** Clients that have not logged in. */
  readonly waitingMax: WaitingSocketsMax
  /** For listeners that are secure. */
  readonly tls: TlsOptions | undefined
  /** Networks whose clients come through a proxy that says who they are. */
  readonly proxies: Networks | undefined
  readonly frameMaxBytes: number
  readonly maxMessageSizeBytes: number
  /** Web pages of these origins may connect. */
  readonly origins: readonly string[]
  /** Takes the clients that speak AMQP. */
  readonly amqp: (arrival: Arrival) => void
}

export class Listeners implements ListenerEvents {
  readonly sockets = new OpenSockets()
  readonly #context: ListenersContext
  readonly #listeners: Listener[] = []
  readonly #entrance: Entrance
  #web: WebDoor | undefined
  #tls: TlsDoor | undefined
  #tlsWatch: TlsWatch | undefined

  constructor(context: ListenersContext) {
    this.#context = context
    this.#entrance = new Entrance({
      ...context,
      sockets: this.sockets,
      waiting: new WaitingSockets(context.waitingMax),
      entryTimeoutMs: Math.min(context.tls?.handshakeTimeoutMs ?? TLS_HANDSHAKE_TIMEOUT_MS, context.handshakeTimeoutMs),
      tls: () => this.#tls,
      speakers: { amqp: context.amqp, web: (arrival) => this.#web?.enter(arrival) },
    })
  }

  /** As many clients are connected as the system lets the process have. */
  get isFull(): boolean {
    return this.sockets.isFull
  }

  get addresses(): ListenAddress[] {
    return this.#listeners.flatMap(({ address }) => (address === undefined ? [] : [address]))
  }

  /** The certificates that secure listeners show, and others, with how much longer they can be used. */
  dated(others: readonly DatedCertificate[]): (DatedCertificate & { readonly leftMs: number })[] {
    const nowMs = this.#context.wallMs()
    const all = [...(this.#tls?.certificates ?? []), ...others]
    return all.map((certificate) => ({ ...certificate, leftMs: certificate.toMs - nowMs }))
  }

  /** What keeps clients from coming in, in plain words. */
  get warnings(): string[] {
    const down = this.#listeners.filter((listener) => listener.isDown)
    const warnings = down.map(({ name }) => `the listener ${name} is down: no client reaches it`)
    warnings.push(...(this.#tls?.warnings ?? []))
    if (this.isFull) warnings.push('the system lets the process open no more files: connections are refused')
    return warnings
  }

  /** Rejects with the system's error when it refuses the address, with Error for TLS files that cannot be used. */
  async listen(options: ListenOptions): Promise<void> {
    if (PROTOCOLS[options.protocol].isSecure) this.#openTls()
    if (PROTOCOLS[options.protocol].speaker === 'web') await this.#openWeb()
    const listener = new Listener(options.name ?? this.#newName(options.protocol), options, this)
    await listener.open()
    if (this.#listeners.push(listener) === 1) this.sockets.makeRoom(this.#context.logger)
  }

  /** The addresses keep the process running no longer. */
  unref(): void {
    for (const listener of this.#listeners) listener.unref()
  }

  /** Has the TLS files read again; says in the log what came of it. */
  reloadTls(): void {
    if (this.#tls === undefined)
      this.#context.logger.info({}, 'no listener uses TLS: there are no files to be read again')
    else this.#tls.reload(true)
  }

  /** Takes no more clients, and ends those that are not through yet. */
  async stop(): Promise<void> {
    this.#tlsWatch?.stop()
    this.#entrance.close()
    this.#web?.close()
    const closed = this.#listeners.map((listener) => listener.close())
    this.#listeners.length = 0
    // Clients keep `close` from resolving; the addresses are free at once.
    if (this.sockets.count === 0) await Promise.all(closed)
  }

  failed(error: Error, { name }: Listener): void {
    this.#context.rareLines.log('error', { err: error, listener: name }, 'the listener failed')
  }

  accepted(socket: Socket, listener: Listener): void {
    this.#entrance.enter(socket, listener)
  }

  /** What speaks HTTP and WebSocket takes eight megabytes: it is loaded for listeners that do. */
  async #openWeb(): Promise<void> {
    const { WebDoor } = await import('./web-door.ts')
    this.#web ??= new WebDoor(this.#context)
  }

  #openTls(): void {
    if (this.#tls !== undefined) return
    const { tls, logger, wallMs } = this.#context
    if (tls === undefined) throw new Error('a secure listener needs a certificate: see withTls')
    this.#tls = new TlsDoor(tls, { logger, wallMs })
    this.#tlsWatch = new TlsWatch(this.#tls, tlsPaths(tls))
  }

  /** `amqp`, `amqp-2` … */
  #newName(protocol: string): string {
    const names = new Set(this.#listeners.map(({ name }) => name))
    for (let number = 1; ; number++) {
      const name = number === 1 ? protocol : `${protocol}-${number}`
      if (!names.has(name)) return name
    }
  }
}
