/**
 * Connections that have sent more than their share of a turn stand in a line: each turn of the event loop lets as many of
 * them go on as its time allows, and reads in between from those that send little. So the busy ones share what time there is, and
 * however many they are, the others wait for one short turn.
 *
 * There are three lines, which share the time: of those whose rest is short, of those that ask for more than to publish or
 * settle, and of the busy ones. A client that sends a little must not wait for thousands that declare queues, nor one
 * that logs in for a thousand that publish at full speed.
 */
import { NextTurn } from '../lib/next-turn.ts'
import { WaitingLine } from '../lib/waiting-line.ts'

const TURN_MS = 1
/** More busy ones than this are a crowd. */
const CROWD = 64

/** What a connection waits with. */
export type InputKind = 'short' | 'method' | 'busy'

/** A connection that stands in the line. */
export interface Waiting {
  goOn(): void
}

class Line {
  readonly waiting = new WaitingLine<Waiting>()
  /** Of the turn at hand. */
  usedMs = 0
  /** So many may go on in the turn at hand: nothing that joins during it does, since what it has sent meanwhile has to be read first. */
  left = 0

  beginTurn(): void {
    this.usedMs = 0
    this.left = this.waiting.length
  }

  goOn(): void {
    this.left--
    this.waiting.takeFirst()?.goOn()
  }
}

export class InputLine {
  /** Called before any of them goes on, with the time and how long they took the last time: what is to be sent should not wait for them. */
  beforeTurn: (nowMs: number, lastTookMs: number) => void = () => {}
  /** Called when all have gone on who could: what is read from now on is not late because of them. */
  afterTurn: () => void = () => {}
  readonly #lines: Readonly<Record<InputKind, Line>> = { short: new Line(), method: new Line(), busy: new Line() }
  readonly #all = Object.values(this.#lines)
  #lastTookMs = 0
  readonly #turn: NextTurn
  readonly #now: () => number

  constructor(nextTurn: (work: () => void) => void, now: () => number) {
    this.#turn = new NextTurn(nextTurn, () => this.#run())
    this.#now = now
  }

  /** Very many busy ones wait. */
  get isCrowded(): boolean {
    return this.#lines.busy.waiting.length > CROWD
  }

  /** Goes on in a later turn, behind all of its kind that wait already. */
  add(connection: Waiting, kind: InputKind): void {
    this.#lines[kind].waiting.add(connection)
    this.#turn.expect()
  }

  #run(): void {
    this.beforeTurn(this.#now(), this.#lastTookMs)
    let nowMs = this.#now()
    const beganMs = nowMs
    const endMs = nowMs + TURN_MS
    for (const line of this.#all) line.beginTurn()
    for (let line = this.#nextLine(); line !== undefined; line = this.#nextLine()) {
      // One of each line goes on in any case: otherwise the others would wait for as long as the first one always takes all of the time.
      if (nowMs >= endMs && line.usedMs > 0) break
      const startedMs = nowMs
      line.goOn()
      nowMs = this.#now()
      line.usedMs += nowMs - startedMs
    }
    this.#lastTookMs = nowMs - beganMs
    if (this.#all.some(({ waiting }) => waiting.length > 0)) this.#turn.expect()
    this.afterTurn()
  }

  /** The line that has had the least of this turn's time, of those in which one is left. */
  #nextLine(): Line | undefined {
    let found: Line | undefined
    for (const line of this.#all) {
      if (line.left > 0 && (found === undefined || line.usedMs < found.usedMs)) found = line
    }
    return found
  }
}
