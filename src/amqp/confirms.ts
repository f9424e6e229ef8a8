/**
 * Publisher confirms of one channel. Publishes are numbered from 1. Most are safe at once; those that wait for the disk
 * are confirmed when their commit is done. What is confirmed gathers until the input at hand is used up and is then told
 * in as few acks as possible: commits end in order, so everything up to a number is nearly always safe together.
 */

/** Publishes whose last number is `last`, waiting for one commit. */
interface PublishesInCommit {
  readonly batch: number
  readonly first: number
  last: number
}

export class Confirms {
  #published = 0
  /** Everything up to here was told. */
  #told = 0
  #waiting: PublishesInCommit[] = []
  /** Safe at once, but behind one that is waiting: told one by one. */
  #early: number[] = []

  get hasNews(): boolean {
    return this.#early.length > 0 || this.#safe() > this.#told
  }

  /** Numbers one more publish that is safe already. */
  add(): void {
    this.#published++
    if (this.#waiting.length > 0) this.#early.push(this.#published)
  }

  /** Numbers one more publish that waits for a commit; true when it is the first of this channel to do so. */
  addWaiting(batch: number): boolean {
    this.#published++
    const last = this.#waiting.at(-1)
    if (last?.batch === batch) {
      last.last = this.#published
      return false
    }
    this.#waiting.push({ batch, first: this.#published, last: this.#published })
    return true
  }

  /** The commit that publishes waited for longest is done. */
  committed(): void {
    this.#waiting.shift()
    if (this.#waiting.length === 0) this.#early = []
  }

  /** Calls `ack` for what is safe and was not told yet. */
  tell(ack: (sequence: number, isMultiple: boolean) => void): void {
    const safe = this.#safe()
    if (safe > this.#told) {
      ack(safe, safe - this.#told > 1)
      this.#told = safe
    }
    const early = this.#early
    this.#early = []
    for (const sequence of early) if (sequence > safe) ack(sequence, false)
  }

  /** Everything up to here is safe. */
  #safe(): number {
    const first = this.#waiting[0]
    return first === undefined ? this.#published : first.first - 1
  }
}
