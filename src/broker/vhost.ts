/** A virtual host: its exchanges, queues and bindings. */
import type { Journal } from '../../storage/journal.ts'
import type { VhostStorage } from '../../storage/storage.ts'
import type { AgeClock } from '../lib/age-clock.ts'
import { doAll, doForEach } from '../lib/do-all.ts'
import type { DurableEntities } from './durable-entities.ts'
import { refuse } from './errors.ts'
import type { Binding, Destination } from './exchanges/binding.ts'
import { BindingIndex, type Bindings } from './exchanges/binding-index.ts'
import { Exchange, type ExchangeSpec } from './exchanges/exchange.ts'
import { PREDECLARED } from './exchanges/predeclared.ts'
import { Unbindings } from './exchanges/unbindings.ts'
import type { NodeLimits } from './limits/node-limits.ts'
import { VhostLimits } from './limits/vhost-limits.ts'
import type { HeldMemory } from './memory/memory-alarm.ts'
import { bindingBytes, exchangeBytes, LOG_BYTES, queueBytes } from './memory/topology-bytes.ts'
import type { TopologyMemory } from './memory/topology-memory.ts'
import { VhostPolicies } from './policies/vhost-policies.ts'
import { DeadLetterAddress } from './publishing/dead-letter-address.ts'
import { DeadLetterOffice } from './publishing/dead-letter-office.ts'
import { Queue } from './queues/queue.ts'
import type { QueueKindName } from './queues/queue-kinds.ts'
import { QueueList } from './queues/queue-list.ts'
import { type LogsBeside, QueueLogs } from './queues/queue-logs.ts'
import type { QueueSpec, QueueSurroundings } from './queues/queue-spec.ts'
import type { DeadLetters } from './queues/settlement.ts'
import { SharedArguments } from './queues/shared-arguments.ts'
import { ReplyConsumers } from './routing/reply-to.ts'
import type { Topology } from './routing/router.ts'
import { Routes } from './routing/routes.ts'
import type { DeliveryScheduler } from './scheduling/delivery-scheduler.ts'
import type { LongWork } from './scheduling/long-work.ts'
import { Removals } from './scheduling/removals.ts'
import { SharedNames } from './shared-names.ts'
import type { Churn } from './statistics/churn.ts'
import type { TrafficFigures } from './statistics/traffic-figures.ts'
import { VhostCounts } from './vhost-counts.ts'
import { VhostEvents } from './vhost-events.ts'
import { NO_METADATA, type VhostMetadata } from './vhost-metadata.ts'
import type { VhostTools } from './vhost-tools.ts'

export class Vhost implements Topology, QueueSurroundings<Queue> {
  readonly name: string
  readonly replyConsumers = new ReplyConsumers()
  readonly routes: Routes
  readonly scheduler: DeliveryScheduler
  hasConsumerTimeouts = false
  /** For work that takes several turns. */
  readonly longWork: LongWork
  readonly memory: HeldMemory
  /** What its exchanges, queues, bindings and consumers take, with those of all others. */
  readonly topology: TopologyMemory
  /** How many there may be of everything in all virtual hosts together. */
  readonly nodeLimits: NodeLimits
  /** Where its durable queues, exchanges and bindings are kept. */
  readonly entities: DurableEntities
  readonly policies: VhostPolicies
  readonly limits: VhostLimits
  /** The type of durable queues that are declared without one, if not classic. */
  defaultQueueType: QueueKindName | undefined
  metadata: VhostMetadata = NO_METADATA
  /** What went through it. */
  readonly counts = new VhostCounts()
  readonly #exchanges = new Map<string, Exchange>()
  readonly #queues = new QueueList()
  readonly #bindings = new BindingIndex()
  readonly removals: Removals
  /** Bindings of what was removed, which may be many. */
  readonly unbindings: Unbindings
  /** Exchanges that are being removed. */
  readonly #doomed: Exchange[] = []
  readonly #sharedArguments = new SharedArguments()
  readonly #userNames = new SharedNames()
  /** Whether messages can survive a restart. */
  readonly isStorageDurable: boolean
  readonly #storage: VhostStorage
  readonly #deadLetterOffice: DeadLetterOffice
  readonly ages: AgeClock
  readonly churn: Churn
  readonly figures: TrafficFigures
  readonly #events: VhostEvents
  /** Not all there was before a restart is there again. */
  isRestoring = false
  /** It was deleted, and what is in it goes turn by turn. */
  isGoing = false

  constructor(name: string, tools: VhostTools) {
    const { storage, longWork, clock, inputTurn, memory } = tools
    this.name = name
    this.scheduler = tools.scheduler
    this.#storage = storage.vhost(name)
    this.isStorageDurable = storage.isDurable
    this.routes = new Routes(this, this.replyConsumers, tools.inputTurn)
    this.longWork = longWork
    this.memory = memory
    this.ages = tools.ages
    this.churn = tools.churn
    this.#events = new VhostEvents(tools.events, this)
    this.figures = tools.figures
    this.topology = tools.topology
    this.nodeLimits = tools.nodeLimits
    this.entities = tools.entities
    this.#deadLetterOffice = new DeadLetterOffice({
      routes: this.routes,
      longWork,
      clock,
      inputTurn,
      memory,
      figures: this.figures,
    })
    this.removals = new Removals(longWork, tools.removals)
    this.policies = new VhostPolicies(this, this.#sharedArguments, tools.entities)
    this.limits = new VhostLimits(name, tools.entities)
    this.unbindings = new Unbindings(name, this.removals, tools.entities, (binding) => this.#dropBinding(binding))
    for (const exchange of PREDECLARED) this.addExchange(exchange)
  }

  /** What makes its changes durable. */
  get journal(): Journal {
    return this.#storage.journal
  }

  /** Has durable queues that are declared without a type be of this one from now on. */
  setDefaultQueueType(type: QueueKindName | undefined): void {
    if (this.defaultQueueType === type) return
    this.defaultQueueType = type
    this.entities.vhostChanged(this)
  }

  setMetadata(changes: Partial<VhostMetadata>): void {
    this.metadata = { ...this.metadata, ...changes }
    this.entities.vhostChanged(this)
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
    return this.#queues.at(name)
  }

  requireQueue(name: string): Queue {
    const queue = this.#queues.at(name)
    if (queue === undefined) throw refuse.missing('queue', name, this.name)
    return queue
  }

  exchanges(): Iterable<Exchange> {
    return this.#exchanges.values()
  }

  queues(): Iterable<Queue> {
    return this.#queues.there()
  }

  /** With those that have still to be taken away: what they have counted is told then. */
  heldQueues(): Iterable<Queue> {
    return this.#queues.held()
  }

  get exchangeCount(): number {
    return this.#exchanges.size
  }

  get queueCount(): number {
    return this.#queues.count
  }

  /** With those that have still to be taken away. */
  get heldQueueCount(): number {
    return this.#queues.heldCount
  }

  get bindingCount(): number {
    return this.#bindings.count
  }

  addExchange(spec: ExchangeSpec): Exchange {
    const exchange = new Exchange(this.name, { ...spec, user: this.#userNames.of(spec.user) })
    this.policies.applyToExchange(exchange)
    this.#exchanges.set(spec.name, exchange)
    this.topology.add(exchangeBytes(exchange), 'exchanges')
    this.routes.version++
    this.entities.exchangeAdded(exchange)
    this.#events.exchangeCreated(exchange)
    return exchange
  }

  /** `keptAs`: the numbers under which the storage kept the messages of this queue, by the places of their logs; `beside`, its other logs. */
  addQueue(spec: QueueSpec, keptAs: readonly number[] = [], beside?: LogsBeside): Queue {
    const queueArguments = this.#sharedArguments.of(spec.arguments)
    const settings = this.policies.queueSettings(spec.name, queueArguments)
    const logs = new QueueLogs(this.#storage, spec.durable, keptAs, beside)
    const user = this.#userNames.of(spec.user)
    const queue = new Queue({ ...spec, arguments: queueArguments, user }, settings, logs, this)
    this.#takeAwayGone(spec.name)
    this.#queues.add(queue)
    this.topology.add(queueBytes(queue), 'queues')
    if (!this.isRestoring) this.churn.queuesCreated++
    this.#events.queue('queue.created', queue)
    this.routes.version++
    this.queueChanged(queue)
    return queue
  }

  logMade(queue: Queue): void {
    this.topology.add(LOG_BYTES)
    this.queueChanged(queue)
  }

  queueChanged(queue: Queue): void {
    if (queue.logs.ids.length > 0) this.entities.queueAdded(queue)
  }

  deadLettersOf(queue: Queue): DeadLetters | undefined {
    return DeadLetterAddress.of(queue, this.#deadLetterOffice)
  }

  addBinding(binding: Binding): void {
    if (!binding.source.addBinding(binding)) return
    this.#bindings.add(binding)
    this.topology.add(bindingBytes(binding), 'bindings')
    this.routes.version++
    this.entities.bindingAdded(binding)
    this.#events.binding('binding.created', binding)
  }

  /** The bindings that lead to a queue or an exchange. */
  bindingsTo(destination: Destination): Bindings {
    return this.#bindings.to(destination)
  }

  removeBinding(source: Exchange, id: string): void {
    const binding = source.outgoing.get(id)
    if (binding === undefined) return
    this.routes.version++
    this.#dropBinding(binding)
  }

  /** Removes the exchange with all its bindings, and the auto-delete exchanges that lose their last one by that. */
  removeExchange(exchange: Exchange): void {
    // The removal that is under way goes on with this one: there may be a long chain of them.
    if (this.#doomed.push(exchange) > 1) return
    try {
      doForEach(this.#doomed, (doomed) => this.#removeDoomed(doomed))
    } finally {
      this.#doomed.length = 0
    }
  }

  #removeDoomed(exchange: Exchange): void {
    if (this.#exchanges.get(exchange.name) !== exchange) return
    this.#exchanges.delete(exchange.name)
    exchange.isDeleted = true
    this.topology.remove(exchangeBytes(exchange), 'exchanges')
    this.routes.version++
    doAll(
      () => this.entities.exchangeRemoved(exchange),
      () => this.#events.exchangeDeleted(exchange),
      () => this.unbindings.begin(exchange, bindingsOf(exchange, this.#bindings.take(exchange))),
    )
  }

  /** Removes the queue with its bindings and cancels its consumers; how many ready messages went with it. */
  removeQueue(queue: Queue): number {
    if (!this.#queues.takeAway(queue)) return 0
    this.topology.remove(queueBytes(queue), 'queues')
    this.churn.queuesDeleted++
    this.routes.version++
    const { readyCount } = queue
    this.counts.queueRemoved(queue)
    doAll(
      () => this.entities.queueRemoved(queue),
      () => this.#events.queue('queue.deleted', queue),
      () => queue.close(),
      () => this.unbindings.begin(queue, this.#bindings.take(queue)[Symbol.iterator]()),
    )
    return readyCount
  }

  /** From now on, the queue is gone for all who look: `removeQueue` is to follow. */
  forgetQueue(queue: Queue): void {
    this.routes.version++
    this.#queues.forget(queue)
  }

  /** Throws Undecided while bindings go of a queue that had this name. */
  requireQueueGone(name: string): void {
    this.#takeAwayGone(name)
    this.unbindings.requireGone('queue', name)
  }

  #takeAwayGone(name: string): void {
    const queue = this.#queues.goneAt(name)
    if (queue !== undefined) this.removeQueue(queue)
  }

  /** Everything that there was before the restart is there again. */
  restored(): void {
    this.isRestoring = false
    for (const queue of this.#queues.held()) queue.restored()
    this.unbindings.restored((source) => this.#lostBinding(source))
  }

  /** Forgets everything; what is durable stays in the storage, which is closed already. */
  close(): void {
    for (const queue of this.#queues.held()) queue.close()
    this.#queues.clear()
    this.#exchanges.clear()
    this.routes.version++
  }

  #dropBinding(binding: Binding): void {
    const { source, id } = binding
    if (!source.outgoing.has(id)) return
    this.topology.remove(bindingBytes(binding), 'bindings')
    doAll(
      () => void source.removeBinding(id),
      () => this.#bindings.remove(binding),
      () => this.entities.bindingRemoved(binding),
      () => this.#events.binding('binding.deleted', binding),
      () => this.#lostBinding(source),
    )
  }

  /** RabbitMQ: an auto-delete exchange goes with the last binding that starts at it. */
  #lostBinding(source: Exchange): void {
    if (source.autoDelete && source.outgoing.size === 0) this.removeExchange(source)
  }
}

function* bindingsOf(exchange: Exchange, incoming: Iterable<Binding>): Iterator<Binding> {
  yield* exchange.outgoing.values()
  yield* incoming
}
