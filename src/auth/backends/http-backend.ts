/**
 * Users that an HTTP server knows: the protocol of RabbitMQ's rabbitmq_auth_backend_http. The server answers `allow`, with tags
 * behind it for a log-in, or `deny`. All else, and no answer in time, is no.
 */
import type { AuthorizedUser, Permission } from '../../broker/authorizer.ts'
import type { ResourceKind } from '../../broker/errors.ts'
import type { Credentials, Verdict } from '../authenticator.ts'
import { FairQueue } from '../fair-queue.ts'
import type { HttpClient } from '../http-client.ts'
import type { Backend } from './backend.ts'

/** Requests under way, each on a connection of its own. */
export const HTTP_AT_ONCE = 16
const WAITING_MAX = 1024
const WAITING_PER_USER_MAX = 128
const TAGS_MAX = 32
const TAG_BYTES_MAX = 255
/** How long an answer counts. */
const ANSWERS_TTL_MS = 15_000

export interface HttpBackendOptions {
  readonly method: 'get' | 'post'
  readonly userPath: string
  readonly vhostPath: string
  readonly resourcePath: string
  readonly topicPath: string
  readonly http: HttpClient
  /** Told why the server gave no answer that could be used. Answers and passwords are not in it. */
  readonly onProblem: (error: unknown) => void
}

type Fields = readonly (readonly [name: string, value: string])[]

export class HttpBackend implements Backend {
  readonly name = 'http'
  readonly answersTtlMs = ANSWERS_TTL_MS
  readonly #options: HttpBackendOptions
  readonly #queue = new FairQueue({
    atOnce: HTTP_AT_ONCE,
    waitingMax: WAITING_MAX,
    waitingPerKeyMax: WAITING_PER_USER_MAX,
  })

  constructor(options: HttpBackendOptions) {
    this.#options = options
  }

  authenticate({ name, password }: Credentials): Promise<Verdict> {
    const fields: Fields = [
      ['username', name],
      ['password', password.toString()],
    ]
    return this.#login(name, fields)
  }

  known(name: string): Promise<Verdict> {
    return this.#login(name, [['username', name]])
  }

  vhostAccess({ name, tags }: AuthorizedUser, vhost: string, peerAddress: string): Promise<boolean> {
    return this.#isAllowed(this.#options.vhostPath, name, [
      ['username', name],
      ['vhost', vhost],
      ['ip', peerAddress],
      ['tags', tags.join(' ')],
    ])
  }

  resource(
    user: AuthorizedUser,
    vhost: string,
    kind: ResourceKind,
    name: string,
    permission: Permission,
  ): Promise<boolean> {
    return this.#isAllowed(this.#options.resourcePath, user.name, [
      ['username', user.name],
      ['vhost', vhost],
      ['resource', kind],
      ['name', name],
      ['permission', permission],
      ['tags', user.tags.join(' ')],
    ])
  }

  topic(
    user: AuthorizedUser,
    vhost: string,
    exchange: string,
    key: string,
    permission: 'write' | 'read',
  ): Promise<boolean> {
    return this.#isAllowed(this.#options.topicPath, user.name, [
      ['username', user.name],
      ['vhost', vhost],
      ['resource', 'topic'],
      ['name', exchange],
      ['permission', permission],
      ['tags', user.tags.join(' ')],
      ['routing_key', key],
      ['variable_map.username', user.name],
      ['variable_map.vhost', vhost],
    ])
  }

  close(): void {
    this.#options.http.close()
  }

  async #login(name: string, fields: Fields): Promise<Verdict> {
    const answer = await this.#ask(this.#options.userPath, name, fields)
    if (answer === undefined) return { refusal: `user '${name}' - the HTTP server gave no answer`, isBusy: true }
    const tags = /^allow(?<tags>(?: +[^ ]+)*)$/i
      .exec(answer)
      ?.groups?.tags?.split(/ +/)
      .filter((tag) => tag !== '')
    if (tags === undefined) return { refusal: `user '${name}' - Denied by the backing HTTP service` }
    if (tags.length > TAGS_MAX || tags.some((tag) => Buffer.byteLength(tag) > TAG_BYTES_MAX))
      return { refusal: `user '${name}' - the HTTP server names too many tags` }
    return { user: { name, tags: [...new Set(tags)] } }
  }

  async #isAllowed(path: string, userName: string, fields: Fields): Promise<boolean> {
    const answer = await this.#ask(path, userName, fields)
    // An answer that is not there is asked for again; a no is remembered.
    if (answer === undefined) throw new Error('the HTTP server gave no answer')
    return answer.toLowerCase() === 'allow'
  }

  /** Undefined when there is no answer that can be used. */
  async #ask(path: string, userName: string, fields: Fields): Promise<string | undefined> {
    const { http, method, onProblem } = this.#options
    const form = fields.map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`).join('&')
    try {
      const asked = this.#queue.run(userName, () =>
        method === 'post' ? http.post(path, form) : http.get(`${path}${path.includes('?') ? '&' : '?'}${form}`),
      )
      if (asked === undefined) throw new Error('too many requests wait for the HTTP server')
      const { status, body } = await asked
      if (status === 200 || status === 201) return body.trim()
      throw new Error(`the HTTP server answers ${status}`)
    } catch (error) {
      onProblem(error)
      return undefined
    }
  }
}
