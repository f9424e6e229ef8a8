import {
  BARE_HEADER_BYTES,
  BASIC_CLASS_ID,
  BASIC_UNWEIGHTED,
  CONTENT_HEADER_BYTES_MIN,
  FRAME_HEADER,
  PUBLISH_METHOD_ID,
  ReplyCode,
} from './constants.ts'
import { printBinary } from './erlang-terms.ts'
import { FrameError, unknownFrame } from './errors.ts'
import { decodeFieldTable, type FieldTable, writeFieldTable } from './field-table.ts'
import { skipFieldTable } from './field-table-skip.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

// The payload of a header frame: class id u16, weight u16 (always 0), body size u64, property flags u16, and behind them
// the properties whose flags are set, highest flag first. Fourteen properties leave the two lowest flags over; the last
// would announce another word of flags, which the basic class never has. RabbitMQ takes both from clients and ignores them.

export interface Properties {
  readonly contentType?: string
  readonly contentEncoding?: string
  readonly headers?: FieldTable
  /** 2 is persistent, anything else transient. */
  readonly deliveryMode?: number
  readonly priority?: number
  readonly correlationId?: string
  readonly replyTo?: string
  /** Milliseconds in decimal digits. */
  readonly expiration?: string
  readonly messageId?: string
  /** Seconds since 1970. */
  readonly timestamp?: bigint
  readonly type?: string
  readonly userId?: string
  readonly appId?: string
  readonly clusterId?: string
}

export interface ContentHeader {
  readonly bodySize: number
  readonly properties: Properties
}

/** In the order of the wire. */
export const PROPERTY_FLAGS = {
  contentType: { flag: 0x8000, type: 'shortstr' },
  contentEncoding: { flag: 0x4000, type: 'shortstr' },
  headers: { flag: 0x2000, type: 'table' },
  deliveryMode: { flag: 0x1000, type: 'octet' },
  priority: { flag: 0x0800, type: 'octet' },
  correlationId: { flag: 0x0400, type: 'shortstr' },
  replyTo: { flag: 0x0200, type: 'shortstr' },
  expiration: { flag: 0x0100, type: 'shortstr' },
  messageId: { flag: 0x0080, type: 'shortstr' },
  timestamp: { flag: 0x0040, type: 'timestamp' },
  type: { flag: 0x0020, type: 'shortstr' },
  userId: { flag: 0x0010, type: 'shortstr' },
  appId: { flag: 0x0008, type: 'shortstr' },
  clusterId: { flag: 0x0004, type: 'shortstr' },
} as const satisfies { readonly [P in keyof Properties]-?: { readonly flag: number; readonly type: PropertyType } }

type PropertyType = 'shortstr' | 'table' | 'octet' | 'timestamp'
type PropertyValue = NonNullable<Properties[keyof Properties]>

const PROPERTIES = Object.entries<{ flag: number; type: PropertyType }>(PROPERTY_FLAGS)
const KNOWN_FLAGS = PROPERTIES.reduce((flags, [, { flag }]) => flags | flag, 0)
/** The flags that no property has. */
export const UNUSED_FLAGS = 0xffff & ~KNOWN_FLAGS
const OCTETS = PROPERTY_FLAGS.deliveryMode.flag | PROPERTY_FLAGS.priority.flag

const FLAGS_OFFSET = CONTENT_HEADER_BYTES_MIN
const LIST_OFFSET = BARE_HEADER_BYTES

/** Throws a `FrameError` for what is no content header of a basic message: 501 too short, 505 with a weight or of another class. */
export function requireContentHeader(bytes: Uint8Array, start: number, end: number): void {
  if (end - start < CONTENT_HEADER_BYTES_MIN) throw unknownFrame(FRAME_HEADER, bytes, start, end)
  const reader = new Reader(bytes, start, end)
  const classAndWeight = reader.long()
  if (classAndWeight === BASIC_UNWEIGHTED) return
  const isWeighted = (classAndWeight & 0xffff) !== 0
  const received = isWeighted ? 'non content header frame' : `one for class ${classAndWeight >>> 16}`
  const text = `expected content header for class ${BASIC_CLASS_ID}, got ${received} instead`
  throw new FrameError(ReplyCode.UNEXPECTED_FRAME, text, BASIC_CLASS_ID, PUBLISH_METHOD_ID)
}

/** Reads the payload of a header frame. Throws a `FrameError`: 501 too short, 505 another class, 541 bad properties. */
export function decodeContentHeader(bytes: Uint8Array, start = 0, end = bytes.length): ContentHeader {
  requireContentHeader(bytes, start, end)
  if (!validateProperties(bytes, start, end)) {
    const quoted = printBinary(bytes.subarray(start + FLAGS_OFFSET, end))
    throw new FrameError(ReplyCode.INTERNAL_ERROR, `cannot decode properties ${quoted}`)
  }
  const reader = new Reader(bytes, start, end)
  reader.skip(4)
  return { bodySize: reader.clampedLonglong(), properties: readProperties(reader) }
}

function readProperties(reader: Reader): Properties {
  const flags = reader.short()
  const properties: Record<string, PropertyValue> = {}
  for (const [name, { flag, type }] of PROPERTIES) {
    if ((flags & flag) !== 0) properties[name] = readProperty(reader, type)
  }
  return properties as Properties // PROPERTY_FLAGS names exactly the keys of Properties, with their types
}

function readProperty(reader: Reader, kind: PropertyType): PropertyValue {
  switch (kind) {
    case 'shortstr':
      return reader.shortstr()
    case 'table':
      return decodeFieldTable(reader)
    case 'octet':
      return reader.octet()
    case 'timestamp':
      return reader.longlong()
    default:
      return kind satisfies never
  }
}

/** The payload of a header frame. Throws a `RangeError` for a value that does not fit its property. */
export function encodeContentHeader(bodySize: number, properties: Properties): Buffer {
  const writer = new Writer()
  writer.short(BASIC_CLASS_ID)
  writer.short(0)
  writer.safeLonglong(bodySize)
  let flags = 0
  for (const [name, { flag }] of PROPERTIES) {
    if (properties[name as keyof Properties] !== undefined) flags |= flag
  }
  writer.short(flags)
  for (const [name, { type }] of PROPERTIES) {
    const value = properties[name as keyof Properties]
    if (value !== undefined) writeProperty(writer, type, value)
  }
  return writer.take()
}

function writeProperty(writer: Writer, kind: PropertyType, value: PropertyValue): void {
  switch (kind) {
    case 'shortstr':
      writer.shortstr(value as string) // `kind` is the property's own, from PROPERTY_FLAGS
      break
    case 'table':
      writeFieldTable(writer, value as FieldTable)
      break
    case 'octet':
      writer.octet(value as number)
      break
    case 'timestamp':
      writer.longlong(value as bigint)
      break
    default: {
      kind satisfies never
    }
  }
}

/** The property flags of a header payload of at least 14 octets that starts at `headerStart`. */
export function readFlags(bytes: Uint8Array, headerStart: number): number {
  const at = headerStart + FLAGS_OFFSET
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
}

/**
 * Whether the properties are whole, well-formed and end exactly at `headerEnd`. Looks at nothing in front of the flags,
 * allocates nothing.
 */
export function validateProperties(bytes: Uint8Array, headerStart: number, headerEnd: number): boolean {
  let at = headerStart + LIST_OFFSET
  if (at > headerEnd) return false
  let rest = readFlags(bytes, headerStart) & KNOWN_FLAGS
  while (rest !== 0) {
    const flag = 0x8000_0000 >>> Math.clz32(rest)
    at = skipProperty(bytes, flag, at, headerEnd)
    if (at < 0) return false
    rest ^= flag
  }
  return at === headerEnd
}

/** Where the value of that property starts, or -1 when it is not there. The properties must be valid. */
export function findProperty(bytes: Uint8Array, headerStart: number, headerEnd: number, flag: number): number {
  let rest = readFlags(bytes, headerStart)
  if ((rest & flag) === 0) return -1
  let at = headerStart + LIST_OFFSET
  // The flags are looked at from the highest down, so the unused ones are never reached.
  while (at >= 0) {
    const next = 0x8000_0000 >>> Math.clz32(rest)
    if (next === flag) return at
    at = skipProperty(bytes, next, at, headerEnd)
    rest ^= next
  }
  return -1
}

/** Where the headers start, or would if there were any. The properties must be valid. */
export function headersPlace(bytes: Uint8Array, headerStart: number): number {
  const flags = readFlags(bytes, headerStart)
  let at = headerStart + LIST_OFFSET
  if ((flags & PROPERTY_FLAGS.contentType.flag) !== 0) at += 1 + (bytes[at] as number)
  if ((flags & PROPERTY_FLAGS.contentEncoding.flag) !== 0) at += 1 + (bytes[at] as number)
  return at
}

/** The offset behind the property with that flag, or -1. */
function skipProperty(bytes: Uint8Array, flag: number, at: number, end: number): number {
  if (flag === PROPERTY_FLAGS.headers.flag) return skipFieldTable(bytes, at, end)
  if (at >= end) return -1
  const next = at + propertyBytes(bytes, flag, at)
  return next > end ? -1 : next
}

function propertyBytes(bytes: Uint8Array, flag: number, at: number): number {
  if ((flag & OCTETS) !== 0) return 1
  if (flag === PROPERTY_FLAGS.timestamp.flag) return 8
  return 1 + (bytes[at] as number)
}
