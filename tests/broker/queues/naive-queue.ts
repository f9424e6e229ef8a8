// The simplest model of a queue with all that one may be composed of.

/** What a policy may change while the queue is there. */
export interface Changing {
  readonly ttlMs: number | undefined
  readonly lengthMax: number | undefined
  readonly overflow: 'drop-head' | 'reject-publish' | 'reject-publish-dlx'
}

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
  /** It was delivered before a restart, which gave it back. */
  wasOut: boolean
}

export class Naive {
  nowMs = 0
  ready: Entry[] = []
  readonly held: Entry[] = []
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
    this.#put({ id, level, sequence: this.#sequence++, expiresAtMs, returns: 0, wasOut: false })
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

  settle(entry: Entry, how: 'ack' | 'requeue' | 'reject'): void {
    this.held.splice(this.held.indexOf(entry), 1)
    if (how === 'reject') this.dead.push(`${entry.id} rejected`)
    else if (how === 'requeue' && entry.returns >= (this.#settings.deliveryLimit ?? Number.POSITIVE_INFINITY)) {
      this.dead.push(`${entry.id} delivery_limit`)
    } else if (how === 'requeue') {
      entry.returns++
      this.#put(entry)
    }
  }

  wait(ms: number): void {
    this.nowMs += ms
    this.#drop()
  }

  change(to: Changing): void {
    this.#settings = { ...this.#settings, ...to }
    this.#drop()
  }

  purge(): number {
    return this.ready.splice(0).length
  }

  restart(downMs: number): void {
    for (const entry of this.held.splice(0)) {
      entry.wasOut = true
      this.ready.push(entry)
    }
    this.#sort()
    this.wait(downMs)
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
