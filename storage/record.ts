/**
 * A record is a message as bytes: a key, a header and a body, none of which the storage understands. In a segment it
 * lies as
 *
 *     key length u16 · flags u16 · header length u32 · body length u32 · key · header · body
 *
 * and the body is left out when it is kept by reference beside the segment (flag RECORD_BODY_BESIDE).
 */
import type { Block } from '../src/lib/block.ts'

export const RECORD_PREFIX_BYTES = 12
export const RECORD_BODY_BESIDE = 1
/** To be kept across a restart, if its queue is. */
export const RECORD_DURABLE = 2

/** Bodies from this size on are kept by reference: shared by the queues they went to, never copied again. */
export const BODY_BESIDE_BYTES_MIN = 32 * 1024

/** Where the parts of a message lie before it is appended. One object is reused for every message of a connection. */
export interface RecordSource {
  readonly head: Block
  readonly keyStart: number
  readonly keyEnd: number
  readonly headerStart: number
  readonly headerEnd: number
  readonly body: Block
  readonly bodyStart: number
  readonly bodyEnd: number
  /** Whether it is to be kept across a restart, if its queue is. */
  readonly isDurable: boolean
  /**
   * The body as a block of its own, for bodies that are kept by reference. It stays as it is while the caller holds it
   * (`hold`, `release`); its memory may be used again afterwards.
   */
  ownBody(): Block
}
