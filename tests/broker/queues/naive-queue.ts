// The simplest model of a queue with all that one may be composed of.

/** What a policy may change while the queue is there. */
export interface Changing {
  readonly ttlMs: number | undefined
  readonly lengthMax: number | undefined
  readonly bytesMax: number | undefined
  readonly overflow: 'drop-head' | 'reject-publish' | 'reject-publish-dlx'
  readonly retry: Retry | undefined
}

/** How long messages wait that come back. */
export interface Retry {
  readonly type: 'all' | 'failed' | 'returned'
  readonly minMs: number
  readonly maxMs: number | undefined
}

/** What may become of a message that is out. */
export type How = 'ack' | 'requeue' | 'requeue-failed' | 'reject'

export interface Settings extends Changing {
  readonly deliveryLimit: number | undefined
  readonly priorityMax: number | undefined
  readonly isSingleActive: boolean
}

export interface ConsumerSpec {
  readonly tag: string
  readonly priority: number
  /** 0 for no limit. */
  readonly prefetchCount: number
  readonly isNoAck: boolean
}

/** Every body has so many bytes. */
export const BODY_BYTES = 6

interface Entry {
  readonly id: string
  readonly level: number
  readonly sequence: number
  readonly expiresAtMs: number
  returns: number
  /** As far as the queue has counted them. */
  failures: number
  /** It was delivered before a restart, which gave it back. */
  wasOut: boolean
  /** The consumer that has it, if one has. */
  holder: string | undefined
}

interface Waiting {
  readonly entry: Entry
  readonly atMs: number
}

/** What is told of a message that is taken: how often it came back before, and so whether it is delivered again. */
export function taken({ id, returns }: Pick<Entry, 'id' | 'returns'>): string {
  return `${id} ${returns}${returns > 0 ? ' again' : ''}`
}

export class Naive {
  nowMs = 0
  ready: Entry[] = []
  readonly held: Entry[] = []
  /** In the order in which they come back. */
  waiting: Waiting[] = []
  readonly dead: string[] = []
  readonly delivered: string[] = []
  /** The active one first: the only one that gets messages. */
  readonly consumers: ConsumerSpec[] = []
  #settings: Settings
  #sequence = 0

  constructor(settings: Settings) {
    this.#settings = settings
  }

  /** Whether the queue takes it. */
  publish(id: string, priority = 0, expirationMs = Number.POSITIVE_INFINITY): boolean {
    const { priorityMax = 0, ttlMs = Number.POSITIVE_INFINITY, overflow } = this.#settings
    if (overflow !== 'drop-head' && this.#isOver(1)) {
      if (overflow === 'reject-publish-dlx') this.dead.push(`${id} maxlen`)
      return false
    }
    const expiresAtMs = this.nowMs + Math.min(ttlMs, expirationMs)
    const level = Math.min(priority, priorityMax)
    const sequence = this.#sequence++
    this.ready.push({ id, level, sequence, expiresAtMs, returns: 0, failures: 0, wasOut: false, holder: undefined })
    this.#sort()
    // With no time at all it is delivered at once, or never; what consumers take counts for no limit.
    this.#deliver()
    this.#drop()
    return true
  }

  /** Whether there would be too many with so many more. */
  #isOver(more: number): boolean {
    const { lengthMax = Number.POSITIVE_INFINITY, bytesMax = Number.POSITIVE_INFINITY } = this.#settings
    const length = this.ready.length + more
    return length > lengthMax || length * BODY_BYTES > bytesMax
  }

  consume(spec: ConsumerSpec): void {
    this.consumers.push(spec)
    this.#deliver()
  }

  /** The next one is that of the highest priority that has waited longest. What it has stays out. */
  cancel(tag: string): void {
    const at = this.consumers.findIndex((one) => one.tag === tag)
    this.consumers.splice(at, 1)
    for (const entry of this.held) if (entry.holder === tag) entry.holder = undefined
    if (at > 0) return
    const next = this.consumers.toSorted((a, b) => b.priority - a.priority)[0]
    if (next !== undefined) this.consumers.unshift(...this.consumers.splice(this.consumers.indexOf(next), 1))
    this.#deliver()
  }

  #deliver(): void {
    for (let [active] = this.consumers; active !== undefined && this.ready.length > 0; ) {
      const { tag, prefetchCount, isNoAck } = active
      const isFull = this.held.filter(({ holder }) => holder === tag).length >= prefetchCount
      if (!isNoAck && prefetchCount > 0 && isFull) return
      const entry = this.take()
      if (entry === undefined) return
      this.delivered.push(`${tag}: ${taken(entry)}`)
      if (isNoAck) this.held.splice(this.held.indexOf(entry), 1)
      else entry.holder = tag
    }
  }

  take(): Entry | undefined {
    const entry = this.ready.shift()
    if (entry === undefined) return undefined
    if (entry.wasOut && entry.returns === 0) entry.returns = 1
    this.held.push(entry)
    this.#drop()
    return entry
  }

  settle(entry: Entry, how: How): void {
    this.held.splice(this.held.indexOf(entry), 1)
    this.#settle(entry, how)
    this.#deliver()
  }

  #settle(entry: Entry, how: How): void {
    entry.holder = undefined
    if (how === 'reject') this.dead.push(`${entry.id} rejected`)
    if (how === 'reject' || how === 'ack') return
    if (entry.returns >= (this.#settings.deliveryLimit ?? Number.POSITIVE_INFINITY)) {
      this.dead.push(`${entry.id} delivery_limit`)
      return
    }
    const delayMs = this.#delayMs(entry, how === 'requeue-failed')
    if (delayMs === 0) {
      entry.returns++
      this.#put(entry)
    } else {
      this.waiting.push({ entry, atMs: this.nowMs + delayMs })
      this.waiting.sort((a, b) => a.atMs - b.atMs)
    }
  }

  #delayMs(entry: Entry, hasFailed: boolean): number {
    const { retry } = this.#settings
    if (retry === undefined) return 0
    if (hasFailed) entry.failures++
    if (retry.type === (hasFailed ? 'returned' : 'failed')) return 0
    return Math.min(retry.minMs * Math.max(1, entry.failures), retry.maxMs ?? Number.POSITIVE_INFINITY)
  }

  wait(ms: number): void {
    for (let passed = 0; passed < ms; passed++) {
      this.nowMs++
      this.#comeBack()
    }
  }

  /** Those that have waited long enough. */
  #comeBack(): void {
    for (let [next] = this.waiting; next !== undefined && next.atMs <= this.nowMs; [next] = this.waiting) {
      this.waiting.shift()
      next.entry.returns++
      this.ready.push(next.entry)
    }
    this.#sort()
    this.#drop()
    this.#deliver()
  }

  change(to: Changing): void {
    this.#settings = { ...this.#settings, ...to }
    this.#drop()
  }

  purge(): number {
    return this.ready.splice(0).length + this.waiting.splice(0).length
  }

  restart(downMs: number): void {
    this.consumers.length = 0
    for (const entry of this.held.splice(0)) {
      entry.wasOut = true
      entry.holder = undefined
      this.ready.push(entry)
    }
    for (const entry of this.ready) entry.failures = 0
    this.nowMs += downMs
    // Before anything else happens: what expires leaves in its place, be it that it has waited.
    this.#comeBack()
  }

  #put(entry: Entry): void {
    this.ready.push(entry)
    this.#sort()
    this.#drop()
  }

  #sort(): void {
    this.ready.sort((a, b) => b.level - a.level || a.sequence - b.sequence)
  }

  #drop(): void {
    const { overflow, deliveryLimit = Number.POSITIVE_INFINITY } = this.#settings
    for (let [head] = this.ready; head !== undefined; [head] = this.ready) {
      let reason: string | undefined
      if (overflow === 'drop-head' && this.#isOver(0)) reason = 'maxlen'
      else if (head.expiresAtMs <= this.nowMs) reason = 'expired'
      else if (head.returns > deliveryLimit) reason = 'delivery_limit'
      if (reason === undefined) return
      this.ready.shift()
      this.dead.push(`${head.id} ${reason}`)
    }
  }
}
