/**
 * The methods that every message goes through, written by hand: deliver and its content to the client; ack, nack and
 * reject from it. The table-driven codec does the same more slowly; a property test holds the two against each other.
 */
import { type Block, copyBytes } from '../src/lib/block.ts'
import { type FRAME_BODY, FRAME_END, type FRAME_HEADER, FRAME_HEADER_BYTES, FRAME_METHOD } from './constants.ts'

export const BASIC_ACK = 0x003c0050
export const BASIC_REJECT = 0x003c005a
export const BASIC_NACK = 0x003c0078

const BASIC_DELIVER = 0x003c003c
const TWO_TO_32 = 0x1_0000_0000

/** Payload bytes of ack, nack and reject: class, method, delivery tag, bits. */
export const SETTLE_PAYLOAD_BYTES = 13
export const ACK_FRAME_BYTES = FRAME_HEADER_BYTES + SETTLE_PAYLOAD_BYTES + 1

/** Reads the delivery tag of an ack, nack or reject; tags that no channel can have given out come back as NaN. */
export function readDeliveryTag(block: Block, payload: number): number {
  const high = block.view.getUint32(payload + 4)
  const low = block.view.getUint32(payload + 8)
  return high > 0x1f_ffff ? Number.NaN : high * TWO_TO_32 + low
}

export function readSettleBits(block: Block, payload: number): number {
  return block.bytes[payload + 12] as number
}

/** Writes basic.ack or basic.nack; `methodId` is BASIC_ACK or BASIC_NACK. Returns where it ends. */
export function writeSettle(
  block: Block,
  at: number,
  channel: number,
  methodId: number,
  tag: number,
  bits: number,
): number {
  const view = block.view
  view.setUint8(at, FRAME_METHOD)
  view.setUint16(at + 1, channel)
  view.setUint32(at + 3, SETTLE_PAYLOAD_BYTES)
  view.setUint32(at + 7, methodId)
  view.setUint32(at + 11, (tag / TWO_TO_32) | 0)
  view.setUint32(at + 15, tag | 0)
  view.setUint8(at + 19, bits)
  view.setUint8(at + 20, FRAME_END)
  return at + ACK_FRAME_BYTES
}

/** The part of basic.deliver that is the same for every message of a consumer: frame header, ids, consumer tag. */
export function deliverPrefix(channel: number, consumerTag: Buffer): Buffer {
  const prefix = Buffer.alloc(FRAME_HEADER_BYTES + 5 + consumerTag.length)
  prefix[0] = FRAME_METHOD
  prefix.writeUInt16BE(channel, 1)
  prefix.writeUInt32BE(BASIC_DELIVER, FRAME_HEADER_BYTES)
  prefix[FRAME_HEADER_BYTES + 4] = consumerTag.length
  prefix.set(consumerTag, FRAME_HEADER_BYTES + 5)
  return prefix
}

/** Bytes of a delivery's method and header frame. */
export function deliverHeadBytes(prefixBytes: number, keyBytes: number, headerBytes: number): number {
  return prefixBytes + 9 + keyBytes + 1 + FRAME_HEADER_BYTES + headerBytes + 1
}

/** Writes the method frame of a delivery (`key` is exchange and routing key). Returns where it ends. */
export function writeDeliver(
  out: Block,
  at: number,
  prefix: Block,
  tag: number,
  isRedelivered: boolean,
  source: Block,
  keyStart: number,
  keyEnd: number,
): number {
  const view = out.view
  copyBytes(out, at, prefix, 0, prefix.size)
  view.setUint32(at + 3, prefix.size - FRAME_HEADER_BYTES + 9 + keyEnd - keyStart)
  let end = at + prefix.size
  view.setUint32(end, (tag / TWO_TO_32) | 0)
  view.setUint32(end + 4, tag | 0)
  view.setUint8(end + 8, isRedelivered ? 1 : 0)
  end += 9
  copyBytes(out, end, source, keyStart, keyEnd)
  end += keyEnd - keyStart
  view.setUint8(end, FRAME_END)
  return end + 1
}

/** Writes one header or body frame with the payload `source[start, end)`. Returns where it ends. */
export function writeContentFrame(
  out: Block,
  at: number,
  type: typeof FRAME_HEADER | typeof FRAME_BODY,
  channel: number,
  source: Block,
  start: number,
  end: number,
): number {
  writeFrameHeader(out, at, type, channel, end - start)
  const payload = at + FRAME_HEADER_BYTES
  copyBytes(out, payload, source, start, end)
  const frameEnd = payload + end - start
  out.view.setUint8(frameEnd, FRAME_END)
  return frameEnd + 1
}

export function writeFrameHeader(out: Block, at: number, type: number, channel: number, size: number): void {
  const view = out.view
  view.setUint8(at, type)
  view.setUint16(at + 1, channel)
  view.setUint32(at + 3, size)
}
