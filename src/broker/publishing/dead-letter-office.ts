/**
 * Publishes what dies in the queues of a virtual host to their dead letter exchanges. One dead letter is on its way at a time: what
 * dies of that in other queues, because they are full, comes after it, and much of it in later turns, so that no chain of queues is
 * too long. What waits for its turn stays in its queue, unacked, and what cannot go is with the queue's discards.
 */
import { BODY_BESIDE_BYTES_MIN } from '../../../storage/record.ts'
import { encodeExtension, type RecordExtension } from '../../../storage/record-extension.ts'
import { Block } from '../../lib/block.ts'
import type { Clock } from '../../lib/clock.ts'
import { doForEach } from '../../lib/do-all.ts'
import { Turn } from '../../lib/turn.ts'
import { DeadLetter } from '../dead-letters/dead-letter.ts'
import type { DeathCause } from '../dead-letters/death-cause.ts'
import type { HeldMemory } from '../memory/memory-alarm.ts'
import { Message } from '../messages/message.ts'
import { NO_NEEDS } from '../messages/property-set.ts'
import type { Queue } from '../queues/queue.ts'
import type { Routes } from '../routing/routes.ts'
import type { LongWork } from '../scheduling/long-work.ts'
import type { TrafficFigures } from '../statistics/traffic-figures.ts'
import type { DeadLetterAddress } from './dead-letter-address.ts'
import { FanOut, ONE_TURN_QUEUES_MAX } from './fan-out.ts'

/** So many that wait are sent in one turn, and so many between two looks at the clock. */
const AT_ONCE_MAX = 64
const STEP_MESSAGES = 16
/** So long may dead letters keep others waiting, and so long one may that goes to many queues. */
const TURN_MS = 1

/** What could not go is tried again after so long: RabbitMQ waits for three minutes. */
const RETRY_MS = 1000

/** Bytes of a header that are written in the time of one publish. */
const HEADER_BYTES_PER_UNIT = 512

const NO_QUEUES: readonly Queue[] = []
/** What lies beside a message that has died, but for blind keys: by its marks. */
const MARKS: readonly Buffer[] = [0, 1, 2, 3].map((deathMarks) => encodeExtension({ deathMarks }))

/** What becomes of a dead letter: it is where it goes, it cannot go there now, or this puts it there turn by turn. */
export type Posted = 'done' | 'held' | FanOut

/** What the office needs of its virtual host. */
export interface OfficeTools {
  readonly routes: Routes
  readonly longWork: LongWork
  readonly clock: Clock
  /** That of the client whose input is being looked at. */
  readonly inputTurn: Pick<Turn, 'spend'>
  /** Where copies are counted that are in no queue. */
  readonly memory: HeldMemory
  readonly figures: TrafficFigures
}

export class DeadLetterOffice {
  readonly #tools: OfficeTools
  readonly #letter = new DeadLetter()
  /** Used again for each message that dies: a stored one must not lie in it while another one is on its way. */
  readonly dying = new Message()
  readonly #message = new Message()
  /** Those with dead letters that wait to go, the one whose turn it is in front. */
  readonly #due = new Set<DeadLetterAddress>()
  /** Those whose dead letters could not go. */
  readonly #holding = new Set<DeadLetterAddress>()
  #isRetryDue = false
  readonly #fanOutTurn: Turn
  /** What all dead letters may take of one turn of the event loop, and whether that has begun. */
  readonly #turn: Turn
  #isCounting = false
  #isPosting = false
  #isSending = false
  #isSendingLater = false

  constructor(tools: OfficeTools) {
    this.#tools = tools
    const now = (): number => tools.clock.monotonicMs()
    this.#turn = new Turn(now)
    this.#fanOutTurn = new Turn(now)
  }

  get figures(): TrafficFigures {
    return this.#tools.figures
  }

  get memory(): HeldMemory {
    return this.#tools.memory
  }

  /** One is on its way: others have to wait. */
  get isPosting(): boolean {
    return this.#isPosting
  }

  /** Has the dead letters that wait at this address sent, when it is their turn. */
  expect(address: DeadLetterAddress): void {
    this.#due.add(address)
    this.sendWaiting()
  }

  /**
   * Publishes the dead letter of a message, for which `known` lies beside it. When it is put into its queues turn by turn, the office
   * tells the address when that is done. Where each has to arrive, one that would not is not published at all.
   */
  post(address: DeadLetterAddress, dying: Message, known: RecordExtension, cause: DeathCause): Posted {
    const message = this.#message
    this.#isPosting = true
    try {
      const queues = this.#write(address, dying, known, cause)
      this.#tools.inputTurn.spend(
        1 + queues.length + Math.floor((message.headerEnd - message.headerStart) / HEADER_BYTES_PER_UNIT),
      )
      if (address.isAtLeastOnce && (queues.length === 0 || queues.some((queue) => queue.refuses(message.bodyBytes))))
        return 'held'
      address.deaths[cause.reason].count++
      if (address.isAtLeastOnce) address.deaths.arrived++
      if (queues.length > ONE_TURN_QUEUES_MAX) return this.#fanOut(address, queues)
      for (let i = 0; i < queues.length; i++) (queues[i] as Queue).publish(message)
      return 'done'
    } finally {
      message.release()
      this.#isPosting = false
    }
  }

  #fanOut(address: DeadLetterAddress, queues: readonly Queue[]): Posted {
    const fanOut = new FanOut(this.#message, queues)
    this.#fanOutTurn.begin(TURN_MS)
    if (fanOut.begin(this.#fanOutTurn)) return 'done'
    const bytes = fanOut.goOn(this.#tools.longWork, () => {
      this.memory.heldBytes -= bytes
      address.fanOutEnded()
    })
    this.memory.heldBytes += bytes
    return fanOut
  }

  /** This turn of the event loop has had enough dead letters: others wait. */
  get isSpent(): boolean {
    if (this.#isCounting) return this.#turn.leftMs() <= 0
    this.#isCounting = true
    this.#turn.begin(TURN_MS)
    queueMicrotask(this.#endTurn)
    return false
  }

  readonly #endTurn = (): void => {
    this.#isCounting = false
  }

  /** Has the address try again in a while. */
  retryLater(address: DeadLetterAddress): void {
    this.#holding.add(address)
    if (this.#isRetryDue) return
    this.#isRetryDue = true
    this.#tools.clock.after(RETRY_MS, () => {
      this.#isRetryDue = false
      const holding = [...this.#holding]
      this.#holding.clear()
      doForEach(holding, (each) => each.retry())
    })
  }

  /** Sends what waits, much of it in later turns. */
  sendWaiting(): void {
    if (this.#due.size === 0 || this.#isPosting || this.#isSending || this.#isSendingLater) return
    if (this.#sendSome(AT_ONCE_MAX)) return
    this.#isSendingLater = true
    this.#tools.longWork.start(
      STEP_MESSAGES,
      (count) => this.#sendSome(count),
      () => {
        this.#isSendingLater = false
        this.sendWaiting()
      },
    )
  }

  /** Sends up to so many that wait, of each address one in turn; whether those were all. */
  #sendSome(count: number): boolean {
    this.#isSending = true
    try {
      let left = count
      for (const address of this.#due) {
        if (left-- === 0) return false
        this.#due.delete(address)
        let hasMore = true
        try {
          hasMore = address.sendNext()
        } finally {
          // Behind the others, which this goes on with before it comes here again.
          if (hasMore) this.#due.add(address)
        }
        if (this.isSpent) return this.#due.size === 0
      }
      return true
    } finally {
      this.#isSending = false
    }
  }

  /** Makes the dead letter of a message; the queues that it goes to. */
  #write(
    address: DeadLetterAddress,
    dying: Message,
    { deathMarks = 0, blindKeys }: RecordExtension,
    cause: DeathCause,
  ): readonly Queue[] {
    const letter = this.#letter
    const message = this.#message
    const blind = blindKeys?.map((key) => new Block(Buffer.from(key)))
    if (!letter.write(dying, deathMarks, cause, address.target, this.#tools.clock.wallMs(), blind)) return NO_QUEUES
    message.setInPlace(letter.head, 0, letter.headerStart, letter.headerStart, letter.headerEnd)
    message.isDurable = dying.isDurable
    const deaths = letter.marks
    message.extension = blindKeys === undefined ? MARKS[deaths] : encodeExtension({ deathMarks: deaths, blindKeys })
    giveBody(message, dying)
    const queues = this.#route()
    for (let i = 0; i < queues.length; i++) {
      if (letter.isCycle((queues[i] as Queue).name)) return queues.filter(({ name }) => !letter.isCycle(name))
    }
    return queues
  }

  /** RabbitMQ drops it where there is no such exchange. */
  #route(): readonly Queue[] {
    const { routes } = this.#tools
    const message = this.#message
    const route = routes.ownRoute(message)
    if (route === undefined) return NO_QUEUES
    if (route.needs === NO_NEEDS && !this.#letter.hasMoreKeys) return route.queues
    return routes.queuesFor(route.exchange, this.#letter.routingKeys(), message.properties)
  }
}

/** Gives the message the body of another one. */
function giveBody(message: Message, from: Message): void {
  if (from.bodyBytes >= BODY_BESIDE_BYTES_MIN) {
    const body = from.ownBody()
    body.hold()
    message.setOwnBody(body)
  } else {
    message.body = from.body
    message.bodyStart = from.bodyStart
    message.bodyEnd = from.bodyEnd
  }
}
