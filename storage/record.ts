/**
 * A record is a message as bytes: a key, a header and a body, none of which the storage understands. In a segment it
 * lies as
 *
 *     key length u16 · flags u16 · header length u32 · body length u32 · key · header · body · extension
 *
 * The body is left out when it is kept by reference beside the segment (flag RECORD_BODY_BESIDE). Nearly no record has an
 * extension, which is what the broker has to know of a message and the publisher has not written (flag RECORD_EXTENDED, see
 * record-extension.ts): its length u16, and so many bytes.
 */
import type { Block } from '../src/lib/block.ts'

export const RECORD_PREFIX_BYTES = 12
export const RECORD_BODY_BESIDE = 1
/** To be kept across a restart, if its queue is. */
export const RECORD_DURABLE = 2
/** An extension follows the body. */
export const RECORD_EXTENDED = 4
/** Bytes of the length in front of an extension. */
export const EXTENSION_LENGTH_BYTES = 2

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
  isDurable: boolean
  /** What `encodeExtension` made of what the broker has to know of the message. */
  readonly extension?: Uint8Array | undefined
  /**
   * The body as a block of its own, for bodies that are kept by reference. It stays as it is while the caller holds it
   * (`hold`, `release`); its memory may be used again afterwards.
   */
  ownBody(): Block
}

/** Bytes that the record at this place takes, its prefix included. */
export function recordLength({ view }: Block, at: number): number {
  const flags = view.getUint16(at + 2)
  const bodyBytes = (flags & RECORD_BODY_BESIDE) !== 0 ? 0 : view.getUint32(at + 8)
  const length = RECORD_PREFIX_BYTES + view.getUint16(at) + view.getUint32(at + 4) + bodyBytes
  if ((flags & RECORD_EXTENDED) === 0) return length
  return length + EXTENSION_LENGTH_BYTES + view.getUint16(at + length)
}
