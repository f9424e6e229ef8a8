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
import {
  CONTENT_TYPES,
  Exposition,
  type Family,
  type Format,
  formatFor,
  type LabelsOf,
  labelPair,
  labelText,
} from './exposition.ts'
import { CHANNEL_FAMILIES, CONNECTION_FAMILIES, NOT_SUMMED, QUEUE_FAMILIES } from './families.ts'
import { writeIdentity, writeServer } from './server-metrics.ts'
import { streamOf } from './text-stream.ts'

const PREFIX = 'rabbitmq_'
const DETAILED_PREFIX = 'rabbitmq_detailed_'
const COMMON_PREFIX = 'message_broker_'
const OWN_PREFIX = 'leveret_'

/** Queues, and the labels of each, made once for all families: in lists of their own, since the collector looks at every object here. */
interface Queues {
  readonly figures: readonly QueueFigures[]
  readonly labels: readonly string[]
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

/** So many wait for their turn at most: no log-in is asked for here. */
const WAITING_MAX = 8

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
      for (const family of ofQueues) text.family(family, queues.figures, labelsIn(queues))
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
  #ages(text: Exposition, queues: Queues): void {
    const { statistics } = this.#server
    const age = ({ vhost, name }: QueueFigures): number => statistics.oldestMessageAgeMs(vhost, name) / 1000
    const help = 'About how old the oldest message of a queue is'
    const own = text.with(OWN_PREFIX)
    const ages = { name: 'queue_oldest_message_age_seconds', type: 'gauge', help, value: age } as const
    own.family(ages, queues.figures, labelsIn(queues))
    const size = ({ messages }: QueueFigures): number => messages
    const topic = ({ name, vhost }: QueueFigures): string =>
      `{${labelPair('topic', name)},${labelPair('vhost', vhost)}}`
    const common = text.with(COMMON_PREFIX)
    common.family(
      { name: 'queue_size', type: 'gauge', help: 'Messages in a queue', value: size },
      queues.figures,
      topic,
    )
  }

  async #queues(vhosts?: ReadonlySet<string>): Promise<Queues> {
    const queues = { figures: [] as QueueFigures[], labels: [] as string[] }
    const pacer = new Pacer()
    for (const vhost of this.#server.virtualHosts.names()) {
      if (vhosts?.has(vhost) === false) continue
      const place = `{${labelPair('vhost', vhost)}`
      for (const figures of this.#server.virtualHosts.get(vhost)?.inventory.queueFigures() ?? []) {
        queues.figures.push(figures)
        // Joined it is one piece of text: put together in another way, it would be taken apart again for each line.
        queues.labels.push([place, ',', labelPair('queue', figures.name), '}'].join(''))
        if (pacer.isDue) await pacer.rest()
      }
    }
    return queues
  }
}

function labelsIn({ labels }: Queues): LabelsOf<QueueFigures> {
  return (_figures, at) => labels[at] as string // there is one for each
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
