/**
 * A publish that arrives in pieces: the method, then the header, then body frames. Memory is taken as the body arrives,
 * not as its header claims. The body of a message that is too large takes none: it is counted, and refused at its end,
 * so that a client may send it to the end whatever else it sends in between.
 */
import { BARE_HEADER_BYTES, BASIC_CLASS_ID, FRAME_OVERHEAD_BYTES, PUBLISH_METHOD_ID } from '../../protocol/constants.ts'
import { FrameError } from '../../protocol/errors.ts'
import { requireContentHeader } from '../../protocol/properties.ts'
import type { Message } from '../broker/messages/message.ts'
import { allocateBlock, type Block, copyBytes, EMPTY_BLOCK } from '../lib/block.ts'
import { BODY_TRAILER_BYTES, type BodyPool } from '../lib/body-pool.ts'
import type { ReadPlace } from './read-place.ts'

/** RabbitMQ's largest body, whatever is configured. */
const BODY_BYTES_MAX = 512 * 1024 * 1024
/** What the objects of a content take beside its bytes. */
const OBJECT_BYTES = 1024
/** Nearly all keys with their headers fit. */
const HEAD_BYTES = 256
/** What is taken when a body begins; it doubles as the body arrives. */
const FIRST_BODY_BYTES = 64 * 1024
/** The same for the only body in progress on its connection: most bodies never have to move then. */
const ONLY_BODY_BYTES = 1024 * 1024

export class ContentAssembly {
  bits = 0
  #keyBytes = 0
  /** Key and header, in a block that is used again for the next content, unless it is large. */
  #head: Block = EMPTY_BLOCK
  #headBytes = 0
  #body: Block = EMPTY_BLOCK
  #bodyBytes = 0
  /** What the header says, -1 before it came. */
  #bodySize = -1
  #isTooLarge = false
  readonly #bodies: BodyPool

  constructor(bodies: BodyPool) {
    this.#bodies = bodies
  }

  /** Begins a content. `[keyStart, keyEnd)` is exchange and routing key in the block, followed by the octet of bits. */
  begin(block: Block, keyStart: number, keyEnd: number): void {
    this.#keyBytes = this.#headBytes = keyEnd - keyStart
    if (this.#head.size < this.#keyBytes) this.#head = allocateBlock(Math.max(HEAD_BYTES, this.#keyBytes))
    copyBytes(this.#head, 0, block, keyStart, keyEnd)
    this.bits = block.bytes[keyEnd] as number
    this.#bodyBytes = 0
    this.#bodySize = -1
    this.#isTooLarge = false
  }

  /** Takes the header. A body of more than `bodyBytesMax` will be thrown away. */
  header(block: Block, start: number, end: number, bodyBytesMax: number): void {
    if (this.#bodySize >= 0) throw this.interrupted()
    requireContentHeader(block.bytes, start, end)
    if (end - start < BARE_HEADER_BYTES) throw new FrameError(541, '')
    const bodySize = block.view.getUint32(start + 4) * 0x1_0000_0000 + block.view.getUint32(start + 8)
    if (bodySize > BODY_BYTES_MAX) {
      const claimed = block.view.getBigUint64(start + 4)
      const text = `content body size ${claimed} exceeds maximum allowed size ${BODY_BYTES_MAX}`
      throw new FrameError(501, text, BASIC_CLASS_ID, PUBLISH_METHOD_ID)
    }
    this.#bodySize = bodySize
    this.#isTooLarge = bodySize > bodyBytesMax
    if (this.#isTooLarge) return
    this.#headBytes = this.#keyBytes + end - start
    if (this.#head.size < this.#headBytes) {
      const head = allocateBlock(this.#headBytes)
      copyBytes(head, 0, this.#head, 0, this.#keyBytes)
      this.#head = head
    }
    copyBytes(this.#head, this.#keyBytes, block, start, end)
  }

  /** Takes the next bytes of the body, which may lie in their place already. */
  body(block: Block, start: number, end: number, isOnly = false): void {
    if (this.#bodySize < 0) {
      throw this.interrupted()
    }
    const length = this.#bodyBytes + end - start
    if (length > this.#bodySize) {
      throw new FrameError(501, 'content body frame exceeds remaining content size', BASIC_CLASS_ID, PUBLISH_METHOD_ID)
    }
    if (!this.#isTooLarge && block !== this.#body.memory) {
      if (length > this.#body.size) this.#grow(length, isOnly)
      copyBytes(this.#body, this.#bodyBytes, block, start, end)
    }
    this.#bodyBytes = length
  }

  /** Tells where the rest of a body frame is to be read to, so many bytes, if there is room for them and for what follows. */
  place(frameBytes: number, place: ReadPlace): boolean {
    const body = this.#body
    const end = this.#bodyBytes + frameBytes
    if (body.memory === undefined || end > body.size) return false
    // Behind the last frame the next publish begins. Behind any other, the next frame's payload overwrites its header.
    place.set(body, this.#bodyBytes, end + (end === this.#bodySize ? BODY_TRAILER_BYTES : FRAME_OVERHEAD_BYTES))
    return true
  }

  /** Gives the body up, or the part of it that has come. */
  drop(): void {
    this.#body.release()
    this.#forget()
  }

  /** The size of a body that was thrown away, undefined when it was kept. */
  get refusedBytes(): number | undefined {
    return this.#isTooLarge ? this.#bodySize : undefined
  }

  /** The refusal of a frame that is not the one due: the header, then the body. */
  interrupted(): FrameError {
    const due =
      this.#bodySize < 0
        ? 'expected content header for class 60, got non content header frame instead'
        : 'expected content body, got non content body frame instead'
    return new FrameError(505, due, BASIC_CLASS_ID, PUBLISH_METHOD_ID)
  }

  get isComplete(): boolean {
    return this.#bodyBytes === this.#bodySize
  }

  /** Bytes of memory that the content takes so far. */
  get allocatedBytes(): number {
    return OBJECT_BYTES + this.#head.size + this.#body.size
  }

  /** Points the message to the whole content, which is the message's until the next one begins. */
  fill(message: Message): void {
    message.setInPlace(this.#head, 0, this.#keyBytes, this.#keyBytes, this.#headBytes)
    message.setOwnBody(this.#body)
    this.#forget()
  }

  /** Forgets the body, and a large head. */
  #forget(): void {
    this.#body = EMPTY_BLOCK
    if (this.#head.size > HEAD_BYTES) this.#head = EMPTY_BLOCK
  }

  #grow(length: number, isOnly: boolean): void {
    const doubled = Math.max(isOnly ? ONLY_BODY_BYTES : FIRST_BODY_BYTES, length, this.#body.size * 2)
    const larger = this.#bodies.take(Math.min(this.#bodySize, doubled))
    copyBytes(larger, 0, this.#body, 0, this.#bodyBytes)
    this.#body.release()
    this.#body = larger
  }
}
