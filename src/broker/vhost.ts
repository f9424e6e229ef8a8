/** A virtual host: its exchanges, queues and bindings, and the routes through them. */
import type { FieldTable } from '../../protocol/field-table.ts'
import type { Storage } from '../../storage/storage.ts'
import { LONG_WORK, type Turn } from '../lib/turn.ts'
import type { Binding } from './binding.ts'
import type { DeliveryScheduler } from './delivery-scheduler.ts'
import type { DurableEntities } from './durable-entities.ts'
import { refuse } from './errors.ts'
import { Exchange, type ExchangeSpec } from './exchange.ts'
import type { ExchangeTypeName } from './exchange-types/exchange-types.ts'
import type { LongWork } from './long-work.ts'
import type { Message } from './message.ts'
import { Queue, type QueueSpec } from './queue.ts'
import { isReplyAddress, ReplyConsumers } from './reply-to.ts'
import { RouteCache } from './route-cache.ts'
import { type Route, Routing, type Topology } from './router.ts'
import { bindingBytes, exchangeBytes, queueBytes } from './topology-bytes.ts'
import type { TopologyMemory } from './topology-memory.ts'

const NO_ARGUMENTS: FieldTable = new Map()

/** RabbitMQ's predeclared durable exchanges. */
const PREDECLARED: readonly (readonly [name: string, type: ExchangeTypeName, internal: boolean])[] = [
  ['', 'direct', false],
  ['amq.direct', 'direct', false],
  ['amq.fanout', 'fanout', false],
  ['amq.topic', 'topic', false],
  ['amq.headers', 'headers', false],
  ['amq.match', 'headers', false],
  ['amq.rabbitmq.trace', 'topic', true],
]

export class Vhost implements Topology {
  readonly name: string
  readonly replyConsumers = new ReplyConsumers()
  /** For work that takes several turns. */
  readonly longWork: LongWork
  /** What its exchanges, queues, bindings and consumers take, with those of all others. */
  readonly topology: TopologyMemory
  /** Where its durable queues, exchanges and bindings are kept. */
  readonly entities: DurableEntities
  /** What went through queues that are gone. */
  readonly removedQueues = { publishedCount: 0, deliveredCount: 0 }
  readonly #exchanges = new Map<string, Exchange>()
  readonly #queues = new Map<string, Queue>()
  readonly #routes = new RouteCache()
  readonly #scheduler: DeliveryScheduler
  readonly #storage: Storage
  readonly #inputTurn: Turn
  /** Raised by every change that may lead a message elsewhere. */
  #topologyVersion = 0

  constructor(
    name: string,
    scheduler: DeliveryScheduler,
    storage: Storage,
    entities: DurableEntities,
    inputTurn: Turn,
    longWork: LongWork,
    topology: TopologyMemory,
  ) {
    this.name = name
    this.#scheduler = scheduler
    this.#storage = storage
    this.#inputTurn = inputTurn
    this.longWork = longWork
    this.topology = topology
    this.entities = entities
    for (const [exchange, type, internal] of PREDECLARED) {
      this.addExchange({ name: exchange, type, internal, durable: true, autoDelete: false, arguments: NO_ARGUMENTS })
    }
  }

  /** Whether messages can survive a restart. */
  get isStorageDurable(): boolean {
    return this.#storage.isDurable
  }

  get topologyVersion(): number {
    return this.#topologyVersion
  }

  exchange(name: string): Exchange | undefined {
    return this.#exchanges.get(name)
  }

  requireExchange(name: string): Exchange {
    const exchange = this.#exchanges.get(name)
    if (exchange === undefined) throw refuse.missing('exchange', name, this.name)
    return exchange
  }

  queue(name: string): Queue | undefined {
    return this.#queues.get(name)
  }

  requireQueue(name: string): Queue {
    const queue = this.#queues.get(name)
    if (queue === undefined) throw refuse.missing('queue', name, this.name)
    return queue
  }

  exchanges(): Iterable<Exchange> {
    return this.#exchanges.values()
  }

  queues(): Iterable<Queue> {
    return this.#queues.values()
  }

  get exchangeCount(): number {
    return this.#exchanges.size
  }

  get queueCount(): number {
    return this.#queues.size
  }

  addExchange(spec: ExchangeSpec): Exchange {
    const exchange = new Exchange(this.name, spec)
    this.#exchanges.set(spec.name, exchange)
    this.topology.add(exchangeBytes(exchange))
    this.#topologyVersion++
    this.entities.exchangeAdded(exchange)
    return exchange
  }

  /** `keptAs`: the number under which the storage kept the messages of this queue. */
  addQueue(spec: QueueSpec, keptAs?: number): Queue {
    const queueId = spec.durable ? (keptAs ?? this.#storage.newQueueId()) : undefined
    const queue = new Queue(this.name, spec, this.#storage.createQueueLog(queueId), this.#scheduler)
    this.#queues.set(spec.name, queue)
    this.topology.add(queueBytes(queue))
    this.#topologyVersion++
    if (queueId !== undefined) this.entities.queueAdded(queue, queueId)
    return queue
  }

  addBinding(binding: Binding): void {
    if (!binding.source.addBinding(binding)) return
    this.topology.add(bindingBytes(binding))
    this.#topologyVersion++
    this.entities.bindingAdded(binding)
  }

  removeBinding(source: Exchange, id: string): void {
    if (!this.#dropBinding(source, id)) return
    this.#topologyVersion++
    if (isUnused(source)) this.removeExchange(source)
  }

  /** Removes the exchange with all its bindings, and the auto-delete exchanges that lose their last one by that. */
  removeExchange(exchange: Exchange): void {
    const doomed = [exchange]
    for (let next = doomed.pop(); next !== undefined; next = doomed.pop()) {
      if (this.#exchanges.get(next.name) !== next) continue
      this.#exchanges.delete(next.name)
      this.topology.remove(exchangeBytes(next))
      for (const id of [...next.outgoing.keys()]) this.#dropBinding(next, id)
      this.entities.exchangeRemoved(next)
      this.#topologyVersion++
      for (const unused of this.#unbind(next)) doomed.push(unused)
    }
  }

  /** Removes the queue with its bindings and cancels its consumers; how many ready messages went with it. */
  removeQueue(queue: Queue): number {
    if (this.#queues.get(queue.name) !== queue) return 0
    this.#queues.delete(queue.name)
    this.topology.remove(queueBytes(queue))
    this.#topologyVersion++
    const { readyCount } = queue
    this.removedQueues.publishedCount += queue.publishedCount
    this.removedQueues.deliveredCount += queue.deliveredCount
    for (const exchange of this.#unbind(queue)) this.removeExchange(exchange)
    this.entities.queueRemoved(queue)
    queue.close()
    return readyCount
  }

  /**
   * The route of a message by its exchange and routing key alone. Routes are remembered; one that `usesHeaders` must be
   * followed with the message's headers. Throws BrokerError for an exchange that does not exist or is internal.
   */
  route(message: Message): Route {
    const { head, keyStart, keyEnd } = message
    const known = this.#routes.get(head, keyStart, keyEnd)
    if (known !== undefined && known.version === this.#topologyVersion) return known
    const route = this.#findRoute(message.exchange, message.routingKey)
    if (route.replyConsumer === undefined) this.#routes.set(head, keyStart, keyEnd, route)
    return route
  }

  /** The queues that any of these routing keys lead to. */
  queuesFor(exchange: Exchange, routingKeys: readonly string[], headers: FieldTable): readonly Queue[] {
    const routing = new Routing(this)
    routing.follow(exchange, routingKeys, headers)
    this.#inputTurn.spend(LONG_WORK)
    return [...routing.queues]
  }

  /** Removes everything, for good. */
  clear(): void {
    for (const queue of [...this.#queues.values()]) this.removeQueue(queue)
    for (const exchange of [...this.#exchanges.values()]) this.removeExchange(exchange)
  }

  /** Forgets everything; what is durable stays in the storage, which is closed already. */
  close(): void {
    for (const queue of this.#queues.values()) queue.close()
    this.#queues.clear()
    this.#exchanges.clear()
    this.#topologyVersion++
  }

  #findRoute(exchangeName: string, routingKey: string): Route {
    const exchange = this.requireExchange(exchangeName)
    if (exchange.internal) throw refuse.internalExchange('exchange', exchangeName, this.name)
    const version = this.#topologyVersion
    if (exchangeName === '' && isReplyAddress(routingKey)) {
      const replyConsumer = this.replyConsumers.at(routingKey)
      if (replyConsumer !== undefined) return { version, exchange, queues: [], replyConsumer, usesHeaders: false }
    }
    if (exchange.sharedRoute?.version === version) return exchange.sharedRoute
    const routing = new Routing(this)
    routing.follow(exchange, [routingKey], NO_ARGUMENTS)
    this.#inputTurn.spend(LONG_WORK)
    const { usesHeaders } = routing
    const queues = usesHeaders ? [] : [...routing.queues]
    const route = { version, exchange, queues, replyConsumer: undefined, usesHeaders }
    // Only the keys of a fanout that leads straight to queues make no difference.
    if (exchange.type === 'fanout' && queues.length > 0 && leadsToQueuesOnly(exchange)) exchange.sharedRoute = route
    return route
  }

  #dropBinding(source: Exchange, id: string): boolean {
    const binding = source.removeBinding(id)
    if (binding === undefined) return false
    this.topology.remove(bindingBytes(binding))
    this.entities.bindingRemoved(binding)
    return true
  }

  /** Takes away the bindings that lead here; the exchanges that must go with them. */
  #unbind(destination: Queue | Exchange): Exchange[] {
    const unused = new Set<Exchange>()
    for (const { source, id } of [...destination.incoming]) {
      this.#dropBinding(source, id)
      if (isUnused(source)) unused.add(source)
    }
    return [...unused]
  }
}

function leadsToQueuesOnly(exchange: Exchange): boolean {
  for (const { destination } of exchange.outgoing.values()) if (destination.kind !== 'queue') return false
  return true
}

// RabbitMQ: an auto-delete exchange goes with the last binding that starts at it.
function isUnused(exchange: Exchange): boolean {
  return exchange.autoDelete && exchange.outgoing.size === 0
}
