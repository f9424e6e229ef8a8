/** Writes a stored message to an outbox, in frames that its receiver takes. */
import { deliverHeadBytes, writeContentFrame, writeDeliver, writeFrameHeader } from '../../protocol/basic-fast-path.ts'
import {
  FRAME_BODY,
  FRAME_END,
  FRAME_HEADER,
  FRAME_HEADER_BYTES,
  FRAME_OVERHEAD_BYTES,
} from '../../protocol/constants.ts'
import { deliveriesBefore, type Segment } from '../../storage/segment.ts'
import { withDeliveryCount } from '../broker/messages/delivery-count.ts'
import type { Block } from '../lib/block.ts'
import type { Output } from './outbox.ts'

/** Body pieces of at least this size go to the socket by reference. */
const REFERENCE_BYTES_MIN = 16 * 1024

/** Where a receiver's messages go, and how large its frames may be. */
export interface DeliveryTarget {
  readonly outbox: Output
  readonly channel: number
  /** Largest frame, 8 bytes of frame included; 0 for no limit. */
  readonly frameMaxBytes: number
}

/** Writes basic.deliver with its content. `prefix` is the consumer's `deliverPrefix`. */
export function writeDelivery(
  target: DeliveryTarget,
  prefix: Block,
  tag: number,
  isRedelivered: boolean,
  segment: Segment,
  index: number,
): void {
  const { block } = segment
  const keyStart = segment.keyStart(index)
  const keyBytes = segment.keyBytesAt(keyStart)
  const headerBytes = segment.headerBytesAfter(keyStart)
  const headerStart = keyStart + keyBytes
  const bodyStart = headerStart + headerBytes
  const bodyBytes = segment.bodyBytesAfter(keyStart)
  const { outbox, channel } = target
  const headBytes = deliverHeadBytes(prefix.size, keyBytes, headerBytes)
  const isSplit = bodyBytes > target.frameMaxBytes - FRAME_OVERHEAD_BYTES
  const out = outbox.reserve(isSplit || bodyBytes === 0 ? headBytes : headBytes + FRAME_OVERHEAD_BYTES + bodyBytes)
  let at = writeDeliver(out, outbox.length, prefix, tag, isRedelivered, block, keyStart, headerStart)
  at = writeContentFrame(out, at, FRAME_HEADER, channel, block, headerStart, bodyStart)
  if (bodyBytes > 0 && !isSplit)
    at = writeContentFrame(out, at, FRAME_BODY, channel, block, bodyStart, bodyStart + bodyBytes)
  outbox.length = at
  const beside = segment.bodies?.at(index)
  if (beside !== undefined) writeBody(target, beside, 0, beside.size)
  else if (isSplit) writeBody(target, block, bodyStart, bodyStart + bodyBytes)
}

/** The same for a message that came back, with a header that says how often. */
export function writeCountedDelivery(
  target: DeliveryTarget,
  prefix: Block,
  tag: number,
  segment: Segment,
  index: number,
): void {
  const { outbox } = target
  const keyStart = segment.keyStart(index)
  const headerStart = segment.headerStart(index)
  const out = outbox.reserve(deliverHeadBytes(prefix.size, headerStart - keyStart, 0))
  outbox.length = writeDeliver(out, outbox.length, prefix, tag, true, segment.block, keyStart, headerStart)
  writeStoredContent(target, segment, index, deliveriesBefore(segment, index))
}

/** Writes a content header frame and the body frames. */
export function writeContent(
  target: DeliveryTarget,
  head: Block,
  headerStart: number,
  headerEnd: number,
  body: Block,
  bodyStart: number,
  bodyEnd: number,
): void {
  const { outbox, channel } = target
  const out = outbox.reserve(headerEnd - headerStart + FRAME_OVERHEAD_BYTES)
  outbox.length = writeContentFrame(out, outbox.length, FRAME_HEADER, channel, head, headerStart, headerEnd)
  writeBody(target, body, bodyStart, bodyEnd)
}

/**
 * The content of a stored message, after whatever method announces it. When it came back so often, and that is not 0, a header says
 * so.
 */
export function writeStoredContent(target: DeliveryTarget, segment: Segment, index: number, returns = 0): void {
  const { block } = segment
  const headerStart = segment.headerStart(index)
  const bodyStart = segment.bodyStart(index)
  if (returns > 0) {
    const header = withDeliveryCount(block.bytes, headerStart, bodyStart, returns)
    const body = segment.bodies?.at(index)
    const end = segment.bodyEnd(index)
    if (body === undefined) writeContent(target, header, 0, header.size, block, bodyStart, end)
    else writeContent(target, header, 0, header.size, body, 0, body.size)
    return
  }
  const beside = segment.bodies?.at(index)
  if (beside !== undefined) writeContent(target, block, headerStart, bodyStart, beside, 0, beside.size)
  else writeContent(target, block, headerStart, bodyStart, block, bodyStart, segment.bodyEnd(index))
}

/** Writes a body in frames of the largest size allowed. */
function writeBody(target: DeliveryTarget, source: Block, start: number, end: number): void {
  const { outbox, channel } = target
  const pieceMax = target.frameMaxBytes - FRAME_OVERHEAD_BYTES
  for (let from = start; from < end; from += pieceMax) {
    const to = Math.min(end, from + pieceMax)
    // Only a block that is never written to again may be referenced: a body beside its segment is one.
    if (to - from < REFERENCE_BYTES_MIN || source.size !== end - start) {
      const out = outbox.reserve(to - from + FRAME_OVERHEAD_BYTES)
      outbox.length = writeContentFrame(out, outbox.length, FRAME_BODY, channel, source, from, to)
      continue
    }
    const out = outbox.reserve(FRAME_HEADER_BYTES)
    writeFrameHeader(out, outbox.length, FRAME_BODY, channel, to - from)
    outbox.length += FRAME_HEADER_BYTES
    outbox.writeReference(source.bytes.subarray(from, to), source)
    outbox.reserve(1).view.setUint8(outbox.length++, FRAME_END)
  }
}
