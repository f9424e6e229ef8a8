/**
 * Moves ready messages from one queue to the end of another, turn by turn. A message leaves its queue in the turn in which it comes
 * to the other one, and so in the same commit.
 */
import type { Journal } from '../../../storage/journal.ts'
import { encodeExtension, readExtension } from '../../../storage/record-extension.ts'
import type { Segment } from '../../../storage/segment.ts'
import { Message } from '../messages/message.ts'
import { NOTHING_BESIDE, saysExpiration } from '../queues/message-ttl.ts'
import type { Queue } from '../queues/queue.ts'
import type { LongWork } from '../scheduling/long-work.ts'

/** Messages between two looks at the clock. */
const STEP_MESSAGES = 32

export interface MoveTools {
  readonly longWork: LongWork
  /** That of both queues. */
  readonly journal: Journal
}

/**
 * Moves up to so many messages, and no more than are ready now. `onEnd` is told how many: fewer when there are no more, when the target refuses one
 * by its limits, when a queue is deleted, and when the server stops. A target that drops its oldest messages refuses none, and drops
 * what was moved to it like any others.
 */
export function moveMessages(
  from: Queue,
  to: Queue,
  count: number,
  tools: MoveTools,
  onEnd: (moved: number) => void,
): void {
  new MessageMove(from, to, Math.min(count, from.readyCount), tools, onEnd).goOn()
}

/** Whether that was all, or what has to happen before it goes on. */
type StepOutcome = 'done' | 'more' | 'waiting'

class MessageMove {
  readonly #from: Queue
  readonly #to: Queue
  readonly #tools: MoveTools
  readonly #onEnd: (moved: number) => void
  readonly #message = new Message()
  #left: number
  #moved = 0

  constructor(from: Queue, to: Queue, count: number, tools: MoveTools, onEnd: (moved: number) => void) {
    this.#from = from
    this.#to = to
    this.#left = count
    this.#tools = tools
    this.#onEnd = onEnd
  }

  readonly goOn = (): void => {
    let outcome: StepOutcome = 'more'
    const step = (messages: number): boolean => {
      outcome = this.#moveSome(messages)
      return outcome !== 'more'
    }
    this.#tools.longWork.start(STEP_MESSAGES, step, (isDone) => {
      if (!isDone || outcome === 'done') this.#onEnd(this.#moved)
    })
  }

  #moveSome(messages: number): StepOutcome {
    // The server stops, and has its long work done at once: this may end anywhere.
    if (messages === Number.POSITIVE_INFINITY) return 'done'
    const { journal } = this.#tools
    for (let left = messages; left > 0; left--) {
      if (this.#left === 0 || this.#from.isDeleted || this.#to.isDeleted) return 'done'
      if (journal.isCongested) {
        journal.whenDurable(this.goOn, () => this.#onEnd(this.#moved))
        return 'waiting'
      }
      const state = this.#from.pull.findNext(this.goOn)
      if (state === 'unread') return 'waiting'
      if (state === 'empty' || this.#isRefused()) return 'done'
      this.#from.pull.takeFound(true, this.#put)
      this.#left--
      this.#moved++
    }
    return 'more'
  }

  /** Whether the target refuses the message that was found. */
  #isRefused(): boolean {
    let bodyBytes = 0
    this.#from.peek((segment, index) => {
      bodyBytes = segment.bodyBytes(index)
    })
    return this.#to.refuses(bodyBytes)
  }

  readonly #put = (segment: Segment, index: number): void => {
    const message = this.#message
    message.setStored(segment, index)
    message.extension = extensionOf(segment, index) ?? (saysExpiration(message) ? NOTHING_BESIDE : undefined)
    this.#to.publish(message)
    message.release()
  }
}

/** What the broker knows of the message, but for when it expires here: the target has a time of its own. */
function extensionOf(segment: Segment, index: number): Uint8Array | undefined {
  const known = readExtension(segment, index)
  if (known === undefined) return undefined
  const { expiresAtMs: _, ...rest } = known
  return Object.keys(rest).length === 0 ? undefined : encodeExtension(rest)
}
