import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface WebRequest {
  readonly method: string
  readonly path: string
  /** Of the query, or of the form that was posted. */
  readonly fields: URLSearchParams
}

/** What a server with TLS shows, in PEM. */
export interface WebServerTls {
  readonly cert: string
  readonly key: string
  readonly maxVersion?: 'TLSv1.1' | 'TLSv1.3'
  readonly minVersion?: 'TLSv1' | 'TLSv1.2'
  readonly ciphers?: string
}

type Answer = string | { readonly status?: number; readonly body?: string; readonly headers?: Record<string, string> }

/** A web server on this machine, as a test needs it. */
export class WebServer {
  /** What it was asked, in order. */
  readonly requests: WebRequest[] = []
  /** How many connections there were. */
  connections = 0
  readonly #server: Server
  readonly #scheme: 'http' | 'https'
  readonly #answers: (request: WebRequest) => Answer | Promise<Answer>

  private constructor(answers: (request: WebRequest) => Answer | Promise<Answer>, tls: WebServerTls | undefined) {
    this.#answers = answers
    this.#scheme = tls === undefined ? 'http' : 'https'
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response)
    this.#server = tls === undefined ? createServer(answer) : createSecureServer(tls, answer)
    this.#server.on('connection', () => this.connections++)
  }

  static async start(
    answers: (request: WebRequest) => Answer | Promise<Answer>,
    tls?: WebServerTls,
  ): Promise<WebServer> {
    const server = new WebServer(answers, tls)
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Closes the connections that are kept and idle. */
  dropIdle(): void {
    this.#server.closeIdleConnections()
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(message.url ?? '/', this.url)
    const chunks: Buffer[] = []
    for await (const chunk of message) chunks.push(chunk as Buffer)
    const posted = Buffer.concat(chunks).toString()
    const fields = message.method === 'POST' ? new URLSearchParams(posted) : url.searchParams
    const request = { method: message.method ?? '', path: url.pathname, fields }
    this.requests.push(request)
    const answer = await this.#answers(request)
    const { status = 200, body = '', headers = {} } = typeof answer === 'string' ? { body: answer } : answer
    response.writeHead(status, headers).end(body)
  }
}
