/**
 * Connections that have sent more than their share of a turn stand in a line: each turn of the event loop lets as many of
 * them go on as its time allows, and reads in between from those that send little. So the busy ones share what time there is, and
 * however many they are, the others wait for one short turn.
 */
const TURN_MS = 1

/** A connection that stands in the line. */
export interface Waiting {
  goOn(): void
}

export class InputLine {
  /** Those whose round it is, the first ones of which have had their turn. */
  #round: Waiting[] = []
  #done = 0
  /** Those that came since the round began. */
  #next: Waiting[] = []
  #isArmed = false
  readonly #nextTurn: (work: () => void) => void
  readonly #now: () => number

  constructor(nextTurn: (work: () => void) => void, now: () => number) {
    this.#nextTurn = nextTurn
    this.#now = now
  }

  /** Goes on in a later turn, behind all that wait already. */
  add(connection: Waiting): void {
    this.#next.push(connection)
    this.#arm()
  }

  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    this.#nextTurn(this.#run)
  }

  /** Nothing that joins meanwhile has its turn yet: what it has sent since has to be read first. */
  readonly #run = (): void => {
    this.#isArmed = false
    const endMs = this.#now() + TURN_MS
    let left = this.#round.length - this.#done + this.#next.length
    while (left-- > 0) {
      if (this.#done === this.#round.length) this.#beginRound()
      ;(this.#round[this.#done++] as Waiting).goOn()
      if (this.#now() >= endMs) break
    }
    if (left > 0) this.#arm()
  }

  #beginRound(): void {
    const done = this.#round
    this.#round = this.#next
    this.#next = done
    this.#next.length = 0
    this.#done = 0
  }
}
