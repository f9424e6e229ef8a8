/**
 * Reads the fields of the broker's own records. A record is a field table, and nearly every one of a kind has the same fields
 * in the same order, some of which may be missing: those are read where they lie, and no table is made of them. Every other
 * record, a damaged one too, is decoded as a whole.
 */
import { decodeRecord, type Field, type FieldTable } from '../../protocol/field-table.ts'
import { Reader } from '../../protocol/reader.ts'
import { RememberedTables } from './remembered-tables.ts'

/** A text, a flag, a number or a table: the tag that a field table has for it. */
type FieldTag = 'S' | 't' | 'l' | 'F'

/** The fields of a record in their order. */
export type RecordLayout = readonly (readonly [name: string, tag: FieldTag, isOptional?: 'optional'])[]

/** A field of the layout, and where its value lies in the record at hand. */
interface PlacedField {
  readonly name: string
  readonly tag: FieldTag
  readonly isOptional: boolean
  /** What is in front of the value: the length of the name, the name and the tag. */
  readonly head: Buffer
  isThere: boolean
  start: number
  end: number
  table: FieldTable
}

const LENGTH_BYTES = 4
const NUMBER_BYTES = 8
const NO_FIELDS: FieldTable = new Map()

export class RecordReader {
  readonly #fields: readonly PlacedField[]
  readonly #tables: RememberedTables
  #record: Buffer = Buffer.alloc(0)
  /** The record, when it had to be decoded. */
  #decoded: FieldTable | undefined

  constructor(layout: RecordLayout, tables = new RememberedTables()) {
    this.#fields = layout.map(([name, tag, optional]) => {
      const head = Buffer.from(`${String.fromCharCode(name.length)}${name}${tag}`)
      return { name, tag, isOptional: optional === 'optional', head, isThere: true, start: 0, end: 0, table: NO_FIELDS }
    })
    this.#tables = tables
  }

  /** The methods below tell of this record from now on. Throws FrameError for what is no field table. */
  read(value: Uint8Array): this {
    const record = value instanceof Buffer ? value : Buffer.from(value.buffer, value.byteOffset, value.length)
    this.#record = record
    this.#decoded = undefined
    const isAsLaidOut = this.#findValues(record)
    if (isAsLaidOut && this.#findTables(record)) return this
    const decoded = decodeRecord(new Reader(record))
    if (isAsLaidOut) this.#rememberTables(record, decoded)
    this.#decoded = decoded
    return this
  }

  /** Throws Error when it is missing. */
  text(name: string): string {
    const text = this.optionalText(name)
    if (text === undefined) throw new Error(`${name} is missing`)
    return text
  }

  /** Undefined when it is missing. */
  optionalText(name: string): string | undefined {
    const placed = this.#placed(name, 'S')
    if (placed !== undefined) return this.#record.toString('utf8', placed.start, placed.end)
    const field = this.#decoded?.get(name)
    return field?.type === 'S' ? String(field.value) : undefined
  }

  /** False when it is missing. */
  flag(name: string): boolean {
    const placed = this.#placed(name, 't')
    return placed === undefined ? this.#decoded?.get(name)?.value === true : this.#record[placed.start] !== 0
  }

  /** Throws Error when it is missing. */
  number(name: string): number {
    const placed = this.#placed(name, 'l')
    if (placed !== undefined) return safeNumberAt(this.#record, placed.start)
    const field = this.#decoded?.get(name)
    if (field?.type !== 'l') throw new Error(`${name} is missing`)
    return Number(field.value)
  }

  /** One that the layout has not. */
  field(name: string): Field | undefined {
    return this.#decoded?.get(name)
  }

  /** Those of an array, which no layout has; none when it is missing. */
  numbers(name: string): number[] {
    const field = this.field(name)
    return field?.type === 'A' ? field.value.map(({ value }) => Number(value)) : []
  }

  /** An empty one when it is missing. */
  table(name: string): FieldTable {
    const placed = this.#placed(name, 'F')
    if (placed !== undefined) return placed.table
    const field = this.#decoded?.get(name)
    return field?.type === 'F' ? field.value : NO_FIELDS
  }

  /** Where this field lies; undefined when the record was decoded, or has it not. */
  #placed(name: string, tag: FieldTag): PlacedField | undefined {
    if (this.#decoded !== undefined) return undefined
    for (const field of this.#fields) if (field.isThere && field.name === name && field.tag === tag) return field
    return undefined
  }

  /** False when the record has others than these fields in this order, or a number that is too large. */
  #findValues(record: Buffer): boolean {
    const { length } = record
    if (length < LENGTH_BYTES || record.readUInt32BE(0) !== length - LENGTH_BYTES) return false
    let at = LENGTH_BYTES
    for (const field of this.#fields) {
      field.isThere = hasAt(record, at, field.head)
      if (!field.isThere) {
        if (field.isOptional) continue
        return false
      }
      at = place(field, record, at + field.head.length)
      if (at > length) return false
    }
    return at === length
  }

  /** False when one of them is not remembered. */
  #findTables(record: Buffer): boolean {
    for (const field of this.#fields) {
      if (field.tag !== 'F' || !field.isThere) continue
      const table = this.#tables.of(record, field.start, field.end)
      if (table === undefined) return false
      field.table = table
    }
    return true
  }

  #rememberTables(record: Buffer, decoded: FieldTable): void {
    for (const { name, isThere, start, end } of this.#fields) {
      if (!isThere) continue
      const field = decoded.get(name)
      if (field?.type === 'F') this.#tables.remember(record.subarray(start, end), field.value)
    }
  }
}

/** Notes where the value lies that begins here, and returns where it ends: nowhere when it is no such value. */
function place(field: PlacedField, record: Buffer, at: number): number {
  switch (field.tag) {
    case 't':
      field.start = at
      field.end = at + 1
      return field.end
    case 'l':
      field.start = at
      field.end = isSafeNumberAt(record, at) ? at + NUMBER_BYTES : Number.POSITIVE_INFINITY
      return field.end
    case 'S':
    case 'F':
      if (at + LENGTH_BYTES > record.length) return Number.POSITIVE_INFINITY
      field.start = at + LENGTH_BYTES
      field.end = field.start + record.readUInt32BE(at)
      return field.end
    default:
      return field.tag satisfies never
  }
}

function hasAt(record: Buffer, start: number, expected: Buffer): boolean {
  for (let at = 0; at < expected.length; at++) if (record[start + at] !== expected[at]) return false
  return true
}

/** Whether there is a number that is not negative, and exact in JavaScript. */
function isSafeNumberAt(record: Buffer, at: number): boolean {
  return at + NUMBER_BYTES <= record.length && record.readUInt32BE(at) < 2 ** 21
}

function safeNumberAt(record: Buffer, at: number): number {
  return record.readUInt32BE(at) * 2 ** 32 + record.readUInt32BE(at + 4)
}
