// What the broker was told and what it has promised: the least and the most that may be there after a crash.

/** `maybe`: asked for, not promised yet. */
export type Certainty = 'no' | 'maybe' | 'certain'

export class TrackedMessage {
  readonly id: number
  readonly publisher: number
  readonly bodyBytes: number
  readonly isPersistent: boolean
  readonly priority: number
  /** Whether it is on the disk, unless it was settled. */
  kept: Certainty = 'maybe'
  settled: Certainty = 'no'
  /** Whether the disk knows that it was delivered. */
  delivered: Certainty = 'no'

  constructor(id: number, publisher: number, bodyBytes: number, isPersistent: boolean, priority = 0) {
    this.id = id
    this.publisher = publisher
    this.bodyBytes = bodyBytes
    this.isPersistent = isPersistent
    this.priority = priority
  }
}

/** The body says which message it is, all the way through. */
export function bodyOf(id: number, bytes: number): Buffer {
  return Buffer.alloc(bytes, `${id};`)
}

export function idOf(body: Buffer): number {
  return Number(body.subarray(0, body.indexOf(';')).toString())
}

export interface FoundMessage {
  readonly id: number
  readonly body: Buffer
  readonly isRedelivered: boolean
}

export class QueueModel {
  readonly name: string
  readonly messages = new Map<number, TrackedMessage>()
  /** How many messages may have been sent without being received, because the broker was killed in between. */
  sentUnseenMax = 0

  readonly #rememberedMax: number

  /** What is settled is remembered until there are so many messages. */
  constructor(name: string, rememberedMax: number) {
    this.name = name
    this.#rememberedMax = rememberedMax
  }

  /** Bytes of the bodies that may still be there. */
  get liveBytes(): number {
    let bytes = 0
    for (const { settled, bodyBytes } of this.messages.values()) if (settled !== 'certain') bytes += bodyBytes
    return bytes
  }

  /** It must not come back. That is noticed of forgotten ones, too: they are unknown then. */
  settledForGood(message: TrackedMessage): void {
    message.settled = 'certain'
    if (this.messages.size > this.#rememberedMax) this.messages.delete(message.id)
  }

  /** What is wrong with what the queue held after a crash. */
  problems(found: readonly FoundMessage[]): string[] {
    const problems: string[] = []
    const complain = (id: number, text: string): void => void problems.push(`${this.name}: message ${id} ${text}`)
    /** The last one of each publisher and priority. */
    const lastOf = new Map<string, number>()
    let lowest = Number.POSITIVE_INFINITY
    const seen = new Set<number>()
    const marked: number[] = []
    for (const { id, body, isRedelivered } of found) {
      const message = this.messages.get(id)
      if (message === undefined) {
        complain(id, 'was never published here, or is settled for long')
        continue
      }
      if (seen.has(id)) complain(id, 'is there twice')
      seen.add(id)
      if (!body.equals(bodyOf(id, message.bodyBytes))) complain(id, 'has another body')
      if (!message.isPersistent) complain(id, 'is transient')
      if (message.settled === 'certain') complain(id, 'was settled')
      if (message.delivered === 'certain' && !isRedelivered) complain(id, 'was delivered, and is not marked')
      if (message.delivered === 'no' && isRedelivered) marked.push(id)
      if (message.priority > lowest) complain(id, `has priority ${message.priority}, and comes after ${lowest}`)
      lowest = message.priority
      const origin = `${message.publisher} ${message.priority}`
      if (id < (lastOf.get(origin) ?? 0)) complain(id, `comes after ${lastOf.get(origin)}`)
      lastOf.set(origin, id)
    }
    for (const id of marked.slice(this.sentUnseenMax)) complain(id, 'is marked, and never left')
    for (const { id, kept, settled } of this.messages.values()) {
      if (kept === 'certain' && settled === 'no' && !seen.has(id)) complain(id, 'is missing')
    }
    return problems
  }

  /** What was found is how it is from now on. */
  accept(found: readonly FoundMessage[]): void {
    const ids = new Set(found.map(({ id }) => id))
    for (const message of [...this.messages.values()]) {
      if (!ids.has(message.id)) this.messages.delete(message.id)
      message.kept = 'certain'
      message.settled = 'no'
      message.delivered = 'maybe'
    }
    this.sentUnseenMax = 0
  }

  /** A commit came behind everything that was delivered so far. */
  deliveriesKept(): void {
    for (const message of this.messages.values()) if (message.delivered === 'maybe') message.delivered = 'certain'
  }
}

/** What happens altogether or not at all: a transaction, a purge, the deletion of a queue. */
export interface WholeOperation {
  readonly name: string
  readonly publishes: readonly (readonly [QueueModel, TrackedMessage])[]
  readonly settles: readonly (readonly [QueueModel, TrackedMessage])[]
}

/** An entity by what it takes to find it. */
export type EntityName = `queue ${string}` | `exchange ${string}` | `binding ${string} ${string}`

export class CrashModel {
  readonly #queues = new Map<string, QueueModel>()
  readonly entities = new Map<EntityName, Certainty>()
  /** Where there are more, publishers leave a queue alone. */
  readonly queueLengthMax: number
  /** Asked for and not answered. */
  readonly #underWay = new Set<WholeOperation>()
  #lastId = 0
  #lastPublisher = 0

  constructor(queueLengthMax = 2500) {
    this.queueLengthMax = queueLengthMax
  }

  /** How many messages were made so far. */
  get messageCount(): number {
    return this.#lastId
  }

  queue(name: string): QueueModel {
    let queue = this.#queues.get(name)
    if (queue === undefined) {
      queue = new QueueModel(name, this.queueLengthMax / 2)
      this.#queues.set(name, queue)
    }
    return queue
  }

  queues(): Iterable<QueueModel> {
    return this.#queues.values()
  }

  nextId(): number {
    return ++this.#lastId
  }

  nextPublisher(): number {
    return ++this.#lastPublisher
  }

  /** To be called before the broker is asked for it. */
  asked(operation: WholeOperation): void {
    for (const [, message] of operation.settles) message.settled = 'maybe'
    this.#underWay.add(operation)
  }

  /** The broker has promised it. */
  answered(operation: WholeOperation): void {
    this.#underWay.delete(operation)
    for (const [queue, message] of operation.settles) queue.settledForGood(message)
    for (const [, message] of operation.publishes) message.kept = 'certain'
  }

  /** What was under way happened altogether or not at all. */
  operationProblems(found: ReadonlyMap<string, readonly FoundMessage[]>): string[] {
    const problems: string[] = []
    const ids = new Map([...found].map(([name, messages]) => [name, new Set(messages.map(({ id }) => id))]))
    const isThere = ([queue, { id }]: readonly [QueueModel, TrackedMessage]): boolean =>
      ids.get(queue.name)?.has(id) ?? false
    for (const { name, publishes, settles } of this.#underWay) {
      // What is transient, or was not promised to be kept, may be gone either way.
      const settled = settles.filter(([, { isPersistent, kept }]) => isPersistent && kept === 'certain')
      const published = publishes.filter(([, message]) => message.settled === 'no')
      const outcomes = [...published.map(isThere), ...settled.map((one) => !isThere(one))]
      const happened = outcomes.filter(Boolean).length
      if (happened > 0 && happened < outcomes.length)
        problems.push(`of the ${outcomes.length} parts of a ${name}, ${happened} happened`)
    }
    this.#underWay.clear()
    return problems
  }
}
