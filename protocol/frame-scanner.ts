/**
 * Finds frames in place, in whatever pieces the stream arrives.
 *
 *     type u8 · channel u16 · size u32 · payload[size] · 0xCE
 *
 * `scan` calls the sink for every whole frame in the block and returns where the rest begins: the caller keeps those
 * bytes and puts them in front of the next piece. The payload of a large body frame is passed on as it arrives, so the
 * rest is never longer than one method or header frame, or 4 KiB. A publish whose method, header and single body frame lie
 * together in the block, which is nearly every publish, is passed on as one; a short one of which only the beginning is
 * there is left over as a whole, so that it will.
 */
import type { Block } from '../src/lib/block.ts'
import { BASIC_ACK, BASIC_NACK, BASIC_REJECT } from './basic-fast-path.ts'
import {
  BARE_HEADER_BYTES,
  BASIC_PUBLISH,
  BASIC_UNWEIGHTED,
  FRAME_BODY,
  FRAME_END,
  FRAME_HEADER,
  FRAME_HEADER_BYTES,
  FRAME_HEARTBEAT,
  FRAME_METHOD,
} from './constants.ts'
import { FrameError, malformedFrame, unexpectedFrame, unknownFrame } from './errors.ts'

/** An incomplete body frame larger than this is passed on piece by piece. */
const STREAMED_BODY_BYTES_MIN = 4096
/** A publish that is longer than this is not waited for: its frames are passed on one by one. */
const SHORT_PUBLISH_BYTES_MAX = 4096

/** What `#publishInPlace` returns when it has passed nothing on: these frames are no publish in one piece, or may become one. */
const NOT_IN_PLACE = 0
const INCOMPLETE = -1

/** A publish that lies in one piece: where its parts are. Reused for every one of a scanner's publishes. */
export class PublishInPlace {
  channel = 0
  /** Exchange and routing key, two short strings. */
  keyStart = 0
  keyEnd = 0
  /** The octet of mandatory (1) and immediate (2). */
  bits = 0
  headerStart = 0
  headerEnd = 0
  bodyStart = 0
  bodyEnd = 0
}

export interface FrameSink {
  publish(block: Block, publish: PublishInPlace): void
  method(channel: number, block: Block, start: number, end: number): void
  header(channel: number, block: Block, start: number, end: number): void
  /** A body frame's payload, or the next piece of it. */
  body(channel: number, block: Block, start: number, end: number): void
  heartbeat(): void
  /** `holdsPublishes` made the scanner stop in front of a publish. */
  publishHeld(): void
  /** `holdsMethods` made the scanner stop in front of a method. */
  methodHeld(): void
}

export class FrameScanner {
  /** Largest frame allowed, its 8 bytes of frame header and end included; 0 for no limit. */
  frameMaxBytes: number
  /** Makes `scan` return in front of the next publish, to be called again with it. */
  holdsPublishes = false
  /** The same with the next method that neither publishes nor settles: such a method may take long. */
  holdsMethods = false
  readonly #sink: FrameSink
  readonly #publish = new PublishInPlace()
  /** Bytes of a body frame's payload that are still to come, -1 when no body frame is open. */
  #bodyBytesLeft = -1
  #bodyChannel = 0
  #isStopped = false
  #isHeld = false

  constructor(sink: FrameSink, frameMaxBytes: number) {
    this.#sink = sink
    this.frameMaxBytes = frameMaxBytes
  }

  /** Bytes of the payload of a body frame that are still to come, when its beginning was passed on. */
  get openBodyBytes(): number {
    return this.#isStopped ? 0 : Math.max(0, this.#bodyBytesLeft)
  }

  /** The channel of that frame. */
  get openBodyChannel(): number {
    return this.#bodyChannel
  }

  /** Whether `scan` would find more in `block[start, end)` than the beginning of a frame, which it leaves where it is. */
  finds(block: Block, start: number, end: number): boolean {
    if (this.isInLargeBody(block, start, end)) return true
    if (end - start < FRAME_HEADER_BYTES) return false
    const size = block.view.getUint32(start + 3)
    const isTooLarge = this.frameMaxBytes !== 0 && size > this.frameMaxBytes
    return isTooLarge || start + FRAME_HEADER_BYTES + size < end
  }

  /** Whether `block[start, end)` goes on with the frame of a large body, or begins with one. */
  isInLargeBody(block: Block, start: number, end: number): boolean {
    if (this.#bodyBytesLeft >= 0) return true
    if (end - start < FRAME_HEADER_BYTES || block.bytes[start] !== FRAME_BODY) return false
    return block.view.getUint32(start + 3) > STREAMED_BODY_BYTES_MIN
  }

  /** Makes `scan` return after the frame that it is at: nothing after it will be looked at. */
  stop(): void {
    this.#isStopped = true
  }

  /** Makes `scan` return after the frame that it is at, to be called again with what follows. */
  hold(): void {
    this.#isHeld = true
  }

  /** Scans `block[start, end)`; returns where the first incomplete frame begins. Throws FrameError. */
  scan(block: Block, start: number, end: number): number {
    this.#isHeld = false
    let at = this.#bodyBytesLeft >= 0 ? this.#continueBody(block, start, end) : start
    const { bytes, view } = block
    while (end - at >= FRAME_HEADER_BYTES && !this.#isStopped && !this.#isHeld) {
      const type = bytes[at] as number
      const channel = view.getUint16(at + 1)
      const size = view.getUint32(at + 3)
      if (this.frameMaxBytes !== 0 && size > this.frameMaxBytes) this.#refuseSize(type, size)
      const payload = at + FRAME_HEADER_BYTES
      const payloadEnd = payload + size
      if (payloadEnd >= end) {
        if (type === FRAME_BODY && size > STREAMED_BODY_BYTES_MIN) return this.#startBody(channel, size, block, at, end)
        if (!isFrameType(type)) throw unknownFrame(type, bytes, payload, Math.min(payloadEnd, end))
        break
      }
      if (bytes[payloadEnd] !== FRAME_END) this.#refuseEnd(type, block, payload, payloadEnd)
      if (type === FRAME_METHOD && size > 4 && view.getUint32(payload) === BASIC_PUBLISH) {
        if (this.holdsPublishes) {
          this.#sink.publishHeld()
          break
        }
        const next = this.#publishInPlace(channel, block, payload, payloadEnd, end)
        if (next === INCOMPLETE) break
        if (next !== NOT_IN_PLACE) {
          at = next
          continue
        }
      }
      if (this.holdsMethods && type === FRAME_METHOD && !isQuick(block, payload, size)) {
        this.#sink.methodHeld()
        break
      }
      this.#frame(type, channel, block, payload, payloadEnd)
      at = payloadEnd + 1
    }
    return this.#isStopped ? end : at
  }

  #frame(type: number, channel: number, block: Block, start: number, end: number): void {
    if (type === FRAME_METHOD) this.#sink.method(channel, block, start, end)
    else if (type === FRAME_HEADER) this.#sink.header(channel, block, start, end)
    else if (type === FRAME_BODY) this.#sink.body(channel, block, start, end)
    else if (type === FRAME_HEARTBEAT) {
      if (end > start) throw unknownFrame(type, block.bytes, start, end)
      if (channel !== 0) throw unexpectedFrame(type, block.bytes, start, end)
      this.#sink.heartbeat()
    } else throw unknownFrame(type, block.bytes, start, end)
  }

  /** Passes a publish on when it lies in one piece; returns where the next frame begins then. */
  #publishInPlace(channel: number, block: Block, payload: number, payloadEnd: number, end: number): number {
    const { bytes, view } = block
    const publish = this.#publish
    const keyStart = payload + 6
    const routingKey = keyStart + 1 + (bytes[keyStart] as number)
    if (routingKey >= payloadEnd) return NOT_IN_PLACE
    const keyEnd = routingKey + 1 + (bytes[routingKey] as number)
    const header = payloadEnd + 1
    const headerStart = header + FRAME_HEADER_BYTES
    if (keyEnd + 1 !== payloadEnd || header >= end || bytes[header] !== FRAME_HEADER) return NOT_IN_PLACE
    if (headerStart > end) return INCOMPLETE
    const headerSize = view.getUint32(header + 3)
    const headerEnd = headerStart + headerSize
    if (view.getUint16(header + 1) !== channel || headerSize < BARE_HEADER_BYTES) return NOT_IN_PLACE
    if (this.frameMaxBytes !== 0 && headerSize > this.frameMaxBytes) return NOT_IN_PLACE
    if (headerEnd >= end) return isShort(payload - FRAME_HEADER_BYTES, headerEnd) ? INCOMPLETE : NOT_IN_PLACE
    if (bytes[headerEnd] !== FRAME_END || view.getUint32(headerStart) !== BASIC_UNWEIGHTED) return NOT_IN_PLACE
    const bodySize = view.getUint32(headerStart + 8)
    if (view.getUint32(headerStart + 4) !== 0) return NOT_IN_PLACE
    let bodyStart = headerEnd
    let next = headerEnd + 1
    if (bodySize > 0) {
      bodyStart = next + FRAME_HEADER_BYTES
      const bodyEnd = bodyStart + bodySize
      if (bodyEnd >= end)
        return isShort(payload - FRAME_HEADER_BYTES, bodyEnd) && mayBeBody(channel, block, next, end, bodySize)
          ? INCOMPLETE
          : NOT_IN_PLACE
      if (bytes[next] !== FRAME_BODY || view.getUint16(next + 1) !== channel) return NOT_IN_PLACE
      if (view.getUint32(next + 3) !== bodySize || bytes[bodyEnd] !== FRAME_END) return NOT_IN_PLACE
      if (this.frameMaxBytes !== 0 && bodySize > this.frameMaxBytes) return NOT_IN_PLACE
      next = bodyEnd + 1
    }
    publish.channel = channel
    publish.keyStart = keyStart
    publish.keyEnd = keyEnd
    publish.bits = bytes[keyEnd] as number
    publish.headerStart = headerStart
    publish.headerEnd = headerEnd
    publish.bodyStart = bodyStart
    publish.bodyEnd = bodyStart + bodySize
    this.#sink.publish(block, publish)
    return next
  }

  #startBody(channel: number, size: number, block: Block, at: number, end: number): number {
    this.#bodyChannel = channel
    this.#bodyBytesLeft = size
    return this.#continueBody(block, at + FRAME_HEADER_BYTES, end)
  }

  #continueBody(block: Block, start: number, end: number): number {
    const available = Math.min(this.#bodyBytesLeft, end - start)
    const pieceEnd = start + available
    this.#bodyBytesLeft -= available
    if (available > 0) this.#sink.body(this.#bodyChannel, block, start, pieceEnd)
    if (this.#bodyBytesLeft > 0 || pieceEnd === end) return pieceEnd
    this.#bodyBytesLeft = -1
    if (block.bytes[pieceEnd] !== FRAME_END) this.#refuseEnd(FRAME_BODY, block, start, pieceEnd)
    return pieceEnd + 1
  }

  // RabbitMQ compares the payload with the whole frame-max, and names the largest payload in the text.
  #refuseSize(type: number, size: number): never {
    throw new FrameError(501, `type ${type}, all octets = <<>>: {frame_too_large,${size},${this.frameMaxBytes - 8}}`)
  }

  #refuseEnd(type: number, block: Block, start: number, end: number): never {
    throw malformedFrame(type, block.bytes, start, end, `{invalid_frame_end_marker,${block.bytes[end]}}`)
  }
}

function isShort(start: number, end: number): boolean {
  return end - start <= SHORT_PUBLISH_BYTES_MAX
}

/** Whether what is there of the frame at this place, which is not all, is the beginning of a body frame with so many bytes. */
function mayBeBody(channel: number, { bytes, view }: Block, at: number, end: number, size: number): boolean {
  if (at >= end) return true
  if (bytes[at] !== FRAME_BODY) return false
  return at + FRAME_HEADER_BYTES > end || (view.getUint16(at + 1) === channel && view.getUint32(at + 3) === size)
}

/** It publishes or settles. */
function isQuick(block: Block, payload: number, size: number): boolean {
  if (size < 4) return false
  const id = block.view.getUint32(payload)
  return id === BASIC_PUBLISH || id === BASIC_ACK || id === BASIC_NACK || id === BASIC_REJECT
}

function isFrameType(type: number): boolean {
  return type === FRAME_METHOD || type === FRAME_HEADER || type === FRAME_BODY || type === FRAME_HEARTBEAT
}
