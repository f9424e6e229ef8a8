import { FRAME_END, FRAME_METHOD, ReplyCode } from './constants.ts'
import { listBinary } from './erlang-terms.ts'
import { FrameError, unknownFrame } from './errors.ts'
import { decodeFieldTable, type FieldTable, writeFieldTable } from './field-table.ts'
import { type FieldKind, METHODS, type Method, type MethodInput, type MethodName, type MethodRow } from './methods.ts'
import { Reader } from './reader.ts'
import { isEscaped, SHORTSTR_BYTES_MAX } from './short-string.ts'
import { Writer } from './writer.ts'

// Every method, both ways, by walking its row in the table. Bits are gathered until another kind of field comes.

interface Codec {
  readonly name: MethodName
  readonly row: MethodRow
  readonly fields: readonly (readonly [field: string, kind: FieldKind])[]
}

const CODECS: ReadonlyMap<string, Codec> = new Map(
  Object.entries(METHODS).map(([name, row]) => [
    name,
    { name: name as MethodName, row, fields: Object.entries<FieldKind>(row.fields) },
  ]),
)
const CODECS_BY_ID: ReadonlyMap<number, Codec> = new Map(
  [...CODECS.values()].map((codec) => [methodKey(codec.row.classId, codec.row.methodId), codec]),
)

function methodKey(classId: number, methodId: number): number {
  return classId * 0x1_0000 + methodId
}

/**
 * The method in a payload that reaches from `start` to `end`. Throws a `FrameError`: 503 for an unknown method, 501 for
 * arguments that cannot be decoded, which includes octets behind the last one (RabbitMQ takes none either).
 */
export function decodeMethod(bytes: Uint8Array, start = 0, end = bytes.length): Method {
  const reader = new Reader(bytes, start, end)
  if (reader.remaining < 4) throw unknownFrame(FRAME_METHOD, bytes, start, end)
  const classId = reader.short()
  const methodId = reader.short()
  const codec = CODECS_BY_ID.get(methodKey(classId, methodId))
  if (codec === undefined) {
    throw new FrameError(ReplyCode.COMMAND_INVALID, `unknown method ${classId}.${methodId}`, classId, methodId)
  }
  let args: Method['args']
  try {
    args = readArguments(reader, codec)
  } catch (error) {
    if (error instanceof FrameError) throw undecodable(bytes, start + 4, end, classId, methodId)
    throw error
  }
  if (reader.remaining > 0) throw undecodable(bytes, start + 4, end, classId, methodId)
  // RabbitMQ leaves out this check where a content follows, so that a routing key may be any bytes.
  if (!codec.row.hasContent) requireUtf8(args)
  return { name: codec.name, args } as Method // the table that types are made from also made this object
}

/** A whole method frame, ready for the socket. Throws a `RangeError` for an argument that does not fit its field. */
export function encodeMethodFrame<N extends MethodName>(channel: number, name: N, args: MethodInput<N>): Buffer {
  const writer = new Writer()
  writeMethodFrame(writer, channel, name, args)
  return writer.take()
}

/** Writes a whole method frame, or throws a `RangeError` and leaves the writer as it was. */
export function writeMethodFrame<N extends MethodName>(
  writer: Writer,
  channel: number,
  name: N,
  args: MethodInput<N>,
): void {
  const codec = CODECS.get(name)
  if (codec === undefined) throw new RangeError(`no method is called ${name}`)
  const start = writer.length
  try {
    writer.octet(FRAME_METHOD)
    writer.short(channel)
    const size = writer.skipLong()
    writer.short(codec.row.classId)
    writer.short(codec.row.methodId)
    writeArguments(writer, codec, args)
    writer.patchLength(size)
    writer.octet(FRAME_END)
  } catch (error) {
    writer.truncate(start)
    throw error
  }
}

type ArgumentValue = boolean | number | string | Uint8Array | FieldTable

function readArguments(reader: Reader, codec: Codec): Method['args'] {
  const args: Record<string, ArgumentValue> = {}
  let bits = 0
  let mask = 0 // of the next bit; 0 when there is no octet of bits at hand
  for (const [field, kind] of codec.fields) {
    if (kind === 'bit' || kind === 'reservedBit') {
      if (mask === 0) {
        bits = reader.octet()
        mask = 1
      }
      if (kind === 'bit') args[field] = (bits & mask) !== 0
      mask = (mask << 1) & 0xff
      continue
    }
    mask = 0
    const value = readValue(reader, kind)
    if (value !== undefined) args[field] = value
  }
  return args
}

type WholeKind = Exclude<FieldKind, 'bit' | 'reservedBit'>

function readValue(reader: Reader, kind: WholeKind): ArgumentValue | undefined {
  switch (kind) {
    case 'octet':
      return reader.octet()
    case 'short':
      return reader.short()
    case 'long':
      return reader.long()
    case 'deliveryTag':
      return reader.clampedLonglong()
    case 'shortstr':
      return reader.shortstr()
    case 'longstr':
      return reader.longstr()
    case 'table':
      return decodeFieldTable(reader)
    case 'reservedShort':
      reader.skip(2)
      return undefined
    case 'reservedShortstr':
      reader.skip(reader.octet())
      return undefined
    case 'reservedLongstr':
      reader.skip(reader.long())
      return undefined
    default:
      return kind satisfies never
  }
}

function writeArguments(writer: Writer, codec: Codec, args: { readonly [field: string]: ArgumentValue }): void {
  let mask = 0
  for (const [field, kind] of codec.fields) {
    if (kind === 'bit' || kind === 'reservedBit') {
      if (mask === 0) {
        writer.octet(0)
        mask = 1
      }
      if (kind === 'bit' && args[field] === true) writer.addBits(mask)
      mask = (mask << 1) & 0xff
      continue
    }
    mask = 0
    writeValue(writer, field, kind, args[field])
  }
}

function writeValue(writer: Writer, field: string, kind: WholeKind, value: ArgumentValue | undefined): void {
  switch (kind) {
    case 'octet':
      writer.octet(value as number) // as MethodInput says; Buffer's own writes refuse anything else
      break
    case 'short':
      writer.short(value as number)
      break
    case 'long':
      writer.long(value as number)
      break
    case 'deliveryTag':
      writer.safeLonglong(value as number)
      break
    case 'shortstr':
      writer.shortstr(field === 'replyText' ? shortenedReplyText(value as string) : (value as string))
      break
    case 'longstr':
      writer.longstr(value as string | Uint8Array)
      break
    case 'table':
      writeFieldTable(writer, value as FieldTable)
      break
    case 'reservedShort':
      writer.short(0)
      break
    case 'reservedShortstr':
      writer.octet(0)
      break
    case 'reservedLongstr':
      writer.long(0)
      break
    default:
      kind satisfies never
  }
}

/** RabbitMQ ends a reply-text that is too long for its field with three dots; no character is cut in two. */
function shortenedReplyText(text: string): string {
  const bytes = Buffer.from(text)
  if (bytes.length <= SHORTSTR_BYTES_MAX) return text
  let end = SHORTSTR_BYTES_MAX - 3
  while ((bytes.readUInt8(end) & 0xc0) === 0x80) end--
  return `${bytes.toString('utf8', 0, end)}...`
}

function requireUtf8(args: Method['args']): void {
  for (const value of Object.values(args)) {
    if (typeof value === 'string' && isEscaped(value)) {
      throw new FrameError(ReplyCode.FRAME_ERROR, 'Malformed UTF-8 in shortstr')
    }
  }
}

function undecodable(bytes: Uint8Array, start: number, end: number, classId: number, methodId: number): FrameError {
  const text = `cannot decode ${listBinary(bytes.subarray(start, end))}`
  return new FrameError(ReplyCode.FRAME_ERROR, text, classId, methodId)
}
