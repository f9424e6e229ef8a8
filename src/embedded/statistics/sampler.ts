/**
 * Looks at all counters every few seconds, so that rates can be told. One timer for all; a look at very many objects takes several
 * turns of the event loop. An object that nothing happens to has no series, and costs a comparison.
 */
import type { Broker } from '../../broker/broker.ts'
import { type ChannelCounts, NO_CHANNEL_COUNTS, sumOfChannels } from '../../broker/clients/channel-counts.ts'
import type { Queue } from '../../broker/queues/queue.ts'
import { CountSum, NOTHING_COUNTED } from '../../broker/statistics/broker-stats.ts'
import type { Vhost } from '../../broker/vhost.ts'
import type { Clock } from '../../lib/clock.ts'
import { Pacer } from '../../lib/pacer.ts'
import {
  COUNTERS,
  COUNTERS_MAX,
  readChannel,
  readChurn,
  readExchange,
  readQueue,
  readTraffic,
  type SampledKind,
  type TrafficSum,
} from './counters.ts'
import { MessageAges } from './message-ages.ts'
import { SampleTimes, Series, SeriesRoom } from './series.ts'

const INTERVAL_MS = 5000
/** Ten minutes of what there are few of, one minute of all others. */
const LENGTHS: Record<SampledKind, number> = {
  overview: 121,
  vhost: 121,
  queue: 13,
  exchange: 13,
  channel: 13,
  connection: 13,
  flow: 13,
  consumer: 13,
}
/** Further objects have no rates. */
const SERIES_MAX = 20_000

/** An object of the model, or a key for what has none. */
export type Subject = object | string

export class Sampler {
  readonly times = new SampleTimes(INTERVAL_MS)
  readonly #core: Broker
  readonly #clock: Clock
  readonly #onDefect: (error: unknown) => void
  #series = new Map<Subject, Series>()
  readonly #ages = new MessageAges()
  readonly #room = new SeriesRoom()
  readonly #values = new Float64Array(COUNTERS_MAX)
  #cancel: (() => void) | undefined
  #isStopped = false
  /** Samples are taken one after the other, and forgotten between two of them. */
  #last: Promise<void> = Promise.resolve()

  constructor(core: Broker, clock: Clock, onDefect: (error: unknown) => void) {
    this.#core = core
    this.#clock = clock
    this.#onDefect = onDefect
  }

  /** Takes the first sample now, and further ones until it is stopped. Calling it again does nothing. */
  start(): void {
    if (this.#cancel !== undefined || this.#isStopped) return
    this.#arm()
    void this.sample()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
    this.#series = new Map()
  }

  of(subject: Subject): Series | undefined {
    return this.#series.get(subject)
  }

  /** About how old the oldest message of a queue is. */
  ageMs(queue: Queue): number {
    return this.#ages.ageMs(queue, this.#clock.monotonicMs())
  }

  #arm(): void {
    this.#cancel = this.#clock.after(INTERVAL_MS, () => {
      this.sample()
        .catch(this.#onDefect)
        .finally(() => {
          if (!this.#isStopped) this.#arm()
        })
    })
  }

  /** Takes a sample of everything. */
  async sample(): Promise<void> {
    await this.#inTurn(() => this.#take())
  }

  /** Of everything sampled, only what the counters have reached stays. */
  async forget(): Promise<void> {
    await this.#inTurn(async () => {
      const pacer = new Pacer()
      for (const series of this.#series.values()) {
        series.forget()
        if (pacer.isDue) await pacer.rest()
      }
    })
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {}) // its caller is told
    await done
  }

  async #take(): Promise<void> {
    const known = this.#series
    const next = new Map<Subject, Series>()
    const pacer = new Pacer()
    this.times.tick(this.#clock.wallMs())
    const all = emptySum()
    for (const vhost of [...this.#core.vhosts()]) {
      const sum = await this.#sampleVhost(vhost, known, next, pacer)
      this.#traffic('vhost', vhost, sum, known, next)
      all.add(sum)
      if (this.#isStopped) return
    }
    const { bytesReceived, bytesSent } = this.#core.clients.traffic()
    readTraffic({ ...all.traffic(), bytesReceived, bytesSent }, this.#values)
    readChurn(this.#core.churn, this.#values)
    this.#push('overview', 'overview', known, next)
    this.#ages.forgetDeleted()
    this.#series = next
  }

  async #sampleVhost(vhost: Vhost, known: Known, next: Known, pacer: Pacer): Promise<Sum> {
    const nowMs = this.#clock.monotonicMs()
    const sum = emptySum()
    sum.channels = vhost.counts.endedChannels
    sum.queues.add(vhost.counts.removedQueues)
    for (const queue of vhost.heldQueues()) {
      if (isUsed(queue) || known.has(queue)) this.#sampleQueue(queue, sum, nowMs, known, next)
      if (pacer.isDue) await pacer.rest()
    }
    for (const exchange of vhost.exchanges()) {
      exchange.hear()
      for (const [queue, count] of exchange.sent.entries()) {
        this.#values[0] = count
        this.#push('flow', routeKey(vhost.name, exchange.name, queue), known, next)
        if (pacer.isDue) await pacer.rest()
      }
      readExchange(exchange, this.#values)
      this.#push('exchange', exchange, known, next)
      if (pacer.isDue) await pacer.rest()
    }
    for (const client of this.#core.clients.all()) {
      const { details } = client
      if (details?.vhost !== vhost.name) continue
      this.#values[0] = client.bytesReceived
      this.#values[1] = client.bytesSent
      sum.bytesReceived += client.bytesReceived
      sum.bytesSent += client.bytesSent
      this.#push('connection', connectionKey(details.id), known, next)
      for (const channel of client.channelStates()) {
        readChannel(channel, this.#values)
        sum.channels = sumOfChannels(sum.channels, channel)
        this.#push('channel', channelKey(details.id, channel.number), known, next)
        for (const [exchange, count] of channel.publishedTo()) {
          this.#values[0] = count
          this.#push('flow', publishKey(details.id, channel.number, exchange), known, next)
        }
      }
      if (pacer.isDue) await pacer.rest()
    }
    return sum
  }

  #sampleQueue(queue: Queue, sum: Sum, nowMs: number, known: Known, next: Known): void {
    readQueue(queue, this.#values)
    sum.queues.addQueue(queue)
    sum.messagesReady += queue.readyCount
    sum.messagesUnacked += queue.unackedCount
    this.#ages.look(queue, nowMs)
    this.#push('queue', queue, known, next)
    for (const consumer of queue.consumers.all()) {
      this.#values[0] = consumer.deliveredCount
      this.#push('consumer', consumer, known, next)
    }
  }

  #traffic(kind: 'vhost', subject: Subject, sum: Sum, known: Known, next: Known): void {
    readTraffic(sum.traffic(), this.#values)
    this.#push(kind, subject, known, next)
  }

  #hasNews(width: number): boolean {
    for (let at = 0; at < width; at++) if (this.#values[at] !== 0) return true
    return false
  }

  /** Adds the values at hand to the series of an object. One that has only zeros gets none. */
  #push(kind: SampledKind, subject: Subject, known: Known, next: Known): void {
    const width = COUNTERS[kind].length
    let series = known.get(subject)
    if (series === undefined) {
      if (next.size >= SERIES_MAX || !this.#hasNews(width)) return
      series = new Series(this.times, width, LENGTHS[kind], this.#room)
    }
    series.push(this.#values)
    next.set(subject, series)
  }
}

type Known = Map<Subject, Series>

/** Whether any counter of the queue is above 0. The others follow from these. */
function isUsed({ publishedCount, deliveredCount, gotEmptyCount, readyCount, unackedCount }: Queue): boolean {
  return publishedCount > 0 || deliveredCount > 0 || gotEmptyCount > 0 || readyCount > 0 || unackedCount > 0
}

export function connectionKey(id: number): string {
  return `connection ${id}`
}

export function publishKey(connection: number, number: number, exchange: string): string {
  return `publish ${connection} ${number} ${exchange}`
}

export function routeKey(vhost: string, exchange: string, queue: string): string {
  return `route ${JSON.stringify([vhost, exchange, queue])}`
}

export function channelKey(connection: number, number: number): string {
  return `channel ${connection} ${number}`
}

class Sum {
  channels: ChannelCounts = NO_CHANNEL_COUNTS
  readonly queues: CountSum
  messagesReady = 0
  messagesUnacked = 0
  bytesReceived = 0
  bytesSent = 0

  constructor(queues: CountSum) {
    this.queues = queues
  }

  add(other: Sum): void {
    this.channels = sumOfChannels(this.channels, other.channels)
    this.queues.add(other.queues)
    this.messagesReady += other.messagesReady
    this.messagesUnacked += other.messagesUnacked
    this.bytesReceived += other.bytesReceived
    this.bytesSent += other.bytesSent
  }

  traffic(): TrafficSum {
    return { ...this }
  }
}

function emptySum(): Sum {
  return new Sum(new CountSum(NOTHING_COUNTED))
}
