/**
 * How long the oldest open delivery of a channel or a consumer has been open. Nothing is noted when a message is delivered: a look
 * now and then notes what the last tag was, and whatever was delivered between two such marks counts from the second one.
 */

/** Whom a message was handed to. */
interface Holder {
  readonly timeoutMs: number | undefined
  readonly queue: { readonly settings: { readonly consumerTimeoutMs: number | undefined } }
}

/** How long an acknowledgement may take; 0 for any time. The consumer counts, then its queue, then the broker. */
export function ackTimeoutMs({ timeoutMs, queue }: Holder, defaultMs: number): number {
  return timeoutMs ?? queue.settings.consumerTimeoutMs ?? defaultMs
}

/** When there are more, they become as many with twice the time in between: the age is less exact then, and never told too high. */
const MARKS_MAX = 64

interface Mark {
  readonly atMs: number
  /** The last tag that was given out by then. */
  readonly tag: number
}

/** The open tags of a channel. */
export interface OpenTags {
  readonly newest: number
  /** The lowest open one; there must be one. */
  readonly oldest: number
}

export class DeliveryAge {
  #marks: Mark[] = []
  /** The time between two marks is at least so long. */
  #spacingMs = 0

  /** The age of the oldest open delivery, as of this look. */
  look(nowMs: number, { newest, oldest }: OpenTags): number {
    const needed = this.#marks.findIndex(({ tag }) => tag >= oldest)
    if (needed !== 0) this.#marks.splice(0, needed < 0 ? this.#marks.length : needed)
    if (this.#marks.length * 4 < MARKS_MAX) this.#spacingMs = 0
    const last = this.#marks.at(-1)
    if (last === undefined || (newest > last.tag && nowMs - last.atMs >= this.#spacingMs)) {
      this.#marks.push({ atMs: nowMs, tag: newest })
      if (this.#marks.length > MARKS_MAX) this.#thinOut()
    }
    return nowMs - (this.#marks[0]?.atMs ?? nowMs)
  }

  forget(): void {
    this.#marks = []
    this.#spacingMs = 0
  }

  #thinOut(): void {
    const marks = this.#marks
    const spanMs = (marks.at(-1)?.atMs ?? 0) - (marks[0]?.atMs ?? 0)
    this.#spacingMs = (spanMs / MARKS_MAX) * 2
    let keptMs = Number.NEGATIVE_INFINITY
    this.#marks = marks.filter(({ atMs }) => {
      if (atMs - keptMs < this.#spacingMs) return false
      keptMs = atMs
      return true
    })
  }
}
