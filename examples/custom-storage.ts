// A storage of your own: messages and entities in any abstract-level database. memory-level keeps them as long as the
// database object lives; with a folder as the second argument it is level, which keeps them on the disk. One record per
// message is simple and slower than what Leveret brings along.

import { Level } from 'level'
import { ServerBuilder } from 'leveret'
import {
  copyRecord,
  deliveriesBefore,
  type Journal,
  type LogRecorder,
  QueueLog,
  type Recovery,
  recordSource,
  type Segment,
  SegmentPool,
  type Storage,
  type StoredEntity,
  type VhostStorage,
} from 'leveret/storage'
import { MemoryLevel } from 'memory-level'

type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: string }

/** What is needed of a database; its keys are texts, its values bytes. */
export interface Database {
  iterator(): AsyncIterable<[key: string, value: Buffer]>
  batch(operations: Operation[], options: { readonly sync: boolean }): Promise<void>
}

// e!<kind>!<key>: an entity      m!<queue>!<number>: a message      r!<queue>!<number>: how often it came back
// d!<queue>: the last one delivered
const entityKey = (kind: number, key: string): string => `e!${kind}!${key}`
const messageKey = (queue: number, number: number): string => `m!${digits(queue)}!${digits(number)}`
const returnedKey = (queue: number, number: number): string => `r!${digits(queue)}!${digits(number)}`
const deliveredKey = (queue: number): string => `d!${digits(queue)}`
const NEXT_QUEUE = 'next-queue'
const digits = (number: number): string => String(number).padStart(15, '0')

/** Gathers changes; what has come together while one commit is written is the next one. */
class BatchJournal implements Journal {
  stagedCount = 0
  commitsBegun = 0
  trouble: string | undefined
  readonly #database: Database
  readonly #listeners = new Set<() => void>()
  #operations = new Map<string, Operation>()
  #waiting: (() => void)[] = []
  #stagedBytes = 0
  #running: Promise<void> | undefined

  constructor(database: Database) {
    this.#database = database
  }

  get isCongested(): boolean {
    return this.trouble !== undefined || this.#stagedBytes > 16 * 1024 * 1024
  }

  put(kind: number, key: string, value: Uint8Array): void {
    this.stage({ type: 'put', key: entityKey(kind, key), value: Buffer.from(value) })
  }

  remove(kind: number, key: string): void {
    this.stage({ type: 'del', key: entityKey(kind, key) })
  }

  stage(operation: Operation): void {
    this.#operations.set(operation.key, operation)
    if (operation.type === 'put') this.#stagedBytes += operation.value.length
    this.#running ??= this.#run()
  }

  /** What was settled before it was written need not be written. */
  unstage(key: string): void {
    if (!this.#operations.delete(key)) this.stage({ type: 'del', key })
  }

  whenDurable(callback: () => void): void {
    if (this.#running === undefined) callback()
    else this.#waiting.push(callback)
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async finish(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #run(): Promise<void> {
    // Everything of this turn of the event loop belongs together: a transaction is one turn.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#operations.size + this.#waiting.length > 0) {
      const [operations, waiting] = [[...this.#operations.values()], this.#waiting]
      this.#operations = new Map()
      this.#waiting = []
      this.commitsBegun++
      await this.#write(operations)
      this.#stagedBytes = [...this.#operations.values()].reduce((sum, one) => sum + bytesOf(one), 0)
      for (const listener of this.#listeners) listener()
      for (const callback of waiting) callback()
    }
    this.#running = undefined
  }

  async #write(operations: Operation[]): Promise<void> {
    for (;;) {
      try {
        await this.#database.batch(operations, { sync: true })
        this.trouble = undefined
        return
      } catch (error) {
        // No client was told that it is safe: trying again is all there is to do.
        this.trouble = `the database cannot be written: ${String(error)}`
        for (const listener of this.#listeners) listener()
        await new Promise((resolve) => setTimeout(resolve, 1000))
      }
    }
  }
}

function bytesOf(operation: Operation): number {
  return operation.type === 'put' ? operation.value.length : 0
}

/** Gives every durable message of a queue a number, and keeps it under that until it is settled. */
class MessageRecorder implements LogRecorder {
  readonly #storage: DatabaseStorage
  readonly #queue: number
  /** The numbers of the messages by segment and index; those that are not kept have none. */
  readonly #numbers = new Map<Segment, number[]>()
  #last: { readonly segment: Segment; readonly index: number } | undefined
  /** While a queue is filled with what was kept: the number of the message to come. */
  #restoring: number | undefined

  constructor(storage: DatabaseStorage, queue: number) {
    this.#storage = storage
    this.#queue = queue
  }

  /** Fills a queue with what was kept. */
  restore(log: QueueLog, { messages, returned, delivered }: KeptQueue): void {
    for (const [number, record] of messages) {
      this.#restoring = number
      log.append(recordSource(record))
      if (this.#last === undefined) continue
      const { segment, index } = this.#last
      log.restoreDeliveries(segment, index, returned.get(number) ?? 0)
      // Up to here, the messages are delivered again.
      if (number <= delivered) log.restoreCursor(segment.sequence, index + 1)
    }
    this.#restoring = undefined
  }

  appended(segment: Segment): void {
    const index = segment.count - 1
    const number = this.#restoring ?? this.#storage.nextNumber++
    const numbers = this.#numbers.get(segment) ?? []
    numbers[index] = number
    this.#numbers.set(segment, numbers)
    this.#last = { segment, index }
    if (this.#restoring !== undefined) return
    this.#storage.journal.stagedCount++
    const key = messageKey(this.#queue, number)
    this.#storage.journal.stage({ type: 'put', key, value: copyRecord(segment, index) })
  }

  settled(segment: Segment, index: number): void {
    const numbers = this.#numbers.get(segment)
    const number = numbers?.[index]
    if (numbers === undefined || number === undefined) return
    delete numbers[index]
    this.#forget(number, deliveriesBefore(segment, index) > 0)
  }

  returned(segment: Segment, index: number): void {
    const number = this.#numbers.get(segment)?.[index]
    if (number === undefined) return
    const value = Buffer.from(String(deliveriesBefore(segment, index)))
    this.#storage.journal.stage({ type: 'put', key: returnedKey(this.#queue, number), value })
  }

  #forget(number: number, hasReturned: boolean): void {
    const { journal } = this.#storage
    journal.unstage(messageKey(this.#queue, number))
    // An earlier count may have been written already.
    if (hasReturned) journal.stage({ type: 'del', key: returnedKey(this.#queue, number) })
  }

  delivered(segment: Segment, index: number): void {
    const number = this.#numbers.get(segment)?.[index - 1]
    if (number === undefined) return
    this.#storage.journal.stage({ type: 'put', key: deliveredKey(this.#queue), value: Buffer.from(String(number)) })
  }

  // After a purge, there may be messages in it that nothing was said of.
  released(segment: Segment): void {
    const numbers = this.#numbers.get(segment)
    this.#numbers.delete(segment)
    numbers?.forEach((number, index) => void this.#forget(number, deliveriesBefore(segment, index) > 0))
  }

  cleared(): void {
    for (const number of [...this.#numbers.values()].flat()) {
      this.#forget(number, true)
    }
    this.#numbers.clear()
    this.#storage.journal.stage({ type: 'del', key: deliveredKey(this.#queue) })
  }

  // All messages stay in memory, so none is ever read back.
  isSafe(): boolean {
    return false
  }

  load(): void {}
}

interface KeptQueue {
  readonly messages: [number: number, record: Buffer][]
  readonly returned: Map<number, number>
  delivered: number
}

export class DatabaseStorage implements Storage, VhostStorage {
  readonly kind = 'abstract-level'
  readonly isDurable = true
  readonly journal: BatchJournal
  nextNumber = 1
  readonly #database: Database
  readonly #pool = new SegmentPool()
  readonly #kept = new Map<number, KeptQueue>()
  #nextQueue = 1

  constructor(database: Database) {
    this.#database = database
    this.journal = new BatchJournal(database)
  }

  get bytesInUse(): number {
    return this.#pool.bytesInUse
  }

  async open(): Promise<Recovery> {
    const startedAtMs = performance.now()
    const entities: StoredEntity[] = []
    let messages = 0
    for await (const [key, value] of this.#database.iterator()) {
      const [type, first = '', ...rest] = key.split('!')
      if (type === 'e') entities.push({ kind: Number(first), key: rest.join('!'), value })
      else if (type === 'd') {
        this.#keptQueue(Number(first)).delivered = Number(value)
        this.#neverAgain(Number(value))
      } else if (type === 'r') this.#keptQueue(Number(first)).returned.set(Number(rest[0]), Number(value))
      else if (type === 'm') {
        const number = Number(rest[0])
        this.#keptQueue(Number(first)).messages.push([number, value])
        this.#neverAgain(number)
        messages++
      } else if (key === NEXT_QUEUE) this.#nextQueue = Number(value)
    }
    const durationMs = performance.now() - startedAtMs
    return { entities, messages, tornBytes: 0, quarantined: 0, problems: [], durationMs }
  }

  /** What is known of the message with this number must never come to mean another one. */
  #neverAgain(number: number): void {
    this.nextNumber = Math.max(this.nextNumber, number + 1)
  }

  /** The database belongs to the program that has opened it, and stays open. */
  async close(): Promise<void> {
    await this.journal.finish()
  }

  /** One journal and one database for all virtual hosts. */
  vhost(): VhostStorage {
    return this
  }

  newQueueId(): number {
    const id = this.#nextQueue++
    this.journal.stage({ type: 'put', key: NEXT_QUEUE, value: Buffer.from(String(this.#nextQueue)) })
    return id
  }

  createQueueLog(queue?: number): QueueLog {
    if (queue === undefined) return new QueueLog(this.#pool)
    const recorder = new MessageRecorder(this, queue)
    const log = new QueueLog(this.#pool, recorder)
    const kept = this.#kept.get(queue)
    this.#kept.delete(queue)
    if (kept !== undefined) recorder.restore(log, kept)
    return log
  }

  dropUnclaimed(refused: readonly StoredEntity[] = []): number {
    for (const { kind, key } of refused) this.journal.remove(kind, key)
    const unclaimed = [...this.#kept]
    this.#kept.clear()
    for (const [queue, { messages }] of unclaimed) {
      for (const [number] of messages) {
        for (const key of [messageKey(queue, number), returnedKey(queue, number)])
          this.journal.stage({ type: 'del', key })
      }
      this.journal.stage({ type: 'del', key: deliveredKey(queue) })
    }
    return unclaimed.filter(([, { messages }]) => messages.length > 0).length
  }

  #keptQueue(queue: number): KeptQueue {
    const kept = this.#kept.get(queue) ?? { messages: [], returned: new Map(), delivered: 0 }
    this.#kept.set(queue, kept)
    return kept
  }
}

const ENCODINGS = { keyEncoding: 'utf8', valueEncoding: 'buffer' }

export async function run(
  address = '127.0.0.1:0',
  print: (line: string) => void = console.log,
  folder?: string,
): Promise<void> {
  const database =
    folder === undefined ? new MemoryLevel<string, Buffer>(ENCODINGS) : new Level<string, Buffer>(folder, ENCODINGS)

  const first = new ServerBuilder().withStorage(new DatabaseStorage(database)).build()
  await first.listenAndServe(address)
  first.broker.declareQueue('orders', { durable: true })
  first.broker.publish('', 'orders', 'a book', { deliveryMode: 2 })
  first.broker.publish('', 'orders', 'a pen', { deliveryMode: 2 })
  await first.broker.get('orders') // and never acknowledged
  await first.shutdown({ graceMs: 1000 })

  const second = new ServerBuilder().withStorage(new DatabaseStorage(database)).build()
  await second.listenAndServe(address)
  print(`kept: ${second.recovery?.queues} queue, ${second.recovery?.messages} messages`)
  for (let left = 2; left > 0; left--) {
    const order = await second.broker.get('orders')
    if (order === undefined) break
    print(`order: ${order.body}${order.redelivered ? ' (again)' : ''}`)
    second.broker.ack(order)
  }
  await second.shutdown({ graceMs: 1000 })
  await database.close()
}

if (process.argv[1] === import.meta.filename) await run(process.argv[2], console.log, process.argv[3])
