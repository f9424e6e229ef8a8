import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface WebRequest {
  readonly method: string
  readonly path: string
  /** Of the query, or of the form that was posted. */
  readonly fields: URLSearchParams
}

type Answer = string | { readonly status?: number; readonly body?: string; readonly headers?: Record<string, string> }

/** A web server on this machine, as a test needs it. */
export class WebServer {
  /** What it was asked, in order. */
  readonly requests: WebRequest[] = []
  /** How many connections there were. */
  connections = 0
  readonly #server = createServer((request, response) => void this.#answer(request, response))
  readonly #answers: (request: WebRequest) => Answer | Promise<Answer>

  private constructor(answers: (request: WebRequest) => Answer | Promise<Answer>) {
    this.#answers = answers
    this.#server.on('connection', () => this.connections++)
  }

  static async start(answers: (request: WebRequest) => Answer | Promise<Answer>): Promise<WebServer> {
    const server = new WebServer(answers)
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
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
