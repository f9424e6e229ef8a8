/** What a client asked for waits until it is known whether its user may have it. Nothing that the client sent behind it is looked at. */
import { Undecided } from '../broker/access/undecided.ts'
import { guarded } from '../lib/guarded.ts'
import type { Channel } from './channel.ts'

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
  const { connection } = channel
  if (!(error instanceof Undecided)) {
    connection.failures.failChannel(channel, error, classId, methodId)
    return
  }
  const carryOut = again()
  connection.intake.beginLongWork()
  const goOn = (): void => {
    connection.intake.endLongWork()
    if (channel.isClosing) return
    try {
      connection.input.carryOut(carryOut)
      connection.intake.afterInput()
    } catch (reason) {
      failOrWait(channel, reason, classId, methodId, () => carryOut)
    }
  }
  void error.settled.then(guarded(goOn, (reason) => connection.failures.failWith(reason)))
}
