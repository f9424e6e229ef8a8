// A broker without a network: queues, exchanges and consumers made by hand for the tests of the model.
import { expect } from 'vitest'
import { fieldTable, type PlainTable } from '../../protocol/field-table-plain.ts'
import type { Properties } from '../../protocol/properties.ts'
import { Undecided } from '../../src/broker/access/undecided.ts'
import type { Broker, BrokerOptions } from '../../src/broker/broker.ts'
import { DurableEntities } from '../../src/broker/durable-entities.ts'
import { BrokerError } from '../../src/broker/errors.ts'
import { createBinding, type Destination } from '../../src/broker/exchanges/binding.ts'
import type { Exchange, ExchangeSpec } from '../../src/broker/exchanges/exchange.ts'
import { NO_NODE_LIMITS, NodeLimits } from '../../src/broker/limits/node-limits.ts'
import { MemoryAlarm } from '../../src/broker/memory/memory-alarm.ts'
import { TopologyMemory } from '../../src/broker/memory/topology-memory.ts'
import { createMessage, type Message } from '../../src/broker/messages/message.ts'
import { Consumer, type ConsumerOptions, type DeliverySink } from '../../src/broker/queues/consumer.ts'
import type { Queue } from '../../src/broker/queues/queue.ts'
import type { QueueSpec } from '../../src/broker/queues/queue-spec.ts'
import { DeliveryScheduler } from '../../src/broker/scheduling/delivery-scheduler.ts'
import { LongWork } from '../../src/broker/scheduling/long-work.ts'
import { Removals } from '../../src/broker/scheduling/removals.ts'
import { FULL_ACCESS, Session } from '../../src/broker/session.ts'
import { Churn } from '../../src/broker/statistics/churn.ts'
import { EventLog } from '../../src/broker/statistics/event-log.ts'
import { TrafficFigures } from '../../src/broker/statistics/traffic-figures.ts'
import { stillBroker } from '../../src/broker/still-broker.ts'
import { Vhost } from '../../src/broker/vhost.ts'
import { AgeClock } from '../../src/lib/age-clock.ts'
import { Turn } from '../../src/lib/turn.ts'
import { EntityRegistry } from '../../storage/entity-registry.ts'
import { MemoryStorage } from '../../storage/memory/memory-storage.ts'
import { RECORD_PREFIX_BYTES } from '../../storage/record.ts'
import type { Segment } from '../../storage/segment.ts'
import type { Storage } from '../../storage/storage.ts'
import { HandClock } from '../support/hand-clock.ts'

export interface Delivered {
  readonly body: string
  readonly isRedelivered: boolean
  readonly consumer: Consumer
  readonly segment: Segment
  readonly index: number
}

/** What a consumer gets, in order; opened and closed by hand. */
export class Sink implements DeliverySink {
  isOpen = true
  readonly delivered: Delivered[] = []
  readonly cancelledConsumers: Consumer[] = []

  deliver(consumer: Consumer, segment: Segment, index: number, isRedelivered: boolean): void {
    this.delivered.push({ body: storedBody(segment, index), isRedelivered, consumer, segment, index })
  }

  cancelled(consumer: Consumer): void {
    this.cancelledConsumers.push(consumer)
  }

  get bodies(): string[] {
    return this.delivered.map(({ body }) => body)
  }
}

export class Model {
  readonly storage: Storage
  readonly #turns: (() => void)[] = []
  readonly defects: unknown[] = []
  readonly clock = new HandClock()
  readonly inputTurn = new Turn(() => this.clock.nowMs)
  readonly longWork = new LongWork(
    (work) => this.#turns.push(work),
    () => this.clock.nowMs,
    (error) => this.defects.push(error),
  )
  readonly scheduler = new DeliveryScheduler(
    (work) => this.#turns.push(work),
    () => this.clock.nowMs,
    (error) => this.defects.push(error),
  )
  readonly memory = new MemoryAlarm(Number.MAX_SAFE_INTEGER, {
    storageBytes: () => 0,
    otherBytes: () => 0,
    heapBytes: () => 0,
    heapLimitBytes: Number.MAX_SAFE_INTEGER,
  })
  readonly topology = new TopologyMemory(this.memory, Number.MAX_SAFE_INTEGER)
  readonly vhost: Vhost

  /** A storage other than memory is open already. */
  constructor(storage: Storage = new MemoryStorage()) {
    this.storage = storage
    const entities = new DurableEntities(
      new EntityRegistry(storage),
      () => this.vhost,
      () => storage.journal,
    )
    const { scheduler, inputTurn, longWork, memory, topology, clock } = this
    const ages = new AgeClock(clock)
    const nodeLimits = new NodeLimits(NO_NODE_LIMITS, topology.counts)
    this.vhost = new Vhost('/', {
      scheduler,
      storage,
      entities,
      inputTurn,
      longWork,
      removals: new Removals(longWork),
      memory,
      topology,
      nodeLimits,
      clock,
      ages,
      churn: new Churn(),
      events: new EventLog(clock),
      figures: new TrafficFigures(),
    })
  }

  /** Runs the turns that are due, until there are none. */
  run(): void {
    for (let turn = this.#turns.shift(); turn !== undefined; turn = this.#turns.shift()) turn()
    if (this.defects.length > 0) throw this.defects[0]
  }

  /** Runs one turn. */
  runOne(): void {
    this.#turns.shift()?.()
  }

  queue(name: string, spec: Partial<QueueSpec> = {}): Queue {
    const defaults = { durable: false, autoDelete: false, arguments: new Map(), owner: undefined }
    return this.vhost.addQueue({ ...defaults, ...spec, name })
  }

  exchange(name: string, type: ExchangeSpec['type'], spec: Partial<ExchangeSpec> = {}): Exchange {
    const defaults = { durable: false, autoDelete: false, internal: false, arguments: new Map() }
    return this.vhost.addExchange({ ...defaults, ...spec, name, type })
  }

  bind(source: Exchange, destination: Destination, routingKey = '', table: PlainTable = {}): () => void {
    const binding = createBinding(source, destination, routingKey, fieldTable(table))
    this.vhost.addBinding(binding)
    return () => this.vhost.removeBinding(source, binding.id)
  }

  consumer(
    queue: Queue,
    options: Partial<ConsumerOptions> = {},
    sink = new Sink(),
  ): { consumer: Consumer; sink: Sink } {
    const defaults = { isNoAck: false, isExclusive: false, priority: 0, prefetchCount: 0, arguments: new Map() }
    const consumer = new Consumer(queue, sink, { tag: 'tag', ...defaults, ...options })
    queue.addConsumer(consumer)
    return { consumer, sink }
  }
}

/** A broker without limits, whose clock stands still and which does nothing later. */
export function brokerOn(storage: Storage, parts: Partial<BrokerOptions> = {}): Broker {
  return stillBroker(storage, { clock: new HandClock(), onDefect: (error) => expect.fail(String(error)), ...parts })
}

/** One that may do everything. */
export function session(name = 'me', tags: readonly string[] = []): Session {
  return new Session({ name, tags }, '/', FULL_ACCESS)
}

export function message(exchange: string, routingKey: string, body = '', properties: Properties = {}): Message {
  return createMessage(exchange, routingKey, properties, Buffer.from(body))
}

function storedBody(segment: Segment, index: number): string {
  const { bytes, view } = segment.block
  const start = segment.recordStart(index)
  const bodyStart = start + RECORD_PREFIX_BYTES + view.getUint16(start) + view.getUint32(start + 4)
  return segment.bodies?.at(index)?.bytes.toString() ?? bytes.toString('utf8', bodyStart, segment.bodyEnd(index))
}

/** Takes what is ready in a queue. */
export function drain(queue: Queue): string[] {
  const bodies: string[] = []
  while (get(queue, true, (segment, index) => void bodies.push(storedBody(segment, index)))) {
    // each call takes one
  }
  return bodies
}

/** Takes one message that is in memory, if there is one. */
export function get(queue: Queue, isNoAck: boolean, read: Parameters<Queue['pull']['get']>[1]): boolean {
  const found = queue.pull.get(isNoAck, read, () => {})
  if (found === 'unread') throw new Error('the message is not in memory')
  return found === 'taken'
}

/** The refusal that this call ends in, as kind and text. */
export function refusal(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof BrokerError) return `${error.kind}: ${error.message}`
    throw error
  }
  throw new Error('it was not refused')
}

/** Until when the operation has to wait. */
export function waitOf(act: () => unknown): Promise<unknown> {
  try {
    act()
  } catch (error) {
    if (error instanceof Undecided) return error.settled
    throw error
  }
  throw new Error('it did not wait')
}
