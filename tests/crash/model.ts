// What the broker was told and what it has promised: the least and the most that may be there after a crash.

/** `maybe`: asked for, not promised yet. */
export type Certainty = 'no' | 'maybe' | 'certain'

export class TrackedMessage {
  readonly id: number
  readonly publisher: number
  readonly bodyBytes: number
  readonly isPersistent: boolean
  readonly priority: number
  /** How often it may have come back so far. */
  returnsMax = 0
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
  return Number(body.toString('latin1', 0, body.indexOf(';')))
}

/** What a queue is promised to do. */
interface QueueRules {
  /** All its messages survive, whatever their delivery mode. */
  readonly keepsAll: boolean
  /** Strict: the higher priority comes first. Of two levels, two high ones come before a normal one. */
  readonly order: 'strict' | 'two-levels'
  /** It drops what has come back more often. */
  readonly returnsMax: number
}

/** The queue of this name is a quorum queue. */
export const QUORUM_QUEUE = 'stream-1'
const CLASSIC_RULES: QueueRules = { keepsAll: false, order: 'strict', returnsMax: Number.POSITIVE_INFINITY }
/** RabbitMQ's default for quorum queues. */
const QUORUM_RULES: QueueRules = { keepsAll: true, order: 'two-levels', returnsMax: 20 }
const HIGH_IN_A_ROW = 2

export interface FoundMessage {
  readonly id: number
  /** Undefined when the body does not say all the way through which message it is. */
  readonly bodyBytes: number | undefined
  readonly isRedelivered: boolean
}

export function foundMessage(body: Buffer, isRedelivered: boolean): FoundMessage {
  const period = body.indexOf(';') + 1
  const isWhole = period > 0 && body.subarray(period).equals(body.subarray(0, body.length - period))
  return { id: idOf(body), bodyBytes: isWhole ? body.length : undefined, isRedelivered }
}

export class QueueModel {
  readonly name: string
  readonly messages = new Map<number, TrackedMessage>()
  /** How many messages may have been sent without being received, because the broker was killed in between. */
  sentUnseenMax = 0
  readonly rules: QueueRules

  readonly #rememberedMax: number

  /** What is settled is remembered until there are so many messages. */
  constructor(name: string, rememberedMax: number) {
    this.name = name
    this.rules = name === QUORUM_QUEUE ? QUORUM_RULES : CLASSIC_RULES
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
    for (const { id, bodyBytes, isRedelivered } of found) {
      const message = this.messages.get(id)
      if (message === undefined) {
        complain(id, 'was never published here, or is settled for long')
        continue
      }
      if (seen.has(id)) complain(id, 'is there twice')
      seen.add(id)
      if (bodyBytes !== message.bodyBytes) complain(id, 'has another body')
      if (!message.isPersistent) complain(id, 'is transient')
      if (message.settled === 'certain') complain(id, 'was settled')
      if (message.delivered === 'certain' && !isRedelivered) complain(id, 'was delivered, and is not marked')
      if (message.delivered === 'no' && isRedelivered) marked.push(id)
      if (this.rules.order === 'strict' && message.priority > lowest)
        complain(id, `has priority ${message.priority}, and comes after ${lowest}`)
      lowest = message.priority
      const origin = `${message.publisher} ${message.priority}`
      if (id < (lastOf.get(origin) ?? 0)) complain(id, `comes after ${lastOf.get(origin)}`)
      lastOf.set(origin, id)
    }
    for (const id of marked.slice(this.sentUnseenMax)) complain(id, 'is marked, and never left')
    for (const { id, kept, settled, returnsMax } of this.messages.values()) {
      const mayHaveGone = settled !== 'no' || returnsMax > this.rules.returnsMax
      if (kept === 'certain' && !mayHaveGone && !seen.has(id)) complain(id, 'is missing')
    }
    if (this.rules.order === 'two-levels') problems.push(...this.#levelProblems(found))
    return problems
  }

  /** All of them were ready: as long as there are high and normal ones, two high ones come before each normal one. */
  #levelProblems(found: readonly FoundMessage[]): string[] {
    const levels = found.map(({ id }) => this.messages.get(id)?.priority ?? 0)
    let high = levels.filter((level) => level > 0).length
    let normal = levels.length - high
    let inARow = 0
    for (const [place, level] of levels.entries()) {
      const isHighDue = high > 0 && (normal === 0 || inARow < HIGH_IN_A_ROW)
      if (level > 0 !== isHighDue) return [`${this.name}: message ${found[place]?.id} is not of the level that is due`]
      if (isHighDue) high--
      else normal--
      inARow = inARow === HIGH_IN_A_ROW ? 0 : inARow + 1
    }
    return []
  }

  /** What was found is how it is from now on. */
  accept(found: readonly FoundMessage[]): void {
    const ids = new Set(found.map(({ id }) => id))
    for (const message of [...this.messages.values()]) {
      if (!ids.has(message.id)) this.messages.delete(message.id)
      message.kept = 'certain'
      message.settled = 'no'
      message.delivered = 'maybe'
      // It was read now, and may have been sent before without being seen.
      message.returnsMax += 2
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
