/**
 * Which queues have something to deliver. A publish only marks its queue; delivering happens once for many publishes:
 * when the bytes that were read are used up, or in the next turn. The queues deliver in rounds, a few messages each, until
 * the time of the turn is up; the next turn goes on behind the queue that was the last. So no queue holds up the others.
 *
 * Queues that delivered little the last time have a line of their own, which is served in turn with the round of the others: one
 * message now and then must not wait for a thousand queues that have much to deliver.
 */
import { NextTurn } from '../../lib/next-turn.ts'
import { Turn } from '../../lib/turn.ts'

/** Messages that one queue delivers before the next one does. */
const ROUND_MESSAGES = 128
const TURN_MS = 0.3
/** How long a queue may deliver before a method that looks at it is carried out. */
const CATCH_UP_MS = 1

/** A queue, as the scheduler knows it. */
export interface Deliverer {
  /** It delivered little the last time. */
  readonly isShort: boolean
  /** Delivers up to so many messages; how many. */
  deliver(messages: number): number
}

export class DeliveryScheduler {
  /** Marked since the round began. */
  #next: Deliverer[] = []
  #round: Deliverer[] = []
  /** How many queues of the round have had their turn. */
  #done = 0
  /** Those that deliver little, and how many of them have had their turn. */
  #short: Deliverer[] = []
  #shortDone = 0
  /** So many of them come before the next round, however many follow: otherwise the others would never have a turn. */
  #shortEnd = 0
  #wasShort = false
  #isRunning = false
  readonly #turn: Turn
  readonly #catchUpTurn: Turn
  readonly #nextTurn: NextTurn
  readonly #onDefect: (error: unknown) => void

  constructor(nextTurn: (work: () => void) => void, now: () => number, onDefect: (error: unknown) => void) {
    this.#nextTurn = new NextTurn(nextTurn, () => this.run())
    this.#turn = new Turn(now)
    this.#catchUpTurn = new Turn(now)
    this.#onDefect = onDefect
  }

  add(queue: Deliverer): void {
    if (queue.isShort) this.#short.push(queue)
    else this.#next.push(queue)
    if (!this.#isRunning) this.#nextTurn.expect()
  }

  /** The time that a queue has to deliver out of its turn. */
  beginCatchUp(): Turn {
    this.#catchUpTurn.begin(CATCH_UP_MS)
    return this.#catchUpTurn
  }

  /** Lets the waiting queues deliver until they have nothing more to deliver or the time is up. */
  run(): void {
    if (this.#isRunning) return
    let queue = this.#takeNext()
    if (queue === undefined) return
    this.#isRunning = true
    this.#turn.begin(TURN_MS)
    for (let units = 1; queue !== undefined; ) {
      try {
        units = 1 + queue.deliver(ROUND_MESSAGES)
      } catch (error) {
        this.#onDefect(error)
      }
      if (this.#turn.spend(units)) break
      queue = this.#takeNext()
    }
    this.#isRunning = false
    if (this.#hasQueue) this.#nextTurn.expect()
  }

  get #hasQueue(): boolean {
    return this.#shortDone < this.#short.length || this.#done < this.#round.length || this.#next.length > 0
  }

  #takeNext(): Deliverer | undefined {
    if (!this.#hasQueue) return undefined
    for (;;) {
      const isLeft = this.#done < this.#round.length
      const isShortDue = isLeft
        ? !this.#wasShort && this.#shortDone < this.#short.length
        : this.#shortDone < this.#shortEnd
      this.#wasShort = isShortDue
      if (isShortDue) return this.#short[this.#shortDone++]
      if (isLeft) return this.#round[this.#done++]
      this.#beginRound()
    }
  }

  #beginRound(): void {
    const round = this.#next
    this.#next = this.#round
    this.#next.length = 0
    this.#round = round
    this.#done = 0
    if (this.#shortDone === this.#short.length) this.#short.length = 0
    else if (this.#shortDone > 0) this.#short.splice(0, this.#shortDone)
    this.#shortDone = 0
    this.#shortEnd = this.#short.length
  }
}
