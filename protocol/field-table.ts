import { ReplyCode } from './constants.ts'
import { FrameError } from './errors.ts'
import { FIELD_DEPTH_MAX, FIELDS_MAX } from './field-table-limits.ts'
import type { Reader } from './reader.ts'
import { Writer } from './writer.ts'

// Field tables in RabbitMQ's dialect of type tags, which every client speaks: `s` is an i16 (the 0-9-1 document has a
// short string there), `l` and `L` are both i64. A table is a u32 byte length and then entries: short string, tag, value.
// Decoding is lossless: each value keeps its tag and encodes to the octets it came from. Three things become canonical:
// a true boolean is 1, a NaN is the usual one, and of entries with the same key only the first is left.

/** A value and the type tag it has on the wire. */
export type Field =
  | { readonly type: 't'; readonly value: boolean }
  | { readonly type: 'b' | 'B' | 's' | 'u' | 'I' | 'i' | 'f' | 'd'; readonly value: number }
  | { readonly type: 'l' | 'L' | 'T'; readonly value: bigint }
  | { readonly type: 'D'; readonly value: Decimal }
  | { readonly type: 'S'; readonly value: string | Uint8Array }
  | { readonly type: 'x'; readonly value: Uint8Array }
  | { readonly type: 'F'; readonly value: FieldTable }
  | { readonly type: 'A'; readonly value: readonly Field[] }
  | { readonly type: 'V'; readonly value: null }

/** unscaled / 10^scale, both unsigned. */
export interface Decimal {
  readonly scale: number
  readonly unscaled: number
}

/** In the order of the wire. Of entries with the same key the first counts, as in RabbitMQ's look-ups. */
export type FieldTable = ReadonlyMap<string, Field>

/** The tables in a record are at depth 1. */
const RECORD_DEPTH = 0
/** Fields that a record may have beside those of the tables in it. */
const RECORD_FIELDS_MAX = 1024
const EMPTY_TABLE: FieldTable = new Map()
const VOID: Field = { type: 'V', value: null }

interface Budget {
  fields: number
}

/** Reads a table with its length. Throws a `FrameError` (501) when it is malformed, too deep or has too many fields. */
export function decodeFieldTable(reader: Reader): FieldTable {
  return readTable(reader, 1, { fields: FIELDS_MAX })
}

/** The same for a record that has such tables in it, and fields of its own: it may be a level deeper, and have some fields more. */
export function decodeRecord(reader: Reader): FieldTable {
  return readTable(reader, RECORD_DEPTH, { fields: FIELDS_MAX + RECORD_FIELDS_MAX })
}

function readTable(reader: Reader, depth: number, budget: Budget): FieldTable {
  const outerEnd = enterContainer(reader, depth)
  if (reader.remaining === 0) {
    reader.leave(outerEnd)
    return EMPTY_TABLE
  }
  const table = new Map<string, Field>()
  while (reader.remaining > 0) {
    const key = reader.name()
    const field = readField(reader, depth, budget)
    if (!table.has(key)) table.set(key, field)
  }
  reader.leave(outerEnd)
  return table
}

function readArray(reader: Reader, depth: number, budget: Budget): readonly Field[] {
  const outerEnd = enterContainer(reader, depth)
  const fields: Field[] = []
  while (reader.remaining > 0) fields.push(readField(reader, depth, budget))
  reader.leave(outerEnd)
  return fields
}

function enterContainer(reader: Reader, depth: number): number {
  if (depth > FIELD_DEPTH_MAX) throw malformed(`a field table nests deeper than ${FIELD_DEPTH_MAX}`)
  return reader.enter(reader.long())
}

function readField(reader: Reader, depth: number, budget: Budget): Field {
  if (--budget.fields < 0) throw malformed(`a field table has more than ${FIELDS_MAX} fields`)
  const type = String.fromCharCode(reader.octet())
  switch (type) {
    case 't':
      return { type, value: reader.octet() !== 0 }
    case 'b':
      return { type, value: reader.signedOctet() }
    case 'B':
      return { type, value: reader.octet() }
    case 's':
      return { type, value: reader.signedShort() }
    case 'u':
      return { type, value: reader.short() }
    case 'I':
      return { type, value: reader.signedLong() }
    case 'i':
      return { type, value: reader.long() }
    case 'l':
    case 'L':
      return { type, value: reader.signedLonglong() }
    case 'T':
      return { type, value: reader.longlong() }
    case 'f':
      return { type, value: reader.float() }
    case 'd':
      return { type, value: reader.double() }
    case 'D':
      return { type, value: { scale: reader.octet(), unscaled: reader.long() } }
    case 'S':
      return { type, value: reader.longstrText() }
    case 'x':
      return { type, value: reader.longstr() }
    case 'F':
      return { type, value: readTable(reader, depth + 1, budget) }
    case 'A':
      return { type, value: readArray(reader, depth + 1, budget) }
    case 'V':
      return VOID
    default:
      throw malformed(`unknown field type ${type.charCodeAt(0)}`)
  }
}

function malformed(text: string): FrameError {
  return new FrameError(ReplyCode.FRAME_ERROR, text)
}

/** The table as octets, its length in front. Throws a `RangeError` for a value that does not fit its type. */
export function encodeFieldTable(table: FieldTable): Buffer {
  const writer = new Writer()
  writeFieldTable(writer, table)
  return writer.take()
}

/** The same for a record that has such tables in it: see `decodeRecord`. */
export function encodeRecord(record: FieldTable): Buffer {
  const writer = new Writer()
  writeTable(writer, record, RECORD_DEPTH)
  return writer.take()
}

/** Writes the table with its length. */
export function writeFieldTable(writer: Writer, table: FieldTable): void {
  writeTable(writer, table, 1)
}

function writeTable(writer: Writer, table: FieldTable, depth: number): void {
  requireDepth(depth)
  const size = writer.skipLong()
  for (const [key, field] of table) {
    writer.shortstr(key)
    writeField(writer, field, depth)
  }
  writer.patchLength(size)
}

function writeArray(writer: Writer, fields: readonly Field[], depth: number): void {
  requireDepth(depth)
  const size = writer.skipLong()
  for (const field of fields) writeField(writer, field, depth)
  writer.patchLength(size)
}

function requireDepth(depth: number): void {
  if (depth > FIELD_DEPTH_MAX) throw new RangeError(`a field table may not nest deeper than ${FIELD_DEPTH_MAX}`)
}

function writeField(writer: Writer, field: Field, depth: number): void {
  writer.octet(field.type.charCodeAt(0))
  switch (field.type) {
    case 't':
      writer.octet(field.value ? 1 : 0)
      break
    case 'b':
      writer.signedOctet(field.value)
      break
    case 'B':
      writer.octet(field.value)
      break
    case 's':
      writer.signedShort(field.value)
      break
    case 'u':
      writer.short(field.value)
      break
    case 'I':
      writer.signedLong(field.value)
      break
    case 'i':
      writer.long(field.value)
      break
    case 'l':
    case 'L':
      writer.signedLonglong(field.value)
      break
    case 'T':
      writer.longlong(field.value)
      break
    case 'f':
      writer.float(field.value)
      break
    case 'd':
      writer.double(field.value)
      break
    case 'D':
      writer.octet(field.value.scale)
      writer.long(field.value.unscaled)
      break
    case 'S':
    case 'x':
      writer.longstr(field.value)
      break
    case 'F':
      writeTable(writer, field.value, depth + 1)
      break
    case 'A':
      writeArray(writer, field.value, depth + 1)
      break
    case 'V':
      break
    default:
      field satisfies never
  }
}
