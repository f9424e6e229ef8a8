/** Rates, and how counters were a while ago, for code in the same process. */
import type { StoreFigures } from '../../storage/store-figures.ts'
import type { Broker } from '../broker/broker.ts'
import { type ChannelCounts, NO_CHANNEL_COUNTS, sumOfChannels } from '../broker/clients/channel-counts.ts'
import type { AlarmTime } from '../broker/statistics/alarm-times.ts'
import { type BrokerStats, CountSum, type MessageCounts, NOTHING_COUNTED } from '../broker/statistics/broker-stats.ts'
import type { Churn } from '../broker/statistics/churn.ts'
import type { BrokerEvent } from '../broker/statistics/event-log.ts'
import type { DeathCounts } from '../broker/statistics/traffic-figures.ts'
import type { Clock } from '../lib/clock.ts'
import type { DelayFigures, EventLoopDelay } from '../lib/event-loop-delay.ts'
import type { Histogram } from '../lib/histogram.ts'
import { Pacer } from '../lib/pacer.ts'
import { EmbeddedFlows } from './embedded-flows.ts'
import { COUNTERS, type SampledKind } from './statistics/counters.ts'
import { channelKey, connectionKey, Sampler } from './statistics/sampler.ts'
import type { Sample, Series } from './statistics/series.ts'

/** One counter of an object. */
export interface SampledCounter {
  /** RabbitMQ's name: `publish`, `deliver_get`, `messages_ready` … */
  readonly name: string
  /** As of the last sample. */
  readonly value: number
  /** How much it grew in a second, between the last two samples. */
  readonly rate: number
  /** One sample for each `incrSec` of the last `ageSec`, the newest first. */
  samples(ageSec: number, incrSec: number): Sample[]
}

/** What went through all channels and queues since the server started, and what there is. */
export interface ServerTotals {
  readonly channels: ChannelCounts
  /** Of classic queues. */
  readonly classic: MessageCounts
  readonly quorum: MessageCounts
  readonly churn: Readonly<Churn>
  readonly consumers: number
  readonly queues: number
  /** Channels that have published something. */
  readonly publishers: number
}

/** What there is in some virtual hosts. */
export type Contents = Pick<BrokerStats, 'exchanges' | 'queues' | 'consumers' | 'messagesReady' | 'messagesUnacked'>

export interface ServerFigures {
  /** Bytes of the bodies of messages that were published. */
  readonly messageSizes: Histogram
  readonly deadLetters: readonly {
    readonly queueType: 'classic' | 'quorum'
    readonly strategy: 'at_most_once' | 'at_least_once'
    readonly counts: DeathCounts
  }[]
  /** Undefined where the storage counts nothing of that. */
  readonly store: StoreFigures | undefined
  readonly eventLoop: DelayFigures
}

export interface StatisticsContext {
  readonly core: Broker
  readonly store: StoreFigures | undefined
  readonly clock: Clock
  readonly eventLoop: EventLoopDelay
  readonly onDefect: (error: unknown) => void
}

/**
 * Samples are taken every five seconds, once `start` was called; the management API calls it. They go back ten minutes for virtual
 * hosts and the whole server, one minute for all else. Of more than 20,000 objects that something happens to, some have none.
 * Undefined is what has none: nothing ever happened to it, or it is new.
 */
export class EmbeddedStatistics {
  readonly #core: Broker
  /** How much goes from where to where. */
  readonly flows: EmbeddedFlows
  readonly #sampler: Sampler
  readonly #store: StoreFigures | undefined
  readonly #eventLoop: EventLoopDelay

  /** Servers make it: see `Server.statistics`. */
  constructor({ core, store, clock, eventLoop, onDefect }: StatisticsContext) {
    this.#core = core
    this.#eventLoop = eventLoop
    this.#store = store
    this.#sampler = new Sampler(core, clock, onDefect)
    this.flows = new EmbeddedFlows(core, (kind, subject) => counters(kind, this.#sampler.of(subject)))
  }

  /** Samples are taken from now on. */
  start(): void {
    this.#sampler.start()
    this.#eventLoop.measure()
  }

  /** For the end of the server. */
  stop(): void {
    this.#sampler.stop()
  }

  /** Takes a sample now, beside those that the timer takes. */
  async sample(): Promise<void> {
    await this.#sampler.sample()
  }

  /** What was sampled until now counts no more: rates and samples begin with the next one. Counters go on. */
  async forgetSamples(): Promise<void> {
    await this.#sampler.forget()
  }

  /** Everything together, as it is now. Walks over all queues and channels, turn by turn. */
  async totals(): Promise<ServerTotals> {
    const core = this.#core
    const pacer = new Pacer()
    const [classic, quorum] = [new CountSum(NOTHING_COUNTED), new CountSum(NOTHING_COUNTED)]
    let [channels, consumers, queues, publishers] = [NO_CHANNEL_COUNTS, 0, 0, 0]
    for (const vhost of [...core.vhosts()]) {
      channels = sumOfChannels(channels, vhost.counts.endedChannels)
      queues += vhost.queueCount
      classic.add(vhost.counts.removedClassicQueues)
      quorum.add(vhost.counts.removedQuorumQueues)
      for (const queue of vhost.heldQueues()) {
        consumers += queue.consumers.count
        if (queue.type === 'quorum') quorum.addQueue(queue)
        else classic.addQueue(queue)
        if (pacer.isDue) await pacer.rest()
      }
    }
    for (const client of core.clients.all()) {
      for (const channel of client.channelStates()) {
        channels = sumOfChannels(channels, channel)
        if (channel.published > 0) publishers++
      }
      if (pacer.isDue) await pacer.rest()
    }
    return { channels, classic, quorum, churn: core.churn, consumers, queues, publishers }
  }

  /** What there is in these virtual hosts together. Walks over all their queues, turn by turn. */
  async contents(vhosts: readonly string[]): Promise<Contents> {
    const contents = { exchanges: 0, queues: 0, consumers: 0, messagesReady: 0, messagesUnacked: 0 }
    const pacer = new Pacer()
    for (const name of vhosts) {
      const vhost = this.#core.vhost(name)
      if (vhost === undefined) continue
      contents.exchanges += vhost.exchangeCount
      contents.queues += vhost.queueCount
      for (const queue of vhost.queues()) {
        contents.consumers += queue.consumers.count
        contents.messagesReady += queue.readyCount
        contents.messagesUnacked += queue.unackedCount
        if (pacer.isDue) await pacer.rest()
      }
    }
    return contents
  }

  /** Sizes of messages, dead letters, the disk and the event loop, since the server started. */
  figures(): ServerFigures {
    for (const vhost of this.#core.vhosts()) vhost.counts.hear()
    const { messageSizes, classicDeaths, quorumDeaths, safeQuorumDeaths } = this.#core.figures
    return {
      messageSizes,
      deadLetters: [
        { queueType: 'classic', strategy: 'at_most_once', counts: classicDeaths },
        { queueType: 'quorum', strategy: 'at_most_once', counts: quorumDeaths },
        { queueType: 'quorum', strategy: 'at_least_once', counts: safeQuorumDeaths },
      ],
      store: this.#store,
      eventLoop: this.#eventLoop.figures,
    }
  }

  /** About how old the oldest message of a queue is, in milliseconds; 0 when it is empty. Known to some five seconds, once `start` was called. */
  oldestMessageAgeMs(vhost: string, name: string): number {
    const queue = this.#core.vhost(vhost)?.queue(name)
    return queue === undefined ? 0 : this.#sampler.ageMs(queue)
  }

  /**
   * What was made, changed and removed lately, the newest first: up to `limit` of those with a number above `afterId`. A thousand are
   * kept of each kind.
   */
  events(limit = 100, afterId = 0): BrokerEvent[] {
    return this.#core.events.latest(limit, afterId)
  }

  /** How often publishers had to wait, for what, and for how long in all. */
  alarmTimes(): AlarmTime[] {
    return this.#core.alarmTimes.all()
  }

  overview(): readonly SampledCounter[] | undefined {
    return counters('overview', this.#sampler.of('overview'))
  }

  vhost(name: string): readonly SampledCounter[] | undefined {
    const vhost = this.#core.vhost(name)
    return vhost === undefined ? undefined : counters('vhost', this.#sampler.of(vhost))
  }

  queue(vhost: string, name: string): readonly SampledCounter[] | undefined {
    const queue = this.#core.vhost(vhost)?.queue(name)
    return queue === undefined ? undefined : counters('queue', this.#sampler.of(queue))
  }

  /**
   * Since when nothing has happened to a queue, in milliseconds since 1970, known to some five seconds. Undefined where something
   * happened since the last sample but one, and where nothing ever did.
   */
  queueIdleSinceMs(vhost: string, name: string): number | undefined {
    const queue = this.#core.vhost(vhost)?.queue(name)
    return queue === undefined ? undefined : this.#sampler.of(queue)?.idleSinceMs
  }

  /** The same of a channel. */
  channelIdleSinceMs(connection: number, number: number): number | undefined {
    return this.#sampler.of(channelKey(connection, number))?.idleSinceMs
  }

  exchange(vhost: string, name: string): readonly SampledCounter[] | undefined {
    const exchange = this.#core.vhost(vhost)?.exchange(name)
    return exchange === undefined ? undefined : counters('exchange', this.#sampler.of(exchange))
  }

  connection(id: number): readonly SampledCounter[] | undefined {
    return counters('connection', this.#sampler.of(connectionKey(id)))
  }

  channel(connection: number, number: number): readonly SampledCounter[] | undefined {
    return counters('channel', this.#sampler.of(channelKey(connection, number)))
  }
}

function counters(kind: SampledKind, series: Series | undefined): readonly SampledCounter[] | undefined {
  if (series === undefined) return undefined
  return COUNTERS[kind].map((name, at) => ({
    name,
    value: series.value(at, series.lastTick),
    rate: series.rate(at),
    samples: (ageSec, incrSec) => series.samples(at, ageSec, incrSec),
  }))
}
