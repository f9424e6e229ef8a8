/** Speaks to a broker over HTTP, by its control socket or by an address: both have the same API. */
import { type IncomingMessage, request as overHttp, type RequestOptions } from 'node:http'
import { request as overHttps } from 'node:https'
import { text } from 'node:stream/consumers'
import { jsonText, parseJson } from '../../lib/exact-json.ts'
import { CtlExit, CtlFailure } from './ctl-failure.ts'

/** Where the broker is. */
export type Target =
  | {
      readonly kind: 'socket'
      /** As the operator knows it. */
      readonly path: string
      /** What to connect to. */
      readonly socketPath: string
    }
  | {
      readonly kind: 'url'
      readonly url: URL
      readonly login: Login
      /** Authorities that the broker's certificate is checked with, in PEM; those of Node.js when not given. */
      readonly ca: string | undefined
    }

export interface Login {
  readonly name: string
  readonly password: string
}

export interface Reply {
  readonly status: number
  readonly text: string
}

interface Sending {
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** In place of the login of the target. */
  readonly login?: Login
}

export class BrokerClient {
  readonly target: Target
  readonly #timeoutMs: number

  /** A request takes so long at most; 0: any time. */
  constructor(target: Target, timeoutMs: number) {
    this.target = target
    this.#timeoutMs = timeoutMs
  }

  /** Where the broker is, in words and without a password. */
  get place(): string {
    return this.target.kind === 'socket' ? this.target.path : this.target.url.origin
  }

  /** The JSON that a path below `/api` answers. Throws CtlFailure. */
  async get(path: string): Promise<unknown> {
    return json(accepted(await this.send('GET', path)))
  }

  /** The text that a path below `/api` answers. Throws CtlFailure. */
  async text(path: string): Promise<string> {
    return accepted(await this.send('GET', path)).text
  }

  async put(path: string, body: unknown): Promise<void> {
    accepted(await this.send('PUT', path, { body }))
  }

  async post(path: string, body: unknown = {}): Promise<unknown> {
    return json(accepted(await this.send('POST', path, { body })))
  }

  async delete(path: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
    accepted(await this.send('DELETE', path, { headers }))
  }

  /** Whatever the broker answers. Throws CtlFailure when it does not. */
  async send(method: string, path: string, sending: Sending = {}): Promise<Reply> {
    const signal = this.#timeoutMs === 0 ? undefined : AbortSignal.timeout(this.#timeoutMs)
    try {
      const response = await this.#open(method, path, sending, signal)
      return { status: response.statusCode ?? 0, text: await text(response) }
    } catch (error) {
      throw this.#failure(error, signal)
    }
  }

  /** An answer that may be long, or go on for ever: the time limit is that of its start. */
  async stream(method: string, path: string): Promise<IncomingMessage> {
    const limit = new AbortController()
    const timer = this.#timeoutMs === 0 ? undefined : setTimeout(() => limit.abort(), this.#timeoutMs)
    try {
      const response = await this.#open(method, path, {}, limit.signal)
      if (response.statusCode !== 200) accepted({ status: response.statusCode ?? 0, text: await text(response) })
      return response
    } catch (error) {
      throw error instanceof CtlFailure ? error : this.#failure(error, limit.signal)
    } finally {
      clearTimeout(timer)
    }
  }

  #open(
    method: string,
    path: string,
    { body, headers = {}, login }: Sending,
    signal: AbortSignal | undefined,
  ): Promise<IncomingMessage> {
    const { target } = this
    const used = login ?? (target.kind === 'url' ? target.login : undefined)
    const authorization =
      used === undefined
        ? {}
        : { authorization: `Basic ${Buffer.from(`${used.name}:${used.password}`).toString('base64')}` }
    const bytes = body === undefined ? undefined : Buffer.from(jsonText(body))
    const length = bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': bytes.length }
    const options: RequestOptions = {
      method,
      headers: { ...authorization, ...length, ...headers },
      agent: false,
      ...(signal === undefined ? {} : { signal }),
      ...addressOf(target, `/api${path}`),
    }
    const isSecure = target.kind === 'url' && target.url.protocol === 'https:'
    return new Promise((resolve, reject) => {
      const request = (isSecure ? overHttps : overHttp)(options, resolve)
      request.once('error', reject)
      request.end(bytes)
    })
  }

  #failure(error: unknown, signal: AbortSignal | undefined): CtlFailure {
    if (signal?.aborted === true) {
      const seconds = this.#timeoutMs / 1000
      return new CtlFailure(CtlExit.timeout, `the broker at ${this.place} has not answered within ${seconds} seconds`)
    }
    const { code = '', message } = error as NodeJS.ErrnoException
    if (code === 'EACCES' || code === 'EPERM')
      return new CtlFailure(CtlExit.noPermission, `this user may not use the control socket ${this.place}`)
    const why = REASONS[code] ?? message
    return new CtlFailure(CtlExit.unavailable, `no broker answers at ${this.place}: ${why}`, { cause: error })
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT:
    'there is no such socket; if the broker runs, its log names the socket: give that to --ctl-socket, or its folder to --data-dir',
  ECONNREFUSED: 'nothing listens there; is the broker running?',
  ECONNRESET: 'it has closed the connection',
  ENOTFOUND: 'no such host is known',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself; --ca-file names a file to trust',
  SELF_SIGNED_CERT_IN_CHAIN: 'its authority is not known here; --ca-file names a file with its certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its authority is not known here; --ca-file names a file with its certificate',
}

function addressOf(target: Target, path: string): RequestOptions {
  if (target.kind === 'socket') return { socketPath: target.socketPath, host: 'localhost', path }
  const { hostname, port, pathname } = target.url
  const prefix = pathname.replace(/\/+$/, '')
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const ca = target.ca === undefined ? {} : { ca: target.ca }
  return { host, ...(port === '' ? {} : { port }), path: `${prefix}${path}`, ...ca }
}

/** Names in paths: `apiPath` quotes what stands between the parts. */
export function apiPath(parts: TemplateStringsArray, ...names: readonly string[]): string {
  return parts.reduce((path, part, at) => `${path}${encodeURIComponent(names[at - 1] ?? '')}${part}`)
}

const REFUSED = 'the name or password is wrong, or the user lacks a tag for this command'

/** Throws CtlFailure for an answer that is no success. */
export function accepted(reply: Reply): Reply {
  const { status } = reply
  if (status >= 200 && status < 300) return reply
  const reason = reasonIn(reply)
  if (status === 401) throw new CtlFailure(CtlExit.noPermission, reason === 'Not_Authorized' ? REFUSED : reason)
  if (status === 503) throw new CtlFailure(CtlExit.unavailable, reason)
  throw new CtlFailure(status === 400 || status === 404 ? CtlExit.data : CtlExit.software, reason)
}

function reasonIn({ status, text: body }: Reply): string {
  try {
    const { reason, expired } = JSON.parse(body) as { readonly reason?: unknown; readonly expired?: unknown }
    if (typeof reason === 'string') return Array.isArray(expired) ? `${reason}: ${datesOf(expired)}` : reason
  } catch {
    // Something else answers there.
  }
  return `the broker answers ${status}`
}

/** Of certificates, as the API lists them. */
function datesOf(certificates: readonly Readonly<Record<string, unknown>>[]): string {
  return certificates.map((one) => `${one.certfile} is valid until ${one.certfile_expires_on}`).join(', ')
}

function json({ text: body }: Reply): unknown {
  if (body === '') return undefined
  try {
    return parseJson(body)
  } catch {
    throw new CtlFailure(CtlExit.software, 'what answers there is no management API: its answer is no JSON')
  }
}
