import type { MethodArguments, MethodName } from '../../../protocol/methods.ts'
import type { Channel } from '../channel.ts'

/** Carries out a method that a client sends on a channel. */
export type Handler<N extends MethodName> = (channel: Channel, args: MethodArguments<N>) => void
