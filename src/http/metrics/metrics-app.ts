/** `/metrics` in RabbitMQ's three forms: all objects together, each object, or what is asked for of each object. */
import type { ServerResponse } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono, type HonoRequest } from 'hono'
import type { Logger } from '../../lib/logger.ts'
import { Line } from '../line.ts'
import type { ManagedServer } from '../managed-server.ts'
import { readiness } from '../readiness.ts'
import { nodeMemory } from '../shapes/node-shape.ts'
import { writeBroker, writeCommon, writeOwn } from './broker-metrics.ts'
import { CONTENT_TYPES, Exposition, type Format, formatFor } from './exposition.ts'
import { COMMON_PREFIX, OWN_PREFIX, writeEach, writeSums } from './object-metrics.ts'
import { sendText } from './sent-text.ts'
import { SeriesMemory } from './series-memory.ts'
import { writeIdentity, writeServer } from './server-metrics.ts'

const PREFIX = 'rabbitmq_'
const DETAILED_PREFIX = 'rabbitmq_detailed_'

interface Write {
  readonly text: Exposition
  /** Of the request's address. */
  queries(name: string): readonly string[] | undefined
}

export interface MetricsOptions {
  readonly server: ManagedServer
  readonly logger: Logger
}

/** So many wait for their turn at most: no log-in is asked for here. */
const WAITING_MAX = 8

/** One answer is gathered and sent at a time: each takes memory for all there is. */
export class MetricsApp {
  readonly #server: ManagedServer
  readonly #logger: Logger
  readonly #hono = new Hono<{ Bindings: HttpBindings }>()
  readonly #line = new Line(1, WAITING_MAX)
  readonly #memory = new SeriesMemory()

  constructor({ server, logger }: MetricsOptions) {
    this.#server = server
    this.#logger = logger
    const get = (path: string, endpoint: string, write: (call: Write) => Promise<void>): void => {
      this.#hono.get(path, ({ req, env }) => this.#inTurn(endpoint, req, env.outgoing, write))
    }
    get('/metrics', 'aggregated', ({ text }) => writeSums(text, server))
    get('/metrics/per-object', 'per-object', ({ text }) => writeEach(text, server, this.#memory, {}))
    get('/metrics/detailed', 'detailed', ({ text, queries }) => {
      const vhosts = queries('vhost')
      const families = new Set(queries('family') ?? [])
      return writeEach(
        text,
        server,
        this.#memory,
        vhosts === undefined ? { families } : { families, vhosts: new Set(vhosts) },
      )
    })
    get('/metrics/memory-breakdown', 'memory-breakdown', ({ text }) => this.#writeMemory(text))
    this.#hono.get('/health/live', () => Response.json({ status: 'ok' }))
    this.#hono.get('/health/ready', async () => {
      const { isReady, reason } = await readiness(server)
      return isReady ? Response.json({ status: 'ok' }) : Response.json({ status: 'failed', reason }, { status: 503 })
    })
    this.#hono.get('/', ({ redirect }) => redirect('/metrics', 301))
    this.#hono.notFound(() => new Response('Not Found', { status: 404 }))
    this.#hono.onError((err) => {
      logger.error({ err }, 'internal error of the metrics')
      return new Response('Internal Server Error', { status: 500 })
    })
  }

  readonly fetch = async (request: Request, bindings: unknown): Promise<Response> =>
    await this.#hono.fetch(request, bindings as HttpBindings) // the adapter's

  async #inTurn(
    endpoint: string,
    req: HonoRequest,
    answer: HttpBindings['outgoing'],
    write: (call: Write) => Promise<void>,
  ): Promise<Response> {
    const leave = await this.#line.enter(req.raw.signal)
    if (leave === undefined) return new Response('Too Many Requests', { status: 429 })
    try {
      if (answer.destroyed) return RESPONSE_ALREADY_SENT
      const format = formatFor(req.header('accept') ?? null)
      const headers = { 'content-type': CONTENT_TYPES[format] }
      if (req.method === 'HEAD') return new Response(null, { headers })
      const text = await this.#write(endpoint, format, req, write)
      await sendText(answer as ServerResponse, headers, text.pieces()) // the listener speaks HTTP/1
      return RESPONSE_ALREADY_SENT
    } catch (err) {
      if (!answer.headersSent) throw err
      this.#logger.error({ err }, 'the metrics end in the middle')
      return RESPONSE_ALREADY_SENT
    } finally {
      this.#memory.reuse()
      leave()
    }
  }

  async #write(
    endpoint: string,
    format: Format,
    req: HonoRequest,
    write: (call: Write) => Promise<void>,
  ): Promise<Exposition> {
    const server = this.#server
    const node = await server.node()
    const set = server.globalParameters.get('cluster_name')
    const whole = new Exposition('', format)
    writeIdentity(whole.with(PREFIX), node, typeof set === 'string' ? set : node.name, endpoint)
    const text = whole.with(endpoint === 'detailed' ? DETAILED_PREFIX : PREFIX)
    if (endpoint === 'aggregated' || endpoint === 'per-object') {
      const [totals, figures] = [await server.statistics.totals(), server.statistics.figures()]
      writeServer(text, node, totals)
      writeBroker(text, server, figures)
      writeOwn(whole.with(OWN_PREFIX), server, figures)
      writeCommon(whole.with(COMMON_PREFIX), node, totals, figures)
    }
    await write({ text, queries: (name) => req.queries(name) })
    return whole
  }

  async #writeMemory(text: Exposition): Promise<void> {
    const { strategy: _strategy, total, ...parts } = nodeMemory(await this.#server.node())
    for (const [name, bytes] of Object.entries({ ...parts, total: total.rss })) {
      text.series(`memory_${name}_bytes`, 'gauge', `Memory of the node: ${name}`, [[{}, bytes]])
    }
  }
}
