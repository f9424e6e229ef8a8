/** One request: who asks, for what, and with which values. */
import type { EmbeddedBroker } from '../embedded/embedded-broker.ts'
import type { PresentedCredentials } from '../embedded/embedded-logins.ts'
import { openVhosts } from './access.ts'
import { notFound } from './api-error.ts'
import { BODY_BYTES_MAX, type BodyReader, type HeldBody, parseObject } from './body.ts'
import type { JsonObject } from './json.ts'
import type { Line } from './line.ts'
import type { ListTurns } from './lists/list-turns.ts'
import type { ApiUser, ManagedServer } from './managed-server.ts'

export interface CallParts {
  readonly server: ManagedServer
  readonly user: ApiUser
  /** The user's permissions are not asked for. */
  readonly isTrusted: boolean
  readonly peerAddress: string
  readonly method: string
  readonly path: string
  readonly params: Readonly<Record<string, string>>
  readonly query: URLSearchParams
  readonly headers: Headers
  readonly stream: ReadableStream<Uint8Array> | null
  /** Whether the client has gone. */
  gone(): AbortSignal
  readonly bodies: BodyReader
  readonly listTurns: ListTurns
  readonly exports: Line
  readonly imports: Line
  effectiveConfig(): Promise<string>
  /** Undefined for credentials that let no user in. */
  logIn(credentials: PresentedCredentials): Promise<ApiUser | undefined>
}

/** Parts of a path that name an exchange. */
const EXCHANGES = new Set(['exchange', 'source', 'sourceExchange', 'destinationExchange'])

export class Call {
  readonly server: ManagedServer
  readonly user: ApiUser
  readonly isTrusted: boolean
  readonly peerAddress: string
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Headers
  readonly #parts: CallParts
  /** What was read of the body: an endpoint that has to wait for an authorizer begins anew. */
  #body: Promise<HeldBody> | undefined
  readonly #brokers = new Map<string, EmbeddedBroker | undefined>()

  constructor(parts: CallParts) {
    this.#parts = parts
    this.server = parts.server
    this.user = parts.user
    this.isTrusted = parts.isTrusted
    this.peerAddress = parts.peerAddress
    this.method = parts.method
    this.path = parts.path
    this.query = parts.query
    this.headers = parts.headers
  }

  /** A part of the path, decoded. The default exchange is `amq.default` there. */
  param(name: string): string {
    const value = this.#parts.params[name]
    if (value === undefined) throw new Error(`the route has no ${name}`)
    return EXCHANGES.has(name) && value === 'amq.default' ? '' : value
  }

  /** Undefined for credentials that let no user in. */
  async logIn(credentials: PresentedCredentials): Promise<ApiUser | undefined> {
    return await this.#parts.logIn(credentials)
  }

  get listTurns(): ListTurns {
    return this.#parts.listTurns
  }

  /** Options as a config file says them. */
  async effectiveConfig(): Promise<string> {
    return await this.#parts.effectiveConfig()
  }

  get gone(): AbortSignal {
    return this.#parts.gone()
  }

  /** Exports of definitions take their turn, and so do imports. */
  get exports(): Line {
    return this.#parts.exports
  }

  get imports(): Line {
    return this.#parts.imports
  }

  flag(name: string): boolean {
    return this.query.get(name) === 'true'
  }

  async bytes(bytesMax = BODY_BYTES_MAX): Promise<Buffer> {
    const { bytes, over } = await this.hold(bytesMax)
    over()
    return bytes
  }

  /** For a body that is kept for long: it counts as one that is being read until `over` is called. */
  async hold(bytesMax: number): Promise<HeldBody> {
    this.#body ??= this.#parts.bodies.hold(this.#parts.stream, bytesMax)
    return await this.#body
  }

  /** Throws ApiError for what is no JSON object. */
  async body(): Promise<JsonObject> {
    return parseObject((await this.bytes()).toString())
  }

  /** The virtual host of the path, which may do everything. Throws ApiError when there is none. */
  vhost(name = this.param('vhost')): EmbeddedBroker {
    const broker = this.server.virtualHosts.get(name)
    if (broker === undefined) throw notFound()
    return broker
  }

  /** The same with what the user may do in it. */
  vhostAsUser(name = this.param('vhost')): EmbeddedBroker {
    const { virtualHosts } = this.server
    if (!this.#brokers.has(name)) {
      const broker = this.isTrusted ? virtualHosts.inNameOf(this.user.name, name) : virtualHosts.as(this.user, name)
      this.#brokers.set(name, broker)
    }
    const broker = this.#brokers.get(name)
    if (broker === undefined) throw notFound()
    return broker
  }

  /** The virtual hosts that a list is about: the one of the path, or those that the user may open. */
  async vhosts(): Promise<EmbeddedBroker[]> {
    if (this.#parts.params.vhost !== undefined) return [this.vhost()]
    const names = await openVhosts(this.server, this.user, this.peerAddress)
    return names.flatMap((name) => this.server.virtualHosts.get(name) ?? [])
  }

  /** A list takes its time: meanwhile a virtual host may go, and another one of its name may come. */
  isThere(broker: EmbeddedBroker): boolean {
    return this.server.virtualHosts.get(broker.name) === broker
  }
}
