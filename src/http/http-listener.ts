/** An HTTP server that slow, greedy and numerous clients do not harm. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { isKnownHost } from './host-names.ts'

/** RabbitMQ's names of what it speaks. */
export type HttpProtocol = 'http' | 'https' | 'http/prometheus' | 'https/prometheus'

/** Does TLS handshakes. */
export interface Encryption {
  readonly handshakeTimeoutMs: number
  /** One of the two is called, once, unless the socket closes before. */
  secure(
    socket: Socket,
    client: { readonly through: (socket: Socket) => void; readonly failed: (reason: string) => void },
  ): void
  close(): void
}

/** Answers a request. */
export type Fetch = (request: Request, bindings: unknown) => Promise<Response>

export interface HttpListenerOptions {
  readonly protocol: HttpProtocol
  /** Called for the first request. */
  readonly load: () => Promise<Fetch>
  readonly encryption?: Encryption | undefined
  readonly onFailure: (error: unknown) => void
  /** Names that it answers to, besides addresses and localhost. Default: all. */
  readonly hosts?: readonly string[]
  /** A client that takes nothing of an answer for so long is cut off. Default 30 seconds. */
  readonly sendTimeoutMs?: number
}

const CONNECTIONS_MAX = 1024
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 60_000
const IDLE_TIMEOUT_MS = 60_000
const SEND_TIMEOUT_MS = 30_000
const HEADER_BYTES_MAX = 16 * 1024
/** A client that sends more requests than this before it has an answer is cut off. */
const PIPELINED_MAX = 128

export class HttpListener {
  readonly protocol: HttpProtocol
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #encryption: Encryption | undefined

  constructor(options: HttpListenerOptions) {
    const { protocol, load, encryption, onFailure, hosts = [], sendTimeoutMs = SEND_TIMEOUT_MS } = options
    this.protocol = protocol
    this.#encryption = encryption
    let loaded: Promise<Answer> | undefined
    const pipelines = new WeakMap<Socket, Pipeline>()
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      response.on('error', () => {}) // the client has gone
      const { socket } = request
      if (!isKnownHost(request.headers.host, hosts)) {
        response
          .writeHead(421, { connection: 'close' })
          .end('No such host here: --http-hosts names those that there are.\n')
        return
      }
      const pipeline = pipelines.get(socket) ?? new Pipeline()
      pipelines.set(socket, pipeline)
      const turn = pipeline.turn(response)
      if (turn === undefined) {
        socket.destroy()
        return
      }
      loaded ??= loadAnswer(load)
      Promise.all([loaded, turn])
        .then(([listener]) => {
          // Nothing would tell whoever answers that nobody reads it: Node closes only the answer whose turn it was.
          if (socket.destroyed) return
          pipeline.isAtWork = () => request.complete && !response.headersSent
          return listener(request, response)
        })
        .catch(onFailure)
    }
    const settings = {
      maxHeaderSize: HEADER_BYTES_MAX,
      connectionsCheckingInterval: 5000,
      keepAliveTimeout: IDLE_TIMEOUT_MS,
    }
    this.#server = createServer(
      { ...settings, headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS },
      answer,
    )
    if (encryption !== undefined) encrypt(this.#server, encryption)
    this.#server.maxConnections = CONNECTIONS_MAX
    this.#server.timeout = sendTimeoutMs
    this.#server.on('timeout', (socket: Socket) => {
      // It waits for an answer that takes long: a move of very many messages, or a disk without room.
      if (pipelines.get(socket)?.isAtWork() === true) socket.setTimeout(sendTimeoutMs)
      else socket.destroy()
    })
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('clientError', (_error, socket) => socket.destroy())
  }

  get address(): { readonly host: string; readonly port: number } {
    const { address, port } = this.#server.address() as AddressInfo // it listens on a host and port
    return { host: address, port }
  }

  /** Rejects with the system's error when it refuses the port. */
  async listen(host: string | undefined, port: number): Promise<void> {
    await this.#listening(() => this.#server.listen({ ...(host === undefined ? {} : { host }), port }))
  }

  /** On a Unix socket; `within` calls what makes its file. Rejects with the system's error when it refuses the path. */
  async listenAt(path: string, within: (listen: () => void) => void): Promise<void> {
    await this.#listening(() => within(() => this.#server.listen(path)))
  }

  async #listening(listen: () => void): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.once('listening', () => {
        this.#server.off('error', reject)
        resolve()
      })
      listen()
    })
  }

  /** The port keeps the process running no longer. */
  unref(): void {
    this.#server.unref()
  }

  /** Takes no more clients, and cuts off those that there are. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const socket of this.#sockets) socket.destroy()
    this.#encryption?.close()
    await closed
  }
}

/** Requests of one connection that have no answer yet. They are carried out one after the other: answers leave in this order anyway. */
class Pipeline {
  /** Whether all of a request is there, and nothing of its answer. */
  isAtWork: () => boolean = () => false
  #count = 0
  #last: Promise<void> = Promise.resolve()

  /** Resolves when the answers before this one are sent; undefined when the client has sent too many requests by now. */
  turn(response: ServerResponse): Promise<void> | undefined {
    if (this.#count >= PIPELINED_MAX) return undefined
    this.#count++
    const before = this.#last
    this.#last = new Promise((resolve) => {
      response.once('close', () => {
        this.#count--
        resolve()
      })
    })
    return before
  }
}

/** What Node's server does with a connection it does once the handshake is over, with what comes out of the encryption. */
function encrypt(server: Server, encryption: Encryption): void {
  const [speak] = server.listeners('connection') as ((socket: Duplex) => void)[]
  server.removeAllListeners('connection')
  server.on('connection', (socket) => {
    const timer = setTimeout(() => socket.destroy(), encryption.handshakeTimeoutMs)
    socket.once('close', () => clearTimeout(timer))
    socket.on('error', () => {}) // the client has gone
    encryption.secure(socket, {
      through: (secure) => {
        clearTimeout(timer)
        speak?.call(server, secure)
      },
      failed: () => socket.destroy(),
    })
  })
}

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>

async function loadAnswer(load: () => Promise<Fetch>): Promise<Answer> {
  const [fetch, { getRequestListener }] = await Promise.all([load(), import('@hono/node-server')])
  return getRequestListener(fetch, { overrideGlobalObjects: false })
}
