import { METHODS, type MethodArguments, type MethodName } from '../../../protocol/methods.ts'
import type { Channel } from '../channel.ts'
import { failOrWait } from '../waiting-decision.ts'

/** Carries out a method that a client sends on a channel. */
export type Handler<N extends MethodName> = (channel: Channel, args: MethodArguments<N>) => void

/** Carries out the rest of a method that had to wait. An error ends the channel, as it would have at once. */
export function carryOutRest(channel: Channel, name: MethodName, rest: () => void): void {
  try {
    rest()
  } catch (error) {
    const { classId, methodId } = METHODS[name]
    failOrWait(channel, error, classId, methodId, () => rest)
  }
}
