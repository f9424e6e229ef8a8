/** The management API as an application: finds the endpoint of a request, lets its user in, and tells what went wrong. */
import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import type { PresentedCredentials } from '../embedded/embedded-logins.ts'
import type { Logger } from '../lib/logger.ts'
import { plainAddress } from '../lib/peer.ts'
import type { RareLines } from '../lib/rare-lines.ts'
import { requireAccess } from './access.ts'
import { error as errorAnswer, unauthorized, withoutBody } from './answers.ts'
import { ApiError, asApiError, badRequest } from './api-error.ts'
import { BodyReader } from './body.ts'
import { isFromAnotherSite } from './browser-pages.ts'
import { Call } from './call.ts'
import { credentialsIn } from './credentials.ts'
import { Line } from './line.ts'
import { ListTurns } from './lists/list-turns.ts'
import type { ApiUser, ManagedServer } from './managed-server.ts'
import type { Endpoint, Method, Route } from './route.ts'
import { ROUTES } from './routes/all-routes.ts'

export interface AppOptions {
  readonly server: ManagedServer
  readonly logger: Logger
  readonly rareLines: RareLines
  /** What is in front of `/api`: empty, or `/rabbitmq`. */
  readonly pathPrefix: string
  /** Pages of these origins may use the API from a browser. */
  readonly allowOrigins: readonly string[]
  /** The options of the program around the server, as a config file says them; without, those of the server. */
  readonly effectiveConfig?: (() => string) | undefined
  /** Every client is let in as this user, without a log-in, and may do everything in every virtual host. */
  readonly trusted?: TrustedUser | undefined
  /** Endpoints beside those that everyone has. */
  readonly routes?: readonly Route[] | undefined
}

export interface TrustedUser {
  readonly user: ApiUser
  /** Where it comes from. */
  readonly peerAddress: string
}

type HttpContext = Context<{ Bindings: HttpBindings }>

/** Of exports, and of imports. */
const DEFINITIONS_AT_ONCE = 4
const DEFINITIONS_WAITING_MAX = 64
/** Permissions that one request may wait for. */
const DECISIONS_MAX = 16
/** Who asks where no log-in is asked for. */
const NO_USER: ApiUser = { name: '', tags: [] }
const FOREIGN_PAGE = new ApiError(
  403,
  'forbidden',
  'pages of another origin may change nothing here: --management-origins names those that may',
)
/** What RabbitMQ sends with every answer. */
const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  vary: 'origin',
}

export class ManagementApp {
  readonly #options: AppOptions
  readonly #bodies = new BodyReader()
  readonly #listTurns = new ListTurns()
  readonly #exports = new Line(DEFINITIONS_AT_ONCE, DEFINITIONS_WAITING_MAX)
  readonly #imports = new Line(DEFINITIONS_AT_ONCE, DEFINITIONS_WAITING_MAX)
  readonly #hono: Hono<{ Bindings: HttpBindings }>

  constructor(options: AppOptions) {
    this.#options = options
    // The path as the client has sent it, so that each part is decoded once, and a quoted slash is part of a name.
    this.#hono = new Hono({ getPath: (_request, given) => pathOf((given as { env: HttpBindings }).env) })
    for (const route of [...ROUTES, ...(options.routes ?? [])]) this.#register(route)
    const toIndex = (context: HttpContext): Response => context.redirect(`${options.pathPrefix}/api/index.html`, 301)
    this.#hono.get(`${options.pathPrefix}/api`, toIndex)
    this.#hono.notFound(() => errorAnswer(404, 'Object Not Found', 'Not Found'))
    this.#hono.onError((error, context) => this.#failure(error, context))
  }

  /** For an adapter to Node's HTTP server. */
  readonly fetch = async (request: Request, bindings: unknown): Promise<Response> => {
    const env = bindings as HttpBindings // the adapter's
    const response = await this.#hono.fetch(request, env)
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.headers.set(name, value)
    const origin = this.#allowedOrigin(request)
    if (origin !== undefined) {
      response.headers.set('access-control-allow-origin', origin)
      response.headers.set('access-control-allow-credentials', 'true')
    }
    return response
  }

  #register({ path, methods }: Route): void {
    this.#hono.all(`${this.#options.pathPrefix}/api${path}`, async (context) => {
      const isHead = context.req.method === 'HEAD'
      const method = isHead ? 'GET' : context.req.method
      if (method === 'OPTIONS') return this.#preflight(context.req.raw, methods)
      const endpoint = methods[method as Method]
      if (endpoint !== undefined) {
        const answer = await this.#carryOut(context, endpoint)
        return isHead ? withoutBody(answer) : answer
      }
      return new Response(null, { status: 405, headers: { allow: allowed(methods), 'content-length': '0' } })
    })
  }

  async #carryOut(context: HttpContext, endpoint: Endpoint): Promise<Response> {
    const { server } = this.#options
    const { raw } = context.req
    if (endpoint.requires !== 'nothing' && this.#isForeign(raw)) throw FOREIGN_PAGE
    const authorization = raw.headers.get('authorization')
    // A client that logs in wants to know whether it can.
    const trusted = authorization === null ? this.#options.trusted : undefined
    const peerAddress =
      this.#options.trusted?.peerAddress ?? plainAddress(context.env.incoming.socket.remoteAddress ?? '')
    const logIn = (credentials: PresentedCredentials): Promise<ApiUser | undefined> =>
      this.#login(credentials, peerAddress)
    const known = endpoint.requires === 'nothing' ? NO_USER : trusted?.user
    const credentials = known === undefined ? credentialsIn(authorization) : undefined
    const user = known ?? (credentials && (await logIn(credentials)))
    if (user === undefined) return unauthorized()
    requireDecodable(context.req.path)
    const params: Readonly<Record<string, string>> = context.req.param()
    const vhost = params.vhost ?? raw.headers.get('x-vhost') ?? undefined
    await requireAccess(server, user, peerAddress, endpoint.requires, this.#existing(vhost))
    const call = new Call({
      server,
      user,
      isTrusted: trusted !== undefined,
      peerAddress,
      method: context.req.method,
      path: context.req.path,
      params,
      query: queryOf(context.env.incoming.url ?? ''),
      headers: raw.headers,
      stream: raw.body,
      gone: () => raw.signal,
      bodies: this.#bodies,
      listTurns: this.#listTurns,
      exports: this.#exports,
      imports: this.#imports,
      effectiveConfig: async () => this.#options.effectiveConfig?.() ?? (await server.effectiveConfig()),
      logIn,
    })
    return await this.#handle(endpoint, call)
  }

  /** An authorizer may take its time: what waits for it is done again, and each time gets further. */
  async #handle(endpoint: Endpoint, call: Call): Promise<Response> {
    for (let left = DECISIONS_MAX; ; left--) {
      try {
        return await endpoint.handle(call)
      } catch (error) {
        const decided = this.#options.server.virtualHosts.whenDecided(error)
        if (decided === undefined || left === 0) throw error
        await decided
      }
    }
  }

  async #login(credentials: PresentedCredentials, peerAddress: string): Promise<ApiUser | undefined> {
    const verdict = await this.#options.server.logins.check(credentials, peerAddress)
    if ('user' in verdict) return verdict.user
    this.#options.rareLines.log(
      'warn',
      { peer: peerAddress, reason: verdict.refusal },
      'log-in to the management API refused',
    )
    return undefined
  }

  #existing(vhost: string | undefined): string | undefined {
    if (vhost === undefined || vhost === '') return undefined
    return this.#options.server.virtualHosts.get(vhost)?.name
  }

  #failure(error: unknown, context: HttpContext): Response {
    const known = asApiError(error)
    if (known !== undefined) {
      const response = errorAnswer(known.status, known.error, known.message)
      // The rest of the body may still be on its way.
      if (context.req.raw.body !== null) response.headers.set('connection', 'close')
      return response
    }
    this.#options.logger.error({ err: error, path: context.req.path }, 'internal error of the management API')
    return errorAnswer(500, 'Internal Server Error', 'Internal Server Error')
  }

  #allowedOrigin(request: Request): string | undefined {
    const origin = request.headers.get('origin')
    const { allowOrigins } = this.#options
    return origin !== null && (allowOrigins.includes(origin) || allowOrigins.includes('*')) ? origin : undefined
  }

  /** A page would change something in the name of the user whose password the browser remembers. */
  #isForeign(request: Request): boolean {
    const isHarmless = request.method === 'GET' || request.method === 'HEAD'
    return !isHarmless && this.#allowedOrigin(request) === undefined && isFromAnotherSite(request.headers)
  }

  #preflight(request: Request, methods: Route['methods']): Response {
    const allow = allowed(methods)
    if (this.#allowedOrigin(request) === undefined) return new Response(null, { status: 200, headers: { allow } })
    const headers = {
      allow,
      'access-control-allow-methods': allow,
      'access-control-allow-headers': 'authorization, content-type, x-vhost, x-reason',
      'access-control-max-age': '1728000',
    }
    return new Response(null, { status: 200, headers })
  }
}

function allowed(methods: Route['methods']): string {
  const names = Object.keys(methods)
  return ['OPTIONS', ...(names.includes('GET') ? ['HEAD'] : []), ...names].join(', ')
}

function pathOf({ incoming }: HttpBindings): string {
  const url = incoming.url ?? '/'
  const start = url.startsWith('/') ? 0 : Math.max(0, url.indexOf('/', url.indexOf('://') + 3))
  const query = url.indexOf('?')
  const end = query < 0 ? url.length : query
  // RabbitMQ takes a slash at the end for none.
  return url.slice(start, end > start + 1 && url[end - 1] === '/' ? end - 1 : end)
}

function queryOf(url: string): URLSearchParams {
  const start = url.indexOf('?')
  return new URLSearchParams(start < 0 ? '' : url.slice(start + 1))
}

/** The parts of a path are decoded one by one. Throws ApiError for what is no UTF-8. */
function requireDecodable(path: string): void {
  try {
    decodeURIComponent(path)
  } catch {
    throw badRequest('a part of the path is not encoded properly')
  }
}
