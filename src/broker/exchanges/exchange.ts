import type { FieldTable } from '../../../protocol/field-table.ts'
import { textValue } from '../fields.ts'
import { NameCounts } from '../statistics/name-counts.ts'
import type { Binding, Destination } from './binding.ts'
import { type Linked, LinkedList } from './linked.ts'
import { type ExchangeTypeName, exchangeType } from './types/exchange-types.ts'
import type { RoutingTable } from './types/routing-table.ts'

/** What went to further queues is not known. */
const QUEUES_MAX = 1000

export interface ExchangeSpec {
  readonly name: string
  readonly type: ExchangeTypeName
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly arguments: FieldTable
  /** Who declared it, where that is known. */
  readonly user?: string | undefined
}

/** Counts what it publishes, and tells the exchange now and then. */
export interface Teller extends Linked<Teller> {
  tell(): void
}

/** A way that messages take from an exchange to queues. */
export interface UsedRoute extends Linked<UsedRoute> {
  readonly queues: readonly { readonly name: string }[]
  /** How many queues there are: some routes do not have them. */
  readonly copies: number
  /** Messages that went this way, which the exchange does not know of yet. */
  publishedCount: number
}

export class Exchange {
  readonly kind = 'exchange'
  readonly name: string
  readonly vhostName: string
  readonly type: ExchangeTypeName
  readonly durable: boolean
  readonly autoDelete: boolean
  readonly internal: boolean
  readonly arguments: FieldTable
  readonly user: string | undefined
  isDeleted = false
  /** Where a message goes that this exchange routed nowhere: by its arguments, or by policy. */
  alternateExchange: string | undefined
  /** Messages that were published to it, as far as it was told, see `hear`. */
  publishedInCount = 0
  /** How many queues they went to, in all. */
  publishedOutCount = 0
  /** How many messages went to each queue, as far as it was told. */
  readonly sent = new NameCounts(QUEUES_MAX)
  /** Those whose messages go to it now. */
  readonly publishers = new LinkedList<Teller>()
  /** Those with messages that it does not know of. */
  readonly usedRoutes = new LinkedList<UsedRoute>()
  /** The bindings that start here, by id. */
  readonly outgoing = new Map<string, Binding>()
  readonly routingTable: RoutingTable<Destination>

  constructor(vhostName: string, spec: ExchangeSpec) {
    this.name = spec.name
    this.vhostName = vhostName
    this.type = spec.type
    this.durable = spec.durable
    this.autoDelete = spec.autoDelete
    this.internal = spec.internal
    this.arguments = spec.arguments
    this.user = spec.user
    this.alternateExchange = textValue(spec.arguments.get('alternate-exchange'))
    this.routingTable = exchangeType(spec.type).createTable()
  }

  /**
   * Uses the alternate exchange of a policy, unless its arguments name one; whether that changes anything. RabbitMQ: what the default
   * exchange cannot route goes nowhere else.
   */
  useAlternate(byPolicy: string | undefined): boolean {
    const before = this.alternateExchange
    const alternate = textValue(this.arguments.get('alternate-exchange')) ?? byPolicy
    this.alternateExchange = this.name === '' ? undefined : alternate
    return this.alternateExchange !== before
  }

  /** Has publishers and routes tell what they have counted: before its own counts are read. */
  hear(): void {
    this.publishers.each((publisher) => publisher.tell())
    this.usedRoutes.each((route) => this.hearOf(route))
  }

  /** Has one route tell. */
  hearOf(route: UsedRoute): void {
    const { publishedCount } = route
    if (publishedCount === 0) return
    route.publishedCount = 0
    this.usedRoutes.remove(route)
    this.countSent(route, publishedCount)
  }

  /** So many messages went this way. */
  countSent({ queues, copies }: UsedRoute, messages: number): void {
    this.countPublished(messages, messages * copies)
    for (let i = 0; i < queues.length; i++) this.sent.add((queues[i] as { readonly name: string }).name, messages)
  }

  countPublished(messages: number, copies: number): void {
    this.publishedInCount += messages
    this.publishedOutCount += copies
  }

  /** False when there is such a binding already. */
  addBinding(binding: Binding): boolean {
    if (this.outgoing.has(binding.id)) return false
    this.outgoing.set(binding.id, binding)
    this.routingTable.add(binding)
    return true
  }

  /** The binding that was removed; undefined when there is none. */
  removeBinding(id: string): Binding | undefined {
    const binding = this.outgoing.get(id)
    if (binding === undefined) return undefined
    this.outgoing.delete(id)
    if (!this.isDeleted) this.routingTable.remove(binding)
    return binding
  }
}
