/**
 * Which queues have something to deliver. A publish only marks its queue; delivering happens once for many publishes:
 * when the bytes that were read are used up, or in the next turn. The queues deliver in rounds, a few messages each, until
 * the time of the turn is up; the next turn goes on behind the queue that was the last. So no queue holds up the others.
 */
import { Turn } from '../../lib/turn.ts'

/** Messages that one queue delivers before the next one does. */
const ROUND_MESSAGES = 128
const TURN_MS = 0.3
/** How long a queue may deliver before a method that looks at it is carried out. */
const CATCH_UP_MS = 1

/** A queue, as the scheduler knows it. */
export interface Deliverer {
  /** Delivers up to so many messages; how many. */
  deliver(messages: number): number
}

export class DeliveryScheduler {
  /** Marked since the round began. */
  #next: Deliverer[] = []
  #round: Deliverer[] = []
  /** How many queues of the round have had their turn. */
  #done = 0
  #isRunning = false
  #isArmed = false
  readonly #turn: Turn
  readonly #catchUpTurn: Turn
  readonly #nextTurn: (work: () => void) => void
  readonly #onDefect: (error: unknown) => void

  constructor(nextTurn: (work: () => void) => void, now: () => number, onDefect: (error: unknown) => void) {
    this.#nextTurn = nextTurn
    this.#turn = new Turn(now)
    this.#catchUpTurn = new Turn(now)
    this.#onDefect = onDefect
  }

  add(queue: Deliverer): void {
    this.#next.push(queue)
    if (!this.#isRunning) this.#arm()
  }

  /** The time that a queue has to deliver out of its turn. */
  beginCatchUp(): Turn {
    this.#catchUpTurn.begin(CATCH_UP_MS)
    return this.#catchUpTurn
  }

  /** Lets the waiting queues deliver until they have nothing more to deliver or the time is up. */
  run(): void {
    if (this.#isRunning || !this.#hasQueue()) return
    this.#isRunning = true
    this.#turn.begin(TURN_MS)
    let units = 1
    do {
      try {
        units = 1 + (this.#round[this.#done++] as Deliverer).deliver(ROUND_MESSAGES)
      } catch (error) {
        this.#onDefect(error)
      }
    } while (!this.#turn.spend(units) && this.#hasQueue())
    this.#isRunning = false
    if (this.#hasQueue()) this.#arm()
  }

  /** Whether a queue is waiting: then it is the next one of the round. */
  #hasQueue(): boolean {
    if (this.#done < this.#round.length) return true
    const round = this.#next
    this.#next = this.#round
    this.#next.length = 0
    this.#round = round
    this.#done = 0
    return round.length > 0
  }

  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    this.#nextTurn(this.#work)
  }

  readonly #work = (): void => {
    this.#isArmed = false
    this.run()
  }
}
