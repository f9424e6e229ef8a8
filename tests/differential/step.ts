// What a sequence consists of. Steps are plain data: they are printed, shrunk and pasted into a test.
import type { WireProperties } from '../support/wire-frames.ts'
import type { MethodArguments, MethodName } from '../support/wire-methods.ts'
import type { HandshakeName } from './handshakes.ts'
import type { MalformedName } from './malformed.ts'

/** A channel of one of the connections of a sequence. */
export interface Place {
  readonly connection: number
  readonly channel: number
}

/**
 * A method that the client sends. Texts in the arguments may stand for what only the run knows (see `names.ts`), and so may
 * a delivery tag: `@0.5` is the one in the middle of those that are not settled, `@again` the one that was settled last.
 */
export interface Call {
  readonly method: MethodName
  readonly args?: MethodArguments
  readonly content?: CallContent
  /** Left out when no delivery waits to be settled. */
  readonly needsDelivery?: boolean
}

export interface CallContent {
  readonly properties?: WireProperties
  /** A few bytes that name the message, when not given. */
  readonly bytes?: number
  /** So many body frames. */
  readonly frames?: number
}

export type Step =
  /** Sent in one write, on a channel that is opened first when need be. */
  | { readonly kind: 'calls'; readonly at: Place; readonly calls: readonly Call[] }
  /** Sent whatever the state of the channel is. */
  | { readonly kind: 'blind'; readonly at: Place; readonly calls: readonly Call[] }
  | { readonly kind: 'malformed'; readonly at: Place; readonly name: MalformedName }
  /** From here on the client does not answer a channel.close. */
  | { readonly kind: 'hold'; readonly at: Place }
  /** It answers those that it owes. */
  | { readonly kind: 'release'; readonly at: Place }
  /** The connection is cut. */
  | { readonly kind: 'drop'; readonly at: Place }
  /** A connection of its own that gets so far and says this. */
  | { readonly kind: 'handshake'; readonly name: HandshakeName }

export function callsOf(step: Step | undefined): readonly Call[] {
  return step?.kind === 'calls' || step?.kind === 'blind' ? step.calls : []
}
