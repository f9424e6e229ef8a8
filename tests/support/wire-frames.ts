// Frames, content headers and the incremental frame reader of the test client.

import { encodeMethod, type MethodArguments, type MethodName } from './wire-methods.ts'
import { ByteReader, ByteWriter, type Tagged, type WireTable } from './wire-values.ts'

export const METHOD = 1
export const HEADER = 2
export const BODY = 3
export const HEARTBEAT = 8

export interface Frame {
  readonly type: number
  readonly channel: number
  readonly payload: Buffer
}

/** Message properties as tests write them. */
export interface WireProperties {
  readonly contentType?: string
  readonly contentEncoding?: string
  readonly headers?: WireTable
  readonly deliveryMode?: number
  readonly priority?: number
  readonly correlationId?: string
  readonly replyTo?: string
  readonly expiration?: string
  readonly messageId?: string
  readonly timestamp?: number
  readonly type?: string
  readonly userId?: string
  readonly appId?: string
  readonly clusterId?: string
}

/** Message properties as they were received: header values keep their type tags. */
export type ReceivedProperties = Omit<WireProperties, 'headers'> & {
  readonly headers?: { readonly [key: string]: Tagged }
}

const PROPERTIES = [
  ['contentType', 'shortstr'],
  ['contentEncoding', 'shortstr'],
  ['headers', 'table'],
  ['deliveryMode', 'octet'],
  ['priority', 'octet'],
  ['correlationId', 'shortstr'],
  ['replyTo', 'shortstr'],
  ['expiration', 'shortstr'],
  ['messageId', 'shortstr'],
  ['timestamp', 'longlong'],
  ['type', 'shortstr'],
  ['userId', 'shortstr'],
  ['appId', 'shortstr'],
  ['clusterId', 'shortstr'],
] as const

export function frame(type: number, channel: number, payload: Uint8Array = Buffer.alloc(0), end = 0xce): Buffer {
  return new ByteWriter(payload.length + 8)
    .octet(type)
    .short(channel)
    .long(payload.length)
    .bytes(payload)
    .octet(end)
    .take()
}

export function methodFrame(channel: number, name: MethodName, args: MethodArguments = {}): Buffer {
  return frame(METHOD, channel, encodeMethod(name, args))
}

export function contentHeader(bodySize: number | bigint, properties: WireProperties = {}, classId = 60): Buffer {
  const values = new ByteWriter()
  let flags = 0
  for (const [index, [name, type]] of PROPERTIES.entries()) {
    const value = properties[name]
    if (value === undefined) continue
    flags |= 0x8000 >> index
    if (type === 'shortstr') values.shortstr(value as string)
    else if (type === 'octet') values.octet(value as number)
    else if (type === 'longlong') values.longlong(value as number)
    else values.table(value as WireTable)
  }
  return new ByteWriter().short(classId).short(0).longlong(bodySize).short(flags).bytes(values.take()).take()
}

export function headerFrame(channel: number, bodySize: number | bigint, properties: WireProperties = {}): Buffer {
  return frame(HEADER, channel, contentHeader(bodySize, properties))
}

/** The body in frames whose payloads have at most `payloadMax` bytes; none for an empty body. */
export function bodyFrames(channel: number, body: Uint8Array, payloadMax: number): Buffer[] {
  const frames: Buffer[] = []
  for (let start = 0; start < body.length; start += payloadMax) {
    frames.push(frame(BODY, channel, body.subarray(start, start + payloadMax)))
  }
  return frames
}

export function decodeContentHeader(payload: Buffer): {
  bodySize: number
  flags: number
  properties: ReceivedProperties
} {
  const reader = new ByteReader(payload)
  if (reader.short() !== 60 || reader.short() !== 0) throw new Error('the broker sent a content header not of basic')
  const bodySize = Number(reader.longlong())
  const flags = reader.short()
  const properties: Record<string, unknown> = {}
  for (const [index, [name, type]] of PROPERTIES.entries()) {
    if ((flags & (0x8000 >> index)) === 0) continue
    if (type === 'shortstr') properties[name] = reader.shortstr()
    else if (type === 'octet') properties[name] = reader.octet()
    else if (type === 'longlong') properties[name] = reader.longlong()
    else properties[name] = reader.taggedTable()
  }
  if (!reader.atEnd) throw new Error('the broker sent a content header with bytes left over')
  return { bodySize, flags, properties: properties as ReceivedProperties }
}

/** Cuts a byte stream into frames and complains about anything that is not one. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0)

  get pending(): Buffer {
    return this.#pending
  }

  push(chunk: Buffer): Frame[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    const frames: Frame[] = []
    // An answer to a wrong protocol header is no frame: it stays in `pending`.
    if (this.#pending.subarray(0, 4).toString('latin1') === 'AMQP') return frames
    let start = 0
    while (this.#pending.length - start >= 8) {
      const size = this.#pending.readUInt32BE(start + 3)
      if (this.#pending.length - start < size + 8) break
      if (this.#pending[start + 7 + size] !== 0xce) throw new Error('the broker sent a frame without its end octet')
      frames.push({
        type: this.#pending.readUInt8(start),
        channel: this.#pending.readUInt16BE(start + 1),
        payload: this.#pending.subarray(start + 7, start + 7 + size),
      })
      start += size + 8
    }
    this.#pending = this.#pending.subarray(start)
    return frames
  }
}
