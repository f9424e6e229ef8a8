// A queue of a broker without a network, with all that one may be composed of, for the model beside it.
import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { fieldTable, type PlainTable } from '../../../protocol/field-table-plain.ts'
import type { Broker } from '../../../src/broker/broker.ts'
import { Message } from '../../../src/broker/messages/message.ts'
import type { PolicyDefinition } from '../../../src/broker/policies/policy.ts'
import { Publisher } from '../../../src/broker/publishing/publisher.ts'
import { Consumer, type DeliverySink } from '../../../src/broker/queues/consumer.ts'
import type { Queue } from '../../../src/broker/queues/queue.ts'
import { deliveriesBefore, type Segment } from '../../../storage/segment.ts'
import type { Storage } from '../../../storage/storage.ts'
import { HandClock } from '../../support/hand-clock.ts'
import { brokerOn, message, session } from '../model.ts'
import type { Changing, ConsumerSpec, How, Settings } from './naive-queue.ts'

/** A bound for what takes some milliseconds at most. */
const READ_MS_MAX = 5000

interface Held {
  readonly segment: Segment
  readonly index: number
  /** Undefined when it was taken by a get. */
  readonly consumer: Consumer | undefined
}

function policyOf({ ttlMs, lengthMax, bytesMax, overflow, retry }: Changing): PolicyDefinition {
  return {
    'dead-letter-exchange': '',
    'dead-letter-routing-key': 'dead',
    overflow,
    ...(ttlMs === undefined ? {} : { 'message-ttl': ttlMs }),
    ...(lengthMax === undefined ? {} : { 'max-length': lengthMax }),
    ...(bytesMax === undefined ? {} : { 'max-length-bytes': bytesMax }),
    ...(retry === undefined ? {} : { 'delayed-retry-type': retry.type, 'delayed-retry-min': retry.minMs }),
    ...(retry?.maxMs === undefined ? {} : { 'delayed-retry-max': retry.maxMs }),
  }
}

function argumentsOf({ priorityMax, deliveryLimit, isSingleActive }: Settings): PlainTable {
  return {
    ...(priorityMax === undefined ? {} : { 'x-max-priority': priorityMax }),
    ...(deliveryLimit === undefined ? {} : { 'x-delivery-limit': deliveryLimit }),
    ...(isSingleActive ? { 'x-single-active-consumer': true } : {}),
  }
}

export class RealQueue {
  readonly #clock = new HandClock()
  readonly #turns: (() => void)[] = []
  readonly #defects: unknown[] = []
  readonly #makeStorage: () => Storage
  readonly #settings: Settings
  #storage: Storage
  #broker: Broker | undefined
  #queue: Queue | undefined
  #dead: Queue | undefined
  #publisher: Publisher | undefined
  readonly #held = new Map<string, Held>()
  readonly #consumers = new Map<string, Consumer>()
  /** What consumers got since it was asked for. */
  #delivered: string[] = []

  constructor(settings: Settings, makeStorage: () => Storage) {
    this.#settings = settings
    this.#makeStorage = makeStorage
    this.#storage = makeStorage()
    // Later than a time of 32 bits.
    this.#clock.wallBeginMs = 1_800_000_000_000
  }

  async open(): Promise<void> {
    const recovery = await this.#storage.open()
    const broker = brokerOn(this.#storage, {
      nextTurn: (work) => void this.#turns.push(work),
      clock: this.#clock,
      onDefect: (error) => void this.#defects.push(error),
    })
    expect(broker.restore(recovery).problems).toEqual([])
    const vhost = broker.createVhost('/')
    const spec = { durable: true, autoDelete: false, owner: undefined }
    this.#dead = vhost.queue('dead') ?? vhost.addQueue({ ...spec, name: 'dead', arguments: new Map() })
    this.#queue =
      vhost.queue('q') ?? vhost.addQueue({ ...spec, name: 'q', arguments: fieldTable(argumentsOf(this.#settings)) })
    this.#broker = broker
    this.#publisher = new Publisher(vhost, session(), 2 ** 20)
    if (vhost.policies.policy('policy', 'of q') === undefined) this.change(this.#settings)
  }

  get #q(): Queue {
    if (this.#queue === undefined) throw new Error('the broker is not open')
    return this.#queue
  }

  /** Until there is nothing left to be done at this time. What has to be read from the disk comes when it comes. */
  async settled(expected?: object): Promise<void> {
    const endMs = performance.now() + READ_MS_MAX
    const isThere = (): boolean => expected === undefined || isDeepStrictEqual(this.counts, expected)
    for (let quiet = 0; quiet < 3 || !isThere(); quiet++) {
      if (performance.now() > endMs) return
      this.#clock.turn(0)
      if (this.#runTurns()) quiet = 0
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (this.#storage.isDurable) await new Promise<void>((resolve) => this.#storage.journal.whenDurable(resolve))
      if (this.#defects.length > 0) throw this.#defects[0]
    }
  }

  publish(id: string, priority: number | undefined, expirationMs: number | undefined): boolean {
    const properties = {
      deliveryMode: 2,
      ...(priority === undefined ? {} : { priority }),
      ...(expirationMs === undefined ? {} : { expiration: String(expirationMs) }),
    }
    return this.#publisher?.publish(message('', 'q', id, properties)) === 'routed'
  }

  /** The body, and whether it says that it was delivered before. */
  async take(): Promise<string | undefined> {
    return await this.#takeFrom(this.#q, false)
  }

  async #takeFrom(queue: Queue, isNoAck: boolean): Promise<string | undefined> {
    for (;;) {
      let body: string | undefined
      let isReadable = false
      const found = queue.pull.get(
        isNoAck,
        (segment, index, isRedelivered) => {
          const id = readMessage(segment, index).body
          if (!isNoAck) this.#held.set(id, { segment, index, consumer: undefined })
          body = isNoAck ? deathOf(segment, index) : told(id, segment, index, isRedelivered)
        },
        () => {
          isReadable = true
        },
      )
      if (found !== 'unread') return body
      while (!isReadable) await this.settled()
    }
  }

  settle(id: string, how: How): void {
    const held = this.#held.get(id)
    if (held === undefined) throw new Error(`${id} is not out`)
    this.#held.delete(id)
    this.#q.settle(held.segment, held.index, how)
    held.consumer?.returnCredit()
  }

  consume({ tag, priority, prefetchCount, isNoAck }: ConsumerSpec): void {
    const options = { tag, priority, prefetchCount, isNoAck, isExclusive: false, arguments: new Map() }
    const consumer = new Consumer(this.#q, this.#sink, options)
    this.#q.addConsumer(consumer)
    this.#consumers.set(tag, consumer)
  }

  cancel(tag: string): void {
    const consumer = this.#consumers.get(tag)
    if (consumer === undefined) throw new Error(`there is no consumer ${tag}`)
    this.#consumers.delete(tag)
    this.#q.removeConsumer(consumer)
  }

  readonly #sink: DeliverySink = {
    isOpen: true,
    deliver: (consumer, segment, index, isRedelivered) => {
      const id = readMessage(segment, index).body
      this.#delivered.push(`${consumer.tag}: ${told(id, segment, index, isRedelivered)}`)
      if (!consumer.isNoAck) this.#held.set(id, { segment, index, consumer })
    },
    cancelled: () => {},
  }

  /** What consumers got since it was asked for last. */
  deliveries(): string[] {
    return this.#delivered.splice(0)
  }

  /** Each millisecond is a turn of its own, as timers have it. */
  async wait(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed++) {
      this.#clock.turn(1)
      this.#runTurns()
      await Promise.resolve()
    }
  }

  #runTurns(): boolean {
    let hasRun = false
    for (let turn = this.#turns.shift(); turn !== undefined; turn = this.#turns.shift()) {
      turn()
      hasRun = true
    }
    return hasRun
  }

  change(to: Changing): void {
    this.#broker?.requireVhost('/').policies.set('policy', 'of q', { pattern: '^q$', definition: policyOf(to) })
  }

  purge(): number {
    return this.#q.purge()
  }

  /** What `isPrompt` does not wait until all that is due after the start has been done. */
  async restart(downMs: number, isPrompt: boolean): Promise<void> {
    await this.close()
    this.#held.clear()
    this.#consumers.clear()
    this.#turns.length = 0
    this.#clock.timers.clear()
    this.#clock.nowMs += downMs
    this.#storage = this.#makeStorage()
    await this.open()
    if (!isPrompt) await this.settled()
  }

  async close(): Promise<void> {
    await this.#storage.close()
    this.#broker?.close()
  }

  /** Takes what has died since. */
  async deaths(): Promise<string[]> {
    const deaths: string[] = []
    for (;;) {
      const next = this.#dead === undefined ? undefined : await this.#takeFrom(this.#dead, true)
      if (next === undefined) return deaths
      deaths.push(next)
    }
  }

  get counts() {
    const { readyCount, readyBytes, unackedCount, unackedBytes, delayedCount, delayedBytes } = this.#q
    return { readyCount, readyBytes, unackedCount, unackedBytes, delayedCount, delayedBytes }
  }
}

function readMessage(segment: Segment, index: number) {
  const stored = new Message()
  stored.setStored(segment, index)
  const { properties } = stored
  const body = stored.body.bytes.toString('utf8', stored.bodyStart, stored.bodyEnd)
  stored.release()
  return { body, properties }
}

function told(id: string, segment: Segment, index: number, isRedelivered: boolean): string {
  return `${id} ${deliveriesBefore(segment, index)}${isRedelivered ? ' again' : ''}`
}

function deathOf(segment: Segment, index: number): string {
  const { body, properties } = readMessage(segment, index)
  return `${body} ${properties.headers?.get('x-last-death-reason')?.value}`
}
