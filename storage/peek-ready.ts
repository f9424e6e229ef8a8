/**
 * Looks at the ready messages of a log in the order in which they are due, and changes nothing about them: first those that came
 * back, then those behind the cursor. Segments that are not in memory are read back one after the other, and leave it again. What is
 * no longer ready when its turn comes is not shown.
 */
import type { ReadThrough } from './each-ready.ts'
import type { Segment } from './segment.ts'

/** Must change nothing in the log. Whether it wants to see the next one, too. */
export type ShowReady = (segment: Segment, index: number) => boolean

/** Where the one lies that was shown last. */
interface Position {
  readonly sequence: number
  readonly index: number
}

const BEFORE_ALL: Position = { sequence: -1, index: -1 }

export function peekReady(log: Omit<ReadThrough, 'chain'>, show: ShowReady, whenShown: () => void): void {
  new Look(log, show, whenShown).goOn()
}

/** What came of a segment: all of it was shown, it was enough, or it has to be read back first. */
type Outcome = 'shown' | 'enough' | 'unread'

class Look {
  readonly #log: Omit<ReadThrough, 'chain'>
  readonly #show: ShowReady
  readonly #whenShown: () => void
  #last = BEFORE_ALL
  /** Read back for this. */
  #loaded: Segment | undefined

  constructor(log: Omit<ReadThrough, 'chain'>, show: ShowReady, whenShown: () => void) {
    this.#log = log
    this.#show = show
    this.#whenShown = whenShown
  }

  readonly goOn = (): void => {
    let outcome = this.#showReturned()
    if (outcome === 'shown') outcome = this.#showBehindCursor()
    if (outcome === 'unread') return
    this.#unload(undefined)
    this.#whenShown()
  }

  #showReturned(): Outcome {
    // The next ones are taken out of a copy: there may be very many, and few are wanted.
    const returned = this.#log.ready.requeued.copy()
    for (; returned.length > 0; returned.shift()) {
      const outcome = this.#showOne(returned.firstSegment(), returned.firstIndex())
      if (outcome !== 'shown') return outcome
    }
    return 'shown'
  }

  #showBehindCursor(): Outcome {
    const { cursor, cursorIndex } = this.#log.ready
    for (let at = cursor, from = cursorIndex; at !== undefined; at = at.next, from = 0) {
      if (at.sequence < this.#last.sequence) continue
      for (let index = from; index < at.count; index++) {
        if (at.isPassed(index)) continue
        const outcome = this.#showOne(at, index)
        if (outcome !== 'shown') return outcome
      }
    }
    return 'shown'
  }

  #showOne(segment: Segment, index: number): Outcome {
    const { sequence } = segment
    const last = this.#last
    if (sequence < last.sequence || (sequence === last.sequence && index <= last.index)) return 'shown'
    this.#unload(segment)
    if (!segment.isResident) {
      this.#loaded = segment
      this.#log.load(segment, this.goOn)
      return 'unread'
    }
    this.#last = { sequence, index }
    return this.#show(segment, index) ? 'shown' : 'enough'
  }

  /** Has what was read back leave memory, unless it is this one. Another log may have the segment by now. */
  #unload(next: Segment | undefined): void {
    const loaded = this.#loaded
    if (loaded === undefined || loaded === next) return
    this.#loaded = undefined
    this.#log.unload(loaded)
  }
}
