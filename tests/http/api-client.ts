// A broker with its management API, and what a test asks of it over HTTP.
import { startTestBroker, type TestBroker } from '../../src/testing.ts'

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON; undefined when there is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at what the API says, whatever it is
  readonly body: any
}

export interface RequestOptions {
  /** `name:password`; none for no log-in at all. */
  readonly login?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** The client goes away when it is aborted. */
  readonly signal?: AbortSignal
  /** Sent as it is, in place of JSON. */
  readonly raw?: string | Uint8Array
}

const ADMINISTRATOR = 'guest:guest'

export class ApiClient {
  readonly started: TestBroker
  readonly url: string

  constructor(started: TestBroker, url: string) {
    this.started = started
    this.url = url
  }

  static async start(config: Parameters<typeof startTestBroker>[0] = {}): Promise<ApiClient> {
    const started = await startTestBroker(config)
    const { url } = await started.server.http.listenManagement({ port: 0 })
    return new ApiClient(started, url)
  }

  async stop(): Promise<void> {
    await this.started.stop()
  }

  async request(method: string, path: string, body?: unknown, options: RequestOptions = {}): Promise<Reply> {
    const { login = ADMINISTRATOR, headers = {}, raw, signal } = options
    const authorization = login === '' ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` }
    const response = await fetch(`${this.url}/api${path}`, {
      method,
      redirect: 'manual',
      ...(signal === undefined ? {} : { signal }),
      headers: { ...authorization, ...headers },
      ...(raw !== undefined ? { body: raw } : body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson && text !== '' ? JSON.parse(text) : undefined,
    }
  }

  get(path: string, options?: RequestOptions): Promise<Reply> {
    return this.request('GET', path, undefined, options)
  }

  put(path: string, body: unknown = {}, options?: RequestOptions): Promise<Reply> {
    return this.request('PUT', path, body, options)
  }

  post(path: string, body: unknown = {}, options?: RequestOptions): Promise<Reply> {
    return this.request('POST', path, body, options)
  }

  delete(path: string, options?: RequestOptions): Promise<Reply> {
    return this.request('DELETE', path, undefined, options)
  }
}
