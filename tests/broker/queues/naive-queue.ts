// The simplest model of a queue with all that one may be composed of.

/** What a policy may change while the queue is there. */
export interface Changing {
  readonly ttlMs: number | undefined
  readonly lengthMax: number | undefined
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
}

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
}

interface Waiting {
  readonly entry: Entry
  readonly atMs: number
}

export class Naive {
  nowMs = 0
  ready: Entry[] = []
  readonly held: Entry[] = []
  /** In the order in which they come back. */
  waiting: Waiting[] = []
  readonly dead: string[] = []
  #settings: Settings
  #sequence = 0

  constructor(settings: Settings) {
    this.#settings = settings
  }

  /** Whether the queue takes it. */
  publish(id: string, priority = 0, expirationMs = Number.POSITIVE_INFINITY): boolean {
    const { priorityMax = 0, ttlMs = Number.POSITIVE_INFINITY, lengthMax, overflow } = this.#settings
    if (overflow !== 'drop-head' && lengthMax !== undefined && this.ready.length >= lengthMax) {
      if (overflow === 'reject-publish-dlx') this.dead.push(`${id} maxlen`)
      return false
    }
    const expiresAtMs = this.nowMs + Math.min(ttlMs, expirationMs)
    const level = Math.min(priority, priorityMax)
    this.#put({ id, level, sequence: this.#sequence++, expiresAtMs, returns: 0, failures: 0, wasOut: false })
    return true
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
  }

  change(to: Changing): void {
    this.#settings = { ...this.#settings, ...to }
    this.#drop()
  }

  purge(): number {
    return this.ready.splice(0).length + this.waiting.splice(0).length
  }

  restart(downMs: number): void {
    for (const entry of this.held.splice(0)) {
      entry.wasOut = true
      this.ready.push(entry)
    }
    for (const entry of this.ready) entry.failures = 0
    this.nowMs += downMs
    this.#sort()
    this.#drop()
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
    const { lengthMax = Number.POSITIVE_INFINITY, overflow, deliveryLimit = Number.POSITIVE_INFINITY } = this.#settings
    for (let [head] = this.ready; head !== undefined; [head] = this.ready) {
      let reason: string | undefined
      if (overflow === 'drop-head' && this.ready.length > lengthMax) reason = 'maxlen'
      else if (head.expiresAtMs <= this.nowMs) reason = 'expired'
      else if (head.returns > deliveryLimit) reason = 'delivery_limit'
      if (reason === undefined) return
      this.ready.shift()
      this.dead.push(`${head.id} ${reason}`)
    }
  }
}
