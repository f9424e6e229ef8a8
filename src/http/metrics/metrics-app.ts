/** `/metrics` in RabbitMQ's three forms: all objects together, each object, or what is asked for of each object. */
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { ChannelInfo, ConnectionInfo } from '../../embedded/embedded-clients.ts'
import type { QueueInfo } from '../../embedded/entities.ts'
import type { Logger } from '../../lib/logger.ts'
import { Pacer } from '../../lib/pacer.ts'
import type { ManagedServer } from '../managed-server.ts'
import { Exposition, type Family, labelText } from './exposition.ts'
import { CHANNEL_FAMILIES, CONNECTION_FAMILIES, NOT_SUMMED, QUEUE_FAMILIES } from './families.ts'
import { writeIdentity, writeServer } from './server-metrics.ts'

const PREFIX = 'rabbitmq_'
const DETAILED_PREFIX = 'rabbitmq_detailed_'

interface Queue extends QueueInfo {
  readonly labels: string
}

export interface MetricsOptions {
  readonly server: ManagedServer
  readonly logger: Logger
}

/** So many wait for their turn at most, and an answer has so long to be read: no log-in is asked for here. */
const WAITING_MAX = 8
const SEND_MS_MAX = 30_000

/** One answer is gathered and sent at a time: each takes memory for all there is. */
export class MetricsApp {
  readonly #server: ManagedServer
  readonly #hono = new Hono<{ Bindings: HttpBindings }>()
  #last: Promise<void> = Promise.resolve()
  #waitingCount = 0

  constructor({ server, logger }: MetricsOptions) {
    this.#server = server
    this.#hono.get('/metrics', () => this.#inTurn('aggregated', (text) => this.#aggregated(text)))
    this.#hono.get('/metrics/per-object', () => this.#inTurn('per-object', (text) => this.#perObject(text)))
    this.#hono.get('/metrics/detailed', ({ req }) => {
      const families = new Set(req.queries('family') ?? [])
      const vhosts = req.queries('vhost')
      return this.#inTurn('detailed', (text) => this.#detailed(text, families, vhosts && new Set(vhosts)))
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

  async #inTurn(endpoint: string, write: (text: Exposition) => Promise<void>): Promise<Response> {
    if (this.#waitingCount >= WAITING_MAX) return new Response('Too Many Requests', { status: 429 })
    const before = this.#last
    let over = (): void => {}
    this.#last = new Promise((resolve) => {
      over = resolve
    })
    this.#waitingCount++
    await before
    this.#waitingCount--
    const headers = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }
    try {
      return new Response(streamOf(await this.#write(endpoint, write), over), { headers })
    } catch (error) {
      over()
      throw error
    }
  }

  async #write(endpoint: string, write: (text: Exposition) => Promise<void>): Promise<Iterable<string>> {
    const node = await this.#server.node()
    const set = this.#server.globalParameters.get('cluster_name')
    const identity = new Exposition(PREFIX)
    writeIdentity(identity, node, typeof set === 'string' ? set : node.name, endpoint)
    const text = new Exposition(endpoint === 'detailed' ? DETAILED_PREFIX : PREFIX)
    if (endpoint !== 'detailed') writeServer(text, node, this.#server.statistics.totals())
    await write(text)
    return both(identity, text)
  }

  async #aggregated(text: Exposition): Promise<void> {
    const families: readonly Family<QueueInfo>[] = Object.values(QUEUE_FAMILIES).flat()
    const summedFamilies = families.filter(({ name }) => !NOT_SUMMED.has(name))
    const sums = summedFamilies.map(() => 0)
    const pacer = new Pacer()
    for (const vhost of this.#server.virtualHosts.names()) {
      for (const queue of this.#server.virtualHosts.get(vhost)?.inventory.queues() ?? []) {
        summedFamilies.forEach(({ value }, at) => {
          sums[at] = (sums[at] as number) + value(queue)
        })
        if (pacer.isDue) await pacer.rest()
      }
    }
    for (const [at, { name, type, help }] of summedFamilies.entries())
      text.series(name, type, help, [[{}, sums[at] ?? 0]])
    const connections = [...this.#server.clients.connections()]
    for (const family of Object.values(CONNECTION_FAMILIES).flat()) text.family(summed(family), [connections], () => '')
    const channels = [...this.#server.clients.channels()]
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
    const ofQueues: readonly Family<Queue>[] = wanted<Family<QueueInfo>>(QUEUE_FAMILIES)
    if (ofQueues.length > 0) {
      const queues = await this.#queues(vhosts)
      for (const family of ofQueues) text.family(family, queues, ({ labels }) => labels)
    }
    const isInVhost = ({ vhost }: { readonly vhost: string }): boolean => vhosts === undefined || vhosts.has(vhost)
    const ofConnections = wanted<Family<ConnectionInfo>>(CONNECTION_FAMILIES)
    if (ofConnections.length > 0) {
      const connections = [...this.#server.clients.connections()].filter(isInVhost)
      for (const family of ofConnections) {
        text.family(family, connections, ({ route, vhost }) => labelText({ connection: route, vhost }))
      }
    }
    const ofChannels = wanted<Family<ChannelInfo>>(CHANNEL_FAMILIES)
    if (ofChannels.length === 0) return
    const channels = [...this.#server.clients.channels()].filter(({ connection }) => isInVhost(connection))
    for (const family of ofChannels) {
      text.family(family, channels, ({ connection, number }) =>
        labelText({ channel: `${connection.route} (${number})`, vhost: connection.vhost }),
      )
    }
  }

  async #queues(vhosts?: ReadonlySet<string>): Promise<Queue[]> {
    const queues: Queue[] = []
    const pacer = new Pacer()
    for (const vhost of this.#server.virtualHosts.names()) {
      if (vhosts?.has(vhost) === false) continue
      for (const queue of this.#server.virtualHosts.get(vhost)?.inventory.queues() ?? []) {
        queues.push({ ...queue, labels: labelText({ vhost, queue: queue.name }) })
        if (pacer.isDue) await pacer.rest()
      }
    }
    return queues
  }
}

function* both(first: Exposition, second: Exposition): Iterable<string> {
  yield* first.pieces()
  yield* second.pieces()
}

/** As a stream: others are served between its pieces. */
/** `over` is called when all is sent, the client has gone, or it takes too long. */
function streamOf(pieces: Iterable<string>, over: () => void): ReadableStream<Uint8Array> {
  const iterator = pieces[Symbol.iterator]()
  const encoder = new TextEncoder()
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
      const { done, value } = iterator.next()
      if (done === true) {
        controller.close()
        end()
      } else controller.enqueue(encoder.encode(value))
    },
  })
}

function summed<T>({ value, ...family }: Family<T>): Family<readonly T[]> {
  return { ...family, value: (all) => all.reduce((sum, one) => sum + value(one), 0) }
}
