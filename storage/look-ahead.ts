/**
 * Looks at the ready messages of a log in the order in which they are due, and changes nothing about them: first those that came
 * back, then those behind the cursor. Segments that are not in memory are read back one after the other, and leave it again. What is
 * no longer ready when its turn comes is not found.
 */
import { type DeliveredBefore, deliveriesOf } from './delivered-before.ts'
import type { ReadyPositions } from './ready-positions.ts'
import type { Segment } from './segment.ts'

/** Found in `segment` and `index`; none is left; or the next one is being read back, and the caller is called then. */
export type LookState = 'found' | 'end' | 'unread'

/** A look at what is due, one message after the other. */
export interface LookAhead {
  readonly segment: Segment
  readonly index: number
  /** How often the message was delivered. */
  readonly deliveries: number
  /** The number of the next one among those that came back, where their order counts; infinite when it is none of these. */
  readonly nextReturn: number
  /** Finds the next one. Between two calls without `refresh`, nothing else may happen to the messages. */
  next(whenReadable: () => void): LookState
  /** Something else may have happened. */
  refresh(): void
  /** It is over. */
  end(): void
}

/** Shows what is found until `show` has seen enough, and calls back then. It must change nothing about the messages. */
export function lookThrough(
  look: LookAhead,
  show: (segment: Segment, index: number, deliveries: number) => boolean,
  whenShown: () => void,
): void {
  const goOn = (): void => {
    look.refresh()
    for (;;) {
      const state = look.next(goOn)
      if (state === 'unread') return
      if (state === 'end' || !show(look.segment, look.index, look.deliveries)) break
    }
    look.end()
    whenShown()
  }
  goOn()
}

const NO_RETURN = Number.POSITIVE_INFINITY

/** A log, as a look at it knows it. */
export interface LookedAtLog {
  readonly ready: ReadyPositions
  /** Reads a segment back into memory, and calls back when it is there; at once when it is. */
  readonly load: (segment: Segment, whenLoaded: () => void) => void
  /** Takes it out of memory, if it may leave it. */
  readonly unload: (segment: Segment) => void
}

interface Position {
  readonly segment: Segment
  readonly index: number
  /** As `nextReturn`. */
  readonly number: number
}

/** Behind this place; of the segment only its sequence, since another log may have it by now. */
interface Place {
  readonly sequence: number
  readonly index: number
  readonly number: number
}

export class LogLook implements LookAhead {
  index = -1
  readonly #log: LookedAtLog
  readonly #before: DeliveredBefore | undefined
  #segment: Segment | undefined
  #last: Place = { sequence: -1, index: -1, number: -1 }
  #positions: Iterator<Position> | undefined
  /** The next one, when that was looked at already. */
  #upcoming: IteratorResult<Position> | undefined
  /** Read back for this. */
  #loaded: Segment | undefined

  constructor(log: LookedAtLog, before: DeliveredBefore | undefined) {
    this.#log = log
    this.#before = before
  }

  get segment(): Segment {
    if (this.#segment === undefined) throw new Error('nothing was found')
    return this.#segment
  }

  get deliveries(): number {
    return deliveriesOf(this.segment, this.index, this.#before)
  }

  next(whenReadable: () => void): LookState {
    const next = this.#following()
    this.#upcoming = undefined
    if (next.done === true) return 'end'
    const { segment, index, number } = next.value
    this.#unload(segment)
    if (!segment.isResident) {
      this.#loaded = segment
      this.#log.load(segment, whenReadable)
      return 'unread'
    }
    this.#segment = segment
    this.index = index
    this.#last = { sequence: segment.sequence, index, number }
    return 'found'
  }

  get nextReturn(): number {
    this.#upcoming = this.#following()
    return this.#upcoming.done === true ? NO_RETURN : this.#upcoming.value.number
  }

  #following(): IteratorResult<Position> {
    if (this.#upcoming !== undefined) return this.#upcoming
    this.#positions ??= positionsBehind(this.#log.ready, this.#last)
    return this.#positions.next()
  }

  refresh(): void {
    this.#positions = this.#upcoming = undefined
  }

  end(): void {
    this.#unload(undefined)
  }

  /** Has what was read back leave memory, unless it is this one. */
  #unload(next: Segment | undefined): void {
    const loaded = this.#loaded
    if (loaded === undefined || loaded === next) return
    this.#loaded = undefined
    this.#log.unload(loaded)
  }
}

function* positionsBehind(ready: ReadyPositions, last: Place): Generator<Position, undefined> {
  const isBehind = ({ sequence }: Segment, index: number): boolean =>
    sequence > last.sequence || (sequence === last.sequence && index > last.index)
  // The next ones are taken out of a copy: there may be very many, and few are wanted.
  const returned = ready.requeued.copy()
  for (; returned.length > 0; returned.shift()) {
    const segment = returned.firstSegment()
    const index = returned.firstIndex()
    const number = returned.firstNumber
    const isUnseen = ready.returnOrder === undefined ? isBehind(segment, index) : number > last.number
    if (isUnseen) yield { segment, index, number }
  }
  const { cursor, cursorIndex } = ready
  for (let segment = cursor, from = cursorIndex; segment !== undefined; segment = segment.next, from = 0) {
    if (segment.sequence < last.sequence) continue
    const first = segment.sequence === last.sequence ? Math.max(from, last.index + 1) : from
    for (let index = first; index < segment.count; index++) {
      if (!segment.isPassed(index)) yield { segment, index, number: NO_RETURN }
    }
  }
}
