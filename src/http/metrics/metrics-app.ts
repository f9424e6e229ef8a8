/** `/metrics` in RabbitMQ's three forms: all objects together, each object, or what is asked for of each object. */
import type { HttpBindings } from '@hono/node-server'
import { Hono, type HonoRequest } from 'hono'
import type { ChannelInfo, ConnectionInfo } from '../../embedded/embedded-clients.ts'
import type { QueueFigures } from '../../embedded/queue-figures.ts'
import type { Logger } from '../../lib/logger.ts'
import { Pacer } from '../../lib/pacer.ts'
import { withoutBody } from '../answers.ts'
import type { ManagedServer } from '../managed-server.ts'
import { readiness } from '../readiness.ts'
import { nodeMemory } from '../shapes/node-shape.ts'
import { writeBroker, writeCommon, writeOwn } from './broker-metrics.ts'
import { CONTENT_TYPES, Exposition, type Family, type Format, formatFor, labelPair, labelText } from './exposition.ts'
import { CHANNEL_FAMILIES, CONNECTION_FAMILIES, NOT_SUMMED, QUEUE_FAMILIES } from './families.ts'
import { writeIdentity, writeServer } from './server-metrics.ts'

const PREFIX = 'rabbitmq_'
const DETAILED_PREFIX = 'rabbitmq_detailed_'
const COMMON_PREFIX = 'message_broker_'
const OWN_PREFIX = 'leveret_'

/** A queue with its labels, made once for all families. */
interface Queue {
  readonly figures: QueueFigures
  readonly labels: string
}

interface Write {
  readonly text: Exposition
  /** Of the request's address. */
  queries(name: string): readonly string[] | undefined
}

export interface MetricsOptions {
  readonly server: ManagedServer
  readonly logger: Logger
}

/** So many wait for their turn at most, and an answer has so long to be read: no log-in is asked for here. */
const WAITING_MAX = 8
const SEND_MS_MAX = 30_000
/** Pieces that are handed over at once, however fast they are made: as many wait in memory. */
const PIECES_MAX = 16

/** One answer is gathered and sent at a time: each takes memory for all there is. */
export class MetricsApp {
  readonly #server: ManagedServer
  readonly #hono = new Hono<{ Bindings: HttpBindings }>()
  #last: Promise<void> = Promise.resolve()
  #waitingCount = 0

  constructor({ server, logger }: MetricsOptions) {
    this.#server = server
    const get = (path: string, endpoint: string, write: (call: Write) => Promise<void>): void => {
      this.#hono.get(path, ({ req }) => this.#inTurn(endpoint, formatFor(req.header('accept') ?? null), req, write))
    }
    get('/metrics', 'aggregated', ({ text }) => this.#aggregated(text))
    get('/metrics/per-object', 'per-object', ({ text }) => this.#perObject(text))
    get('/metrics/detailed', 'detailed', ({ text, queries }) => {
      const vhosts = queries('vhost')
      return this.#detailed(text, new Set(queries('family') ?? []), vhosts && new Set(vhosts))
    })
    get('/metrics/memory-breakdown', 'memory-breakdown', ({ text }) => this.#memory(text))
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
    format: Format,
    req: HonoRequest,
    write: (call: Write) => Promise<void>,
  ): Promise<Response> {
    if (this.#waitingCount >= WAITING_MAX) return new Response('Too Many Requests', { status: 429 })
    const before = this.#last
    let over = (): void => {}
    this.#last = new Promise((resolve) => {
      over = resolve
    })
    this.#waitingCount++
    await before
    this.#waitingCount--
    try {
      const text = await this.#write(endpoint, format, req, write)
      const headers = { 'content-type': CONTENT_TYPES[format] }
      const answer = new Response(streamOf(text.pieces(), over), { headers })
      return req.method === 'HEAD' ? withoutBody(answer) : answer
    } catch (error) {
      over()
      throw error
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

  async #memory(text: Exposition): Promise<void> {
    const { strategy: _strategy, total, ...parts } = nodeMemory(await this.#server.node())
    for (const [name, bytes] of Object.entries({ ...parts, total: total.rss })) {
      text.series(`memory_${name}_bytes`, 'gauge', `Memory of the node: ${name}`, [[{}, bytes]])
    }
  }

  async #aggregated(text: Exposition): Promise<void> {
    const families: readonly Family<QueueFigures>[] = Object.values(QUEUE_FAMILIES).flat()
    const summedFamilies = families.filter(({ name }) => !NOT_SUMMED.has(name))
    const sums = summedFamilies.map(() => 0)
    const pacer = new Pacer()
    for (const vhost of this.#server.virtualHosts.names()) {
      for (const queue of this.#server.virtualHosts.get(vhost)?.inventory.queueFigures() ?? []) {
        summedFamilies.forEach(({ value }, at) => {
          sums[at] = (sums[at] as number) + value(queue)
        })
        if (pacer.isDue) await pacer.rest()
      }
    }
    for (const [at, { name, type, help }] of summedFamilies.entries())
      text.series(name, type, help, [[{}, sums[at] ?? 0]])
    const messages = sums[summedFamilies.findIndex(({ name }) => name === 'queue_messages')] ?? 0
    text.with(COMMON_PREFIX).series('queue_size', 'gauge', 'Messages in all queues', [[{}, messages]])
    const connections = await gathered(this.#server.clients.connections())
    for (const family of Object.values(CONNECTION_FAMILIES).flat()) text.family(summed(family), [connections], () => '')
    const channels = await gathered(this.#server.clients.channels())
    for (const family of Object.values(CHANNEL_FAMILIES).flat()) text.family(summed(family), [channels], () => '')
  }

  async #perObject(text: Exposition): Promise<void> {
    await this.#detailed(text, undefined, undefined)
  }

  /** Without families, all; without virtual hosts, all. */
  async #detailed(
    text: Exposition,
    families: ReadonlySet<string> | undefined,
    vhosts: ReadonlySet<string> | undefined,
  ): Promise<void> {
    const isWanted = (name: string): boolean => families === undefined || families.has(name)
    const wanted = <F>(all: Readonly<Record<string, readonly F[]>>): F[] =>
      Object.entries(all).flatMap(([name, list]) => (isWanted(name) ? list : []))
    const ofQueues: readonly Family<QueueFigures>[] = wanted<Family<QueueFigures>>(QUEUE_FAMILIES)
    if (ofQueues.length > 0) {
      const queues = await this.#queues(vhosts)
      const labelsOf = ({ labels }: Queue): string => labels
      for (const { value, ...family } of ofQueues) {
        text.family({ ...family, value: ({ figures }: Queue) => value(figures) }, queues, labelsOf)
      }
      if (families === undefined) this.#ages(text, queues)
    }
    const isInVhost = ({ vhost }: { readonly vhost: string }): boolean => vhosts === undefined || vhosts.has(vhost)
    const ofConnections = wanted<Family<ConnectionInfo>>(CONNECTION_FAMILIES)
    if (ofConnections.length > 0) {
      const connections = (await gathered(this.#server.clients.connections())).filter(isInVhost)
      for (const family of ofConnections) {
        text.family(family, connections, ({ route, vhost }) => labelText({ connection: route, vhost }))
      }
    }
    const ofChannels = wanted<Family<ChannelInfo>>(CHANNEL_FAMILIES)
    if (ofChannels.length === 0) return
    const channels = (await gathered(this.#server.clients.channels())).filter(({ connection }) => isInVhost(connection))
    for (const family of ofChannels) {
      text.family(family, channels, ({ connection, number }) =>
        labelText({ channel: `${connection.route} (${number})`, vhost: connection.vhost }),
      )
    }
  }

  /** What RabbitMQ has no names for. */
  #ages(text: Exposition, queues: readonly Queue[]): void {
    const { statistics } = this.#server
    const age = ({ figures: { vhost, name } }: Queue): number => statistics.oldestMessageAgeMs(vhost, name) / 1000
    const labelsOf = ({ labels }: Queue): string => labels
    const help = 'About how old the oldest message of a queue is'
    const own = text.with(OWN_PREFIX)
    own.family({ name: 'queue_oldest_message_age_seconds', type: 'gauge', help, value: age }, queues, labelsOf)
    const size = ({ figures }: Queue): number => figures.messages
    const topic = ({ figures: { name, vhost } }: Queue): string =>
      `{${labelPair('topic', name)},${labelPair('vhost', vhost)}}`
    const common = text.with(COMMON_PREFIX)
    common.family({ name: 'queue_size', type: 'gauge', help: 'Messages in a queue', value: size }, queues, topic)
  }

  async #queues(vhosts?: ReadonlySet<string>): Promise<Queue[]> {
    const queues: Queue[] = []
    const pacer = new Pacer()
    for (const vhost of this.#server.virtualHosts.names()) {
      if (vhosts?.has(vhost) === false) continue
      const place = `{${labelPair('vhost', vhost)}`
      for (const figures of this.#server.virtualHosts.get(vhost)?.inventory.queueFigures() ?? []) {
        queues.push({ figures, labels: `${place},${labelPair('queue', figures.name)}}` })
        if (pacer.isDue) await pacer.rest()
      }
    }
    return queues
  }
}

/**
 * As a stream: others are served between its pieces. One is as long as what can be written in a turn: with busy connections a turn of the
 * event loop takes much longer than the text of a few lines. `over` is called when all is sent, the client has gone, or it takes too long.
 */
function streamOf(pieces: Iterable<string>, over: () => void): ReadableStream<Uint8Array> {
  const iterator = pieces[Symbol.iterator]()
  const pacer = new Pacer()
  let timer: NodeJS.Timeout | undefined
  const end = (): void => {
    clearTimeout(timer)
    over()
  }
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const tooLate = (): void => {
        controller.error(new Error('the client does not read'))
        over()
      }
      timer = setTimeout(tooLate, SEND_MS_MAX).unref()
    },
    cancel: end,
    async pull(controller) {
      // A fast reader takes each piece at once, and would not let others in between.
      await pacer.rest()
      try {
        if (!handOver(iterator, pacer, controller)) return
        controller.close()
      } catch (error) {
        controller.error(error)
      }
      end()
    },
  })
}

/** As much as fits into a turn. True when that was all. */
function handOver(
  pieces: Iterator<string>,
  pacer: Pacer,
  controller: ReadableStreamDefaultController<Uint8Array>,
): boolean {
  for (let count = 0; count < PIECES_MAX; count++) {
    const { done, value } = pieces.next()
    if (done === true) return true
    // For text as long as this, Buffer is much faster than TextEncoder.
    controller.enqueue(Buffer.from(value))
    if (pacer.isLate) break
  }
  return false
}

/** Turn by turn. */
async function gathered<T>(all: Iterable<T>): Promise<T[]> {
  const found: T[] = []
  const pacer = new Pacer()
  for (const one of all) {
    found.push(one)
    if (pacer.isDue) await pacer.rest()
  }
  return found
}

function summed<T>({ value, ...family }: Family<T>): Family<readonly T[]> {
  return { ...family, value: (all) => all.reduce((sum, one) => sum + value(one), 0) }
}
