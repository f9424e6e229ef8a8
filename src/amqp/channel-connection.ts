import type { FromServer, MethodInput } from '../../protocol/methods.ts'
import type { Journal } from '../../storage/journal.ts'
import type { Queue } from '../broker/queues/queue.ts'
import type { ConnectionLog } from './connection-log.ts'
import type { ClientCapabilities } from './context.ts'
import type { Failures } from './failures.ts'
import type { HeldAnswers } from './held-answers.ts'
import type { Intake } from './intake.ts'
import type { Outbox, Output } from './outbox.ts'
import type { Phase } from './phase.ts'

/** A connection, as its channels and the handlers of their methods know it. */
export interface ChannelConnection {
  /** Counts the connections of a server from 1. */
  readonly id: number
  readonly phase: Phase
  readonly outbox: Outbox
  readonly frameMaxBytes: number
  /** Answers to durable changes that are not on the disk yet. */
  readonly answers: HeldAnswers
  readonly intake: Intake
  readonly input: ChannelInput
  readonly journal: Journal
  readonly clientCapabilities: ClientCapabilities
  readonly channels: ChannelList
  readonly failures: Failures
  readonly log: ConnectionLog
  /** Where a channel's answers are written: behind those that wait for the disk, if there are any. */
  output(channelId: number): Output
  send<N extends FromServer>(channelId: number, name: N, args: MethodInput<N>): void
  /** Sends the answer to a change: it leaves once the change is durable. `isStaged` says that it is on its way to the disk. */
  sendWhenDurable<N extends FromServer>(channelId: number, name: N, args: MethodInput<N>, isStaged: boolean): void
  destroy(): void
}

/** What a connection is sent, as its channels know it. */
export interface ChannelInput {
  /** Acts now, or behind the answers to the piece of input that is being looked at. */
  after(act: () => void): void
  /** Carries out what had to wait, as a piece of input of its own. */
  carryOut(act: () => void): void
  /** The answer to what is being looked at comes in a later turn: what is to be said behind it waits until `answered`. */
  answerLater(): void
  answered(): void
  /** The channel has publishes to confirm. */
  confirming(channel: ConfirmingChannel): void
}

export interface ConfirmingChannel {
  tellConfirms(): void
}

/** The channels of a connection, as one of them knows the others. */
export interface ChannelList {
  /** Forgets a channel that has ended. */
  remove(channel: { readonly id: number }): void
  addExclusiveQueue(queue: Queue): void
  /** Throws BrokerError when there may be no further consumer on a channel that has so many. */
  checkConsumer(ofChannel: number): void
  /** So many consumers more, or less. */
  countConsumers(difference: number): void
}
