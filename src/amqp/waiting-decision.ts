/** What a client asked for waits until it is known whether its user may have it. Nothing that the client sent behind it is looked at. */
import { Undecided } from '../broker/access/undecided.ts'
import type { Session } from '../broker/session.ts'
import { guarded } from '../lib/guarded.ts'
import type { Channel } from './channel.ts'
import type { Phase } from './phase.ts'

/** The connection of whoever asks. */
interface AskingConnection {
  readonly phase: Phase
  readonly failures: { failWith(error: unknown): void }
  readonly intake: { beginLongWork(): void; endLongWork(): void; afterInput(): void }
  readonly input: { carryOut(act: () => void): void }
}

/** How it goes on. */
interface Course {
  readonly session: Session
  /** Where it is asked for, if that is not the connection itself. Once it ends, nobody asks any more. */
  readonly channel?: { readonly isClosing: boolean }
  readonly carryOut: () => void
  readonly onError: (error: unknown) => void
}

/**
 * An error of a method that was to be carried out: it ends the channel or the connection; but when a decision is still to come,
 * the method is carried out again, by `again`, once it is there. `again` is asked for at once, while what it needs is there.
 */
export function failOrWait(
  channel: Channel,
  error: unknown,
  classId: number,
  methodId: number,
  again: () => () => void,
): void {
  const { connection, session } = channel
  if (!(error instanceof Undecided)) {
    connection.failures.failChannel(channel, error, classId, methodId)
    return
  }
  const carryOut = again()
  wait(connection, error, {
    session,
    channel,
    carryOut,
    onError: (reason) => failOrWait(channel, reason, classId, methodId, () => carryOut),
  })
}

/** The same for a channel that is to be opened. */
export function failOrWaitToOpen(
  connection: AskingConnection,
  session: Session | undefined,
  error: unknown,
  carryOut: () => void,
): void {
  if (!(error instanceof Undecided) || session === undefined) {
    connection.failures.failWith(error)
    return
  }
  wait(connection, error, {
    session,
    carryOut,
    onError: (reason) => failOrWaitToOpen(connection, session, reason, carryOut),
  })
}

function wait(
  connection: AskingConnection,
  { settled }: Undecided,
  { session, channel, carryOut, onError }: Course,
): void {
  const { failures, intake, input } = connection
  intake.beginLongWork()
  const goOn = (): void => {
    intake.endLongWork()
    if (connection.phase !== 'open' || channel?.isClosing === true) {
      session.waitsFor = undefined
      return
    }
    try {
      input.carryOut(carryOut)
      intake.afterInput()
    } catch (error) {
      onError(error)
    }
  }
  void settled.then(guarded(goOn, (error) => failures.failWith(error)))
}
