/**
 * The end of a connection: who says connection.close to whom, what is said before, and how long we wait. Whichever side closes, the
 * channels end at once.
 */
import { ReplyCode } from '../../protocol/constants.ts'
import type { FromServer, MethodInput } from '../../protocol/methods.ts'
import type { Journal } from '../../storage/journal.ts'
import { afterNextReads } from '../lib/after-next-reads.ts'
import { guarded } from '../lib/guarded.ts'
import type { ConnectionLog } from './connection-log.ts'
import type { HeldAnswers } from './held-answers.ts'
import type { Phase } from './phase.ts'
import type { Reading } from './reading.ts'

/** How long a client has to answer connection.close, and the disk to be ready for what was to be said before the end. */
const CLOSE_TIMEOUT_MS = 5000
/** How long a client has to close its side once we have closed ours. */
const END_TIMEOUT_MS = 1000

/** The connection, as far as its end is concerned. */
export interface EndingConnection {
  phase: Phase
  readonly log: ConnectionLog
  readonly answers: HeldAnswers
  readonly reading: Reading
  readonly journal: Journal
  send<N extends FromServer>(channelId: number, name: N, args: MethodInput<N>): void
  /** Ends the channels, and deletes what belongs to the connection. */
  release(): void
  /** `stop`: looks at no further frame. */
  readonly input: { tellConfirms(): void; stop(): void }
  /** So much time is left from now on. */
  leave(ms: number): void
  /** Ends the socket when everything has left. */
  endSocket(): void
  broken(error: unknown): void
}

export class ConnectionEnd {
  readonly #connection: EndingConnection

  constructor(connection: EndingConnection) {
    this.#connection = connection
  }

  /**
   * Sends connection.close and waits for the client to answer it. The close comes behind the answers that still wait for
   * the disk, unless the broker wants it itself. Then what the client has sent meanwhile is read first: if that is its own
   * close, it is answered, and the client never hears of ours; some clients wait for ever once two closes cross.
   */
  closeWith(code: number, text: string, classId: number, methodId: number): void {
    const connection = this.#connection
    connection.input.tellConfirms()
    connection.release()
    const isForced = code === ReplyCode.CONNECTION_FORCED
    if (isForced) connection.answers.clear()
    else this.#dropWhatCannotBeSaid()
    connection.phase = 'closing'
    connection.leave(CLOSE_TIMEOUT_MS)
    const args = { replyCode: code, replyText: text, classId, methodId }
    const say = (): void => connection.send(0, 'connection.close', args)
    const sayUnlessClosed = (): void => {
      if (connection.phase === 'closing') say()
    }
    connection.reading.resumeAll()
    if (isForced) afterNextReads(guarded(sayUnlessClosed, (error) => connection.broken(error)))
    else connection.answers.afterAll(say)
  }

  /**
   * connection.close from the client. RabbitMQ: what it asked for before is answered first, except that it is told of no
   * confirm that has to wait. A disk that takes longer than a client may take to close is not waited for.
   */
  closedByClient(): void {
    this.#connection.log.ended('info', 'connection closed')
    this.#connection.input.tellConfirms()
    this.#connection.release()
    this.#dropWhatCannotBeSaid()
    this.confirmClose()
  }

  /** Sends connection.close-ok behind all that is to be said before, and ends the connection. */
  confirmClose(): void {
    const connection = this.#connection
    connection.answers.afterAll(() => connection.send(0, 'connection.close-ok', {}))
    this.closeNow()
  }

  /** Takes nothing more from the client, and ends the socket when all that is to be said has been said. */
  closeNow(): void {
    const connection = this.#connection
    connection.phase = 'closed'
    connection.input.stop()
    connection.leave(CLOSE_TIMEOUT_MS)
    connection.answers.afterAll(() => {
      connection.endSocket()
      connection.leave(END_TIMEOUT_MS)
    })
  }

  closeSilently(afterMs: number): void {
    const connection = this.#connection
    connection.phase = 'closed'
    connection.input.stop()
    connection.reading.pause('ended')
    connection.leave(afterMs)
  }

  /** The time is up. Returns whether there is something to be said that was held back until now. */
  outOfTime(): boolean {
    // A disk that is too slow must not keep the client from being told why its connection ends.
    if (!this.#connection.answers.giveUp()) return false
    if (this.#connection.phase === 'closing') this.#connection.leave(CLOSE_TIMEOUT_MS)
    return true
  }

  /** A disk that cannot be written is not waited for. */
  #dropWhatCannotBeSaid(): void {
    const { answers, journal } = this.#connection
    if (journal.trouble !== undefined) answers.clear()
  }
}
