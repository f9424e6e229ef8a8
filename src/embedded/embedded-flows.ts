/** How much goes from a channel to an exchange, from an exchange to a queue, and from a queue to a consumer. */
import type { Broker } from '../broker/broker.ts'
import type { Consumer } from '../broker/queues/consumer.ts'
import { Pacer } from '../lib/pacer.ts'
import type { SampledCounter } from './embedded-statistics.ts'
import { type ConsumerInfo, consumerInfo } from './entities.ts'
import { publishKey, routeKey, type Subject } from './statistics/sampler.ts'

/** The sampled counters of something; undefined for what has none. */
export type CountersOf = (kind: 'flow' | 'consumer', subject: Subject) => readonly SampledCounter[] | undefined

/** Messages so far, and their rate, if it was sampled. */
export interface Flow {
  readonly count: number
  readonly counters: readonly SampledCounter[] | undefined
}

export interface ExchangeFlow extends Flow {
  readonly exchange: string
}

export interface QueueFlow extends Flow {
  readonly queue: string
}

/** Of a channel, by the numbers of both. */
export interface ChannelFlow extends Flow {
  readonly connection: number
  readonly channel: number
}

export interface ConsumerFlow extends Flow {
  readonly consumer: ConsumerInfo
}

/**
 * Counted since the exchange, the channel or the consumer began. An exchange knows the thousand queues that it sent to last, a channel
 * the 64 exchanges.
 */
export class EmbeddedFlows {
  readonly #core: Broker
  readonly #counters: CountersOf

  /** Servers make it: see `EmbeddedStatistics.flows`. */
  constructor(core: Broker, counters: CountersOf) {
    this.#core = core
    this.#counters = counters
  }

  /** From an exchange to the queues that there are. */
  fromExchange(vhostName: string, name: string): QueueFlow[] {
    const vhost = this.#core.vhost(vhostName)
    const exchange = vhost?.exchange(name)
    exchange?.hear()
    const sent = [...(exchange?.sent.entries() ?? [])]
    return sent
      .filter(([queue]) => vhost?.queue(queue) !== undefined)
      .map(([queue, count]) => ({ queue, ...this.#flow('flow', count, routeKey(vhostName, name, queue)) }))
  }

  /** From exchanges to a queue. Looks at all exchanges. */
  async toQueue(vhostName: string, queue: string): Promise<ExchangeFlow[]> {
    const vhost = this.#core.vhost(vhostName)
    const found: ExchangeFlow[] = []
    const pacer = new Pacer()
    for (const exchange of vhost?.exchanges() ?? []) {
      exchange.hear()
      const count = exchange.sent.get(queue)
      if (count > 0) {
        const flow = this.#flow('flow', count, routeKey(vhostName, exchange.name, queue))
        found.push({ exchange: exchange.name, ...flow })
      }
      if (pacer.isDue) await pacer.rest()
    }
    return found
  }

  /** From a channel to exchanges. */
  fromChannel(connection: number, number: number): ExchangeFlow[] {
    const found: ExchangeFlow[] = []
    for (const client of this.#core.clients.all()) {
      if (client.details?.id !== connection) continue
      for (const channel of client.channelStates()) {
        if (channel.number !== number) continue
        for (const [exchange, count] of channel.publishedTo()) {
          found.push({ exchange, ...this.#flow('flow', count, publishKey(connection, number, exchange)) })
        }
      }
    }
    return found
  }

  /** From channels to an exchange. Looks at all channels. */
  async toExchange(vhost: string, exchange: string): Promise<ChannelFlow[]> {
    const found: ChannelFlow[] = []
    const pacer = new Pacer()
    for (const client of this.#core.clients.all()) {
      if (pacer.isDue) await pacer.rest()
      const { details } = client
      if (details?.vhost !== vhost) continue
      for (const channel of client.channelStates()) {
        for (const [name, count] of channel.publishedTo()) {
          if (name !== exchange) continue
          const flow = this.#flow('flow', count, publishKey(details.id, channel.number, exchange))
          found.push({ connection: details.id, channel: channel.number, ...flow })
        }
      }
    }
    return found
  }

  /** From a queue to the consumers that it has by now, which may be very many: each is looked at when it is its turn. */
  toConsumers(vhost: string, queue: string): Iterable<ConsumerFlow> {
    return this.#toEach(this.#core.vhost(vhost)?.queue(queue)?.consumers.all() ?? [])
  }

  *#toEach(consumers: readonly Consumer[]): Iterable<ConsumerFlow> {
    for (const consumer of consumers) {
      const { count, counters } = this.#flow('consumer', consumer.deliveredCount, consumer)
      yield { consumer: consumerInfo(consumer), count, counters }
    }
  }

  #flow(kind: 'flow' | 'consumer', count: number, subject: Subject): Flow {
    return { count, counters: this.#counters(kind, subject) }
  }
}
