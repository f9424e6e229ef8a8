import { FRAME_BODY, FRAME_END, FRAME_HEADER, FRAME_OVERHEAD_BYTES } from '../../protocol/constants.ts'
import { writeMethodFrame } from '../../protocol/method-codec.ts'
import { encodeContentHeader } from '../../protocol/properties.ts'
import { Writer } from '../../protocol/writer.ts'
import { PerfError } from './perf-error.ts'

// What a publisher sends is encoded once: the frames of many messages, one behind the other, in one buffer. Publishing is
// then writing slices of that buffer from front to back, over and over. Each message keeps the place of its body, so that
// the time of sending can be put there.

const CHANNEL = 1
const IMAGE_BYTES_MAX = 256 * 1024 * 1024
/** The priority is the last property, in front of the end of the frame. */
const PRIORITY_FROM_END = 2
const FIRST_LETTER = 0x61
const LETTERS = 26

export interface MessageShape {
  readonly exchange: string
  /** Used in turn. */
  readonly keys: readonly string[]
  readonly bodyBytes: number
  readonly isPersistent: boolean
  /** Each message has a priority at random, from 0 to this one; undefined for none. */
  readonly priorityMax?: number | undefined
  readonly frameMaxBytes: number
  /** The image repeats its messages until it is at least so long. */
  readonly imageBytesMin: number
}

export class MessageImage {
  readonly bytes: Buffer
  readonly count: number
  readonly #view: DataView
  /** Where each message starts, and behind the last one where it ends. */
  readonly #starts: Uint32Array
  readonly #bodyOffsets: Uint32Array

  constructor(shape: MessageShape) {
    const body = bodyFrames(shape)
    const heads = shape.keys.map((key) => headFrames(shape, key))
    const cycleBytes = heads.reduce((sum, head) => sum + head.length + body.length, 0)
    if (cycleBytes > IMAGE_BYTES_MAX) {
      throw new PerfError(`${heads.length} routing keys with ${shape.bodyBytes} bytes each are too many`)
    }
    const cycles = Math.max(1, Math.ceil(shape.imageBytesMin / cycleBytes))
    this.count = heads.length * cycles
    this.bytes = Buffer.allocUnsafeSlow(cycleBytes * cycles)
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length)
    this.#starts = new Uint32Array(this.count + 1)
    this.#bodyOffsets = new Uint32Array(this.count)
    let at = 0
    for (let index = 0; index < this.count; index++) {
      const head = heads[index % heads.length] ?? body
      this.#starts[index] = at
      at += head.copy(this.bytes, at)
      if (shape.priorityMax !== undefined) {
        this.bytes[at - PRIORITY_FROM_END] = Math.floor(Math.random() * (shape.priorityMax + 1))
      }
      this.#bodyOffsets[index] = at + FRAME_OVERHEAD_BYTES - 1
      at += body.copy(this.bytes, at)
    }
    this.#starts[this.count] = at
  }

  /** Where message `index` starts; `count` gives the end of the last one. */
  startOf(index: number): number {
    return this.#starts[index] ?? this.bytes.length
  }

  /** The message behind the last one that still fits `bytesMax`, but at least one and at most `messagesMax` further. */
  endOfBatch(first: number, messagesMax: number, bytesMax: number): number {
    let low = first + 1
    let high = Math.min(this.count, first + messagesMax)
    const limit = this.startOf(first) + bytesMax
    if (this.startOf(high) <= limit) return high
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.startOf(middle) <= limit) low = middle
      else high = middle - 1
    }
    return low
  }

  /** Puts a time into the bodies of the messages from `first` up to `end`. Their bytes must not be on the way out. */
  stamp(first: number, end: number, us: number): void {
    for (let index = first; index < end; index++) this.#view.setFloat64(this.#bodyOffsets[index] ?? 0, us)
  }
}

/** basic.publish and the content header. */
function headFrames(shape: MessageShape, routingKey: string): Buffer {
  const writer = new Writer()
  writeMethodFrame(writer, CHANNEL, 'basic.publish', {
    exchange: shape.exchange,
    routingKey,
    mandatory: false,
    immediate: false,
  })
  const properties = {
    deliveryMode: shape.isPersistent ? 2 : 1,
    ...(shape.priorityMax === undefined ? {} : { priority: 0 }),
  }
  writeFrame(writer, FRAME_HEADER, encodeContentHeader(shape.bodyBytes, properties))
  return writer.take()
}

function bodyFrames(shape: MessageShape): Buffer {
  const body = Buffer.allocUnsafe(shape.bodyBytes)
  for (let i = 0; i < body.length; i++) body[i] = FIRST_LETTER + (i % LETTERS)
  const payloadMax = shape.frameMaxBytes - FRAME_OVERHEAD_BYTES
  const writer = new Writer(body.length + FRAME_OVERHEAD_BYTES)
  for (let at = 0; at < body.length; at += payloadMax)
    writeFrame(writer, FRAME_BODY, body.subarray(at, at + payloadMax))
  return writer.take()
}

function writeFrame(writer: Writer, type: number, payload: Uint8Array): void {
  writer.octet(type)
  writer.short(CHANNEL)
  writer.long(payload.length)
  writer.bytes(payload)
  writer.octet(FRAME_END)
}
