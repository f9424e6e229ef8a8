/**
 * Asks HTTP servers that the operator trusts, within bounds: of time, of bytes, of connections. Connections are kept for the next
 * request. A redirection is an answer like any other: no request goes where the operator did not send it.
 */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

export interface HttpClientOptions {
  /** For the whole request, from the connection to the end of the answer. */
  readonly timeoutMs: number
  /** To connect, with TLS. Default: the whole time. */
  readonly connectTimeoutMs?: number
  /** Of the body of an answer. */
  readonly bytesMax: number
  readonly connectionsMax: number
  /** Certificates (PEM) of authorities to trust, instead of those that come with Node.js. */
  readonly ca?: string | undefined
}

export interface HttpAnswer {
  readonly status: number
  readonly body: string
}

export class HttpClient {
  readonly #options: HttpClientOptions
  readonly #http: HttpAgent
  readonly #https: HttpsAgent

  constructor(options: HttpClientOptions) {
    this.#options = options
    const agent = { keepAlive: true, maxSockets: options.connectionsMax, scheduling: 'lifo' } as const
    this.#http = new HttpAgent(agent)
    this.#https = new HttpsAgent({
      ...agent,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    })
  }

  get(url: string): Promise<HttpAnswer> {
    return this.#askTwice(url, undefined)
  }

  /** `form` is what a web form would send. */
  post(url: string, form: string): Promise<HttpAnswer> {
    return this.#askTwice(url, form)
  }

  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }

  /** A server may close a connection that was kept just when the next request is sent: that one goes out on a new one. */
  async #askTwice(url: string, form: string | undefined): Promise<HttpAnswer> {
    try {
      return await this.#ask(url, form, true)
    } catch (error) {
      if (!(error instanceof KeptConnectionClosed)) throw error
      return await this.#ask(url, form, false)
    }
  }

  #ask(url: string, form: string | undefined, isKept: boolean): Promise<HttpAnswer> {
    const { timeoutMs, connectTimeoutMs = timeoutMs } = this.#options
    return new Promise((resolve, reject) => {
      const request = this.#request(url, form, isKept)
      const timers = [setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)]
      const done = (): void => {
        for (const timer of timers) clearTimeout(timer)
      }
      request.on('socket', (socket) => {
        if (!socket.connecting) return
        const late = (): void => void request.destroy(new Error(`no connection within ${connectTimeoutMs} ms`))
        const timer = setTimeout(late, connectTimeoutMs)
        timers.push(timer)
        socket.once(request.protocol === 'https:' ? 'secureConnect' : 'connect', () => clearTimeout(timer))
      })
      request.on('error', (error: NodeJS.ErrnoException) => {
        done()
        const isClosed = error.code === 'ECONNRESET' || error.code === 'EPIPE'
        reject(request.reusedSocket && isClosed ? new KeptConnectionClosed(error.message) : error)
      })
      request.on('response', (response) => {
        this.#body(response).then(
          (body) => {
            done()
            resolve({ status: response.statusCode ?? 0, body })
          },
          (error) => {
            done()
            request.destroy()
            reject(error)
          },
        )
      })
      request.end(form)
    })
  }

  #request(url: string, form: string | undefined, isKept: boolean): ClientRequest {
    const headers =
      form === undefined
        ? {}
        : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(form) }
    const options = { method: form === undefined ? 'GET' : 'POST', headers }
    if (url.startsWith('https:')) {
      const { ca, minVersion, rejectUnauthorized } = this.#https.options
      const tls = { ...(ca === undefined ? {} : { ca }), ...(minVersion && { minVersion }), rejectUnauthorized }
      return httpsRequest(url, { ...options, ...tls, agent: isKept ? this.#https : false })
    }
    return httpRequest(url, { ...options, agent: isKept ? this.#http : false })
  }

  async #body(response: IncomingMessage): Promise<string> {
    const { bytesMax } = this.#options
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > bytesMax) throw new Error(`the answer has more than ${bytesMax} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString()
  }
}

class KeptConnectionClosed extends Error {}
