import type { Duplex } from 'node:stream'
import type { Peer } from '../lib/peer.ts'

/** A client that has come through a listener, as the part that speaks its protocol gets it. */
export interface Arrival {
  readonly peer: Peer
  /** Its bytes: not read from yet. */
  readonly stream: Duplex
  /** What was read already; it comes before what the stream gives. */
  readonly head: Buffer | undefined
  /** When it has to have logged in, by the monotonic clock. */
  readonly deadlineMs: number
  /** Has it told how many bytes more, or less, are held below the stream: of what the client has not finished. */
  readonly watchHeld?: (tell: (bytes: number) => void) => void
  /** It has logged in. */
  loggedIn(): void
  /** Its stream is closed. To be called once. */
  gone(): void
}
