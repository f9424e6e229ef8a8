import type { FieldTable } from '../../../protocol/field-table.ts'
import { textValue } from '../fields.ts'
import { NameCounts } from '../statistics/name-counts.ts'
import type { Binding, Destination } from './binding.ts'
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
  isDeleted = false
  /** Where a message goes that this exchange routed nowhere: by its arguments, or by policy. */
  alternateExchange: string | undefined
  /** Messages that were published to it, as far as it was told, see `Vhost.hearWhatWasSent`. */
  publishedInCount = 0
  /** How many queues they went to, in all. */
  publishedOutCount = 0
  /** How many messages went to each queue, as far as it was told. */
  readonly sent = new NameCounts(QUEUES_MAX)
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
