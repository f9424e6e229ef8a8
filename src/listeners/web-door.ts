/**
 * AMQP over WebSockets. A client asks for one by HTTP: at a known path, with the subprotocol `amqp` or none, and, if a browser sends
 * it for a page of some origin, from an origin that is allowed. Nothing else is served. Messages are not compressed. Clients put a
 * whole publish into one, however many frames it has, so that they may be as long as that.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { guarded } from '../lib/guarded.ts'
import type { Logger } from '../lib/logger.ts'
import { addressText } from '../lib/peer.ts'
import type { RareLines } from '../lib/rare-lines.ts'
import type { Arrival } from './arrival.ts'
import { UnfinishedMessage } from './unfinished-message.ts'
import { webSocketStream } from './web-socket-stream.ts'

const SUBPROTOCOL = 'amqp'
/** RabbitMQ's path, and LavinMQ's. */
const PATHS: ReadonlySet<string> = new Set(['/', '/ws', '/ws/amqp'])
const HEADERS_BYTES_MAX = 8192
/** Frames take eight bytes besides what they hold, which is as much as this part of the smallest that may be agreed on. */
const FRAMES_SHARE = 512
/** Clients put several small frames into a message. */
const ROOM_BYTES = 64 * 1024
const FRAGMENTS_MAX = 1024
const CHUNKS_MAX = 4096
/** What a network carries at once is longer, most of the time. */
const CHUNK_BYTES_MIN = 1024
const CLOSE_TIMEOUT_MS = 1000
const SHOWN_CHARACTERS = 100

export interface WebDoorContext {
  readonly logger: Logger
  /** For what clients can cause at any rate. */
  readonly rareLines: RareLines
  /** The monotonic clock. */
  readonly now: () => number
  readonly frameMaxBytes: number
  readonly maxMessageSizeBytes: number
  /** Pages of these origins may connect: `https://app.example`. */
  readonly origins: readonly string[]
  /** Takes the clients that have a WebSocket. */
  readonly amqp: (arrival: Arrival) => void
}

/** A client that has no WebSocket yet. */
interface Waiting {
  readonly arrival: Arrival
  /** It has one now, or is gone. */
  end(): void
}

export class WebDoor {
  readonly #context: WebDoorContext
  readonly #origins: ReadonlySet<string>
  readonly #http: Server
  readonly #sockets: WebSocketServer
  readonly #waiting = new Map<Duplex, Waiting>()

  constructor(context: WebDoorContext) {
    this.#context = context
    this.#origins = new Set(context.origins)
    const { frameMaxBytes, maxMessageSizeBytes: bytes } = context
    const maxPayload = bytes + Math.ceil(bytes / FRAMES_SHARE) + frameMaxBytes + ROOM_BYTES
    const closing = { closeTimeout: CLOSE_TIMEOUT_MS } // its types do not know it yet
    this.#sockets = new WebSocketServer({
      ...closing,
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      autoPong: false,
      maxPayload,
      maxFragments: FRAGMENTS_MAX,
      maxBufferedChunks: CHUNKS_MAX + maxPayload / CHUNK_BYTES_MIN,
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    })
    this.#http = createServer({ maxHeaderSize: HEADERS_BYTES_MAX, keepAlive: false })
    const onDefect = (error: unknown): void => context.logger.error({ err: error }, 'internal error before a WebSocket')
    this.#http.on('request', (_request, response) => {
      response
        .writeHead(426, { connection: 'close', upgrade: 'websocket' })
        .end('This port speaks AMQP over WebSockets.\n')
    })
    this.#http.on(
      'upgrade',
      guarded(
        (request: IncomingMessage, stream: Duplex, head: Buffer) => this.#upgrade(request, stream, head),
        onDefect,
      ),
    )
    this.#http.on('clientError', (_error, stream) => void stream.destroy())
  }

  /** A client that is to ask for a WebSocket, and to log in, in time. */
  enter(arrival: Arrival): void {
    const { stream, head } = arrival
    const timer = setTimeout(() => this.#outOfTime(arrival), Math.max(0, arrival.deadlineMs - this.#context.now()))
    this.#waiting.set(stream, {
      arrival,
      end: () => {
        clearTimeout(timer)
        this.#waiting.delete(stream)
      },
    })
    stream.on('error', () => {}) // `close` follows
    stream.once('close', () => {
      const waiting = this.#waiting.get(stream)
      if (waiting === undefined) return
      waiting.end()
      arrival.gone()
    })
    if (head !== undefined && head.length > 0) stream.unshift(head)
    this.#http.emit('connection', stream)
    stream.resume()
  }

  /** Ends those that have no WebSocket yet. */
  close(): void {
    for (const stream of this.#waiting.keys()) stream.destroy()
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const waiting = this.#waiting.get(stream)
    if (waiting === undefined) {
      stream.destroy()
      return
    }
    const { arrival } = waiting
    const refusal = this.#refusalOf(request)
    if (refusal !== undefined) {
      this.#refuse(arrival, refusal)
      return
    }
    this.#sockets.handleUpgrade(request, stream, head, (socket) => {
      waiting.end()
      this.#handOver(arrival, socket)
    })
  }

  /** What HTTP says to it, and the log. */
  #refusalOf({ url = '', headers }: IncomingMessage): Refusal | undefined {
    const { origin } = headers
    if (!PATHS.has(url.replace(/\?.*$/s, '')))
      return { status: '404 Not Found', reason: 'there is nothing at its path' }
    // Only browsers send one. A page of another site must not use what its visitor can reach, such as a broker on their machine.
    if (origin !== undefined && !this.#origins.has(origin.toLowerCase()))
      return { status: '403 Forbidden', reason: `pages of ${origin.slice(0, SHOWN_CHARACTERS)} may not connect` }
    const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim())
    if (offered !== undefined && !offered.includes(SUBPROTOCOL))
      return { status: '400 Bad Request', reason: 'it offers other subprotocols than amqp' }
    return undefined
  }

  #refuse({ peer, stream }: Arrival, { status, reason }: Refusal): void {
    const fields = { peer: addressText(peer.address, peer.port), listener: peer.listener, reason }
    this.#context.rareLines.log('warn', fields, 'a client is refused a WebSocket')
    stream.once('finish', () => stream.destroy())
    stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  }

  #handOver(arrival: Arrival, socket: WebSocket): void {
    const { stream: below } = arrival
    const unfinished = new UnfinishedMessage(socket, below)
    this.#context.amqp({
      ...arrival,
      stream: webSocketStream(socket, below),
      head: undefined,
      loggedIn: () => {
        unfinished.loggedIn()
        arrival.loggedIn()
      },
      watchHeld: (tell) => unfinished.watch(tell),
    })
  }

  #outOfTime({ peer, stream }: Arrival): void {
    const fields = { peer: addressText(peer.address, peer.port), listener: peer.listener }
    this.#context.rareLines.log('warn', fields, 'a client did not ask for a WebSocket in time')
    stream.destroy()
  }
}

interface Refusal {
  readonly status: string
  readonly reason: string
}
