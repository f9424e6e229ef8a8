/**
 * Which queues have something to deliver. A publish only marks its queue; delivering happens once for many publishes:
 * when the bytes that were read are used up, or in the next turn. What a turn may do is bounded, so that one busy queue
 * never holds up the others.
 */
import type { Queue } from './queue.ts'

/** Messages that one queue delivers in one turn. */
const TURN_MESSAGES = 4096

export class DeliveryScheduler {
  #queues: Queue[] = []
  #running: Queue[] = []
  #isArmed = false
  readonly #nextTurn: (work: () => void) => void
  readonly #onDefect: (error: unknown) => void

  constructor(nextTurn: (work: () => void) => void, onDefect: (error: unknown) => void) {
    this.#nextTurn = nextTurn
    this.#onDefect = onDefect
  }

  add(queue: Queue): void {
    this.#queues.push(queue)
    if (this.#isArmed) return
    this.#isArmed = true
    this.#nextTurn(this.#turn)
  }

  /** Lets every waiting queue deliver once. */
  run(): void {
    if (this.#queues.length === 0 || this.#running.length > 0) return
    const queues = this.#queues
    this.#queues = this.#running
    this.#running = queues
    for (let i = 0; i < queues.length; i++) {
      try {
        ;(queues[i] as Queue).deliver(TURN_MESSAGES)
      } catch (error) {
        this.#onDefect(error)
      }
    }
    queues.length = 0
  }

  readonly #turn = (): void => {
    this.#isArmed = false
    this.run()
    if (this.#queues.length > 0 && !this.#isArmed) {
      this.#isArmed = true
      this.#nextTurn(this.#turn)
    }
  }
}
