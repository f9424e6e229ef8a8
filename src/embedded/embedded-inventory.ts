/**
 * What there is in one virtual host, one by one: for code that looks at very many and does not want to hold the broker up. Each is
 * made when it is asked for, so a walk may take several turns of the event loop; what comes meanwhile may be in it, what goes is not.
 */
import { type PlainTable, plainTable } from '../../protocol/field-table-plain.ts'
import type { Binding, Destination } from '../broker/exchanges/binding.ts'
import type { Exchange } from '../broker/exchanges/exchange.ts'
import { isThere } from '../broker/exchanges/unbindings.ts'
import type { Consumer } from '../broker/queues/consumer.ts'
import type { Vhost } from '../broker/vhost.ts'
import {
  type ConsumerInfo,
  consumerInfo,
  type ExchangeInfo,
  exchangeInfo,
  type QueueInfo,
  queueInfo,
} from './entities.ts'
import { QueueFigures } from './queue-figures.ts'

export interface BindingInfo {
  /** Empty for the default exchange, which leads to every queue by its name. */
  readonly source: string
  readonly destination: string
  readonly destinationType: 'queue' | 'exchange'
  readonly routingKey: string
  readonly arguments: PlainTable
}

/** What a binding leads to. */
export type BindingDestination = Pick<BindingInfo, 'destination' | 'destinationType'>

export class EmbeddedInventory {
  readonly #requireVhost: () => Vhost

  /** Servers make it: see `EmbeddedBroker.inventory`. */
  constructor(requireVhost: () => Vhost) {
    this.#requireVhost = requireVhost
  }

  get queueCount(): number {
    return this.#requireVhost().queueCount
  }

  get exchangeCount(): number {
    return this.#requireVhost().exchangeCount
  }

  /** Costs less than to ask for all that is known of it. */
  hasQueue(name: string): boolean {
    return this.#requireVhost().queue(name) !== undefined
  }

  hasExchange(name: string): boolean {
    return this.#requireVhost().exchange(name) !== undefined
  }

  /** In the order in which they were declared. */
  *queues(): Iterable<QueueInfo> {
    const vhost = this.#requireVhost()
    for (const queue of vhost.queues()) yield queueInfo(vhost, queue)
  }

  /** The same in numbers alone, which are read when they are asked for. */
  *queueFigures(): Iterable<QueueFigures> {
    const vhost = this.#requireVhost()
    for (const queue of vhost.queues()) yield new QueueFigures(vhost.name, queue)
  }

  *exchanges(): Iterable<ExchangeInfo> {
    const vhost = this.#requireVhost()
    for (const exchange of vhost.exchanges()) yield exchangeInfo(vhost, exchange)
  }

  *exchangeNames(): Iterable<string> {
    for (const { name } of this.#requireVhost().exchanges()) yield name
  }

  exchange(name: string): ExchangeInfo | undefined {
    const vhost = this.#requireVhost()
    const exchange = vhost.exchange(name)
    return exchange === undefined ? undefined : exchangeInfo(vhost, exchange)
  }

  *consumers(): Iterable<ConsumerInfo> {
    for (const queue of this.#requireVhost().queues()) yield* infosOf(queue.consumers.all())
  }

  /** Those that a queue has by now. Throws BrokerError `not-found`. */
  consumersOf(queue: string): Iterable<ConsumerInfo> {
    return infosOf(this.#requireVhost().requireQueue(queue).consumers.all())
  }

  /** Those of the default exchange come first, one for each queue. */
  *bindings(): Iterable<BindingInfo> {
    const vhost = this.#requireVhost()
    for (const queue of vhost.queues()) yield implicitBinding(queue.name)
    for (const exchange of vhost.exchanges()) yield* ofSource(exchange)
  }

  /** The bindings that start at an exchange. Throws BrokerError `not-found`. */
  *bindingsFrom(exchange: string): Iterable<BindingInfo> {
    const vhost = this.#requireVhost()
    const source = vhost.requireExchange(exchange)
    if (source.name === '') for (const queue of vhost.queues()) yield implicitBinding(queue.name)
    yield* ofSource(source)
  }

  /** The bindings that lead to a queue or an exchange. Throws BrokerError `not-found`. */
  *bindingsTo({ destination, destinationType }: BindingDestination): Iterable<BindingInfo> {
    const vhost = this.#requireVhost()
    const to: Destination =
      destinationType === 'queue' ? vhost.requireQueue(destination) : vhost.requireExchange(destination)
    if (destinationType === 'queue') yield implicitBinding(destination)
    for (const binding of vhost.bindingsTo(to)) if (isThere(binding)) yield bindingInfo(binding)
  }
}

function* infosOf(consumers: readonly Consumer[]): Iterable<ConsumerInfo> {
  for (const consumer of consumers) yield consumerInfo(consumer)
}

function* ofSource({ outgoing }: Exchange): Iterable<BindingInfo> {
  for (const binding of outgoing.values()) if (isThere(binding)) yield bindingInfo(binding)
}

function implicitBinding(queue: string): BindingInfo {
  return { source: '', destination: queue, destinationType: 'queue', routingKey: queue, arguments: {} }
}

function bindingInfo({ source, destination, routingKey, arguments: table }: Binding): BindingInfo {
  return {
    source: source.name,
    destination: destination.name,
    destinationType: destination.kind,
    routingKey,
    arguments: plainTable(table),
  }
}
