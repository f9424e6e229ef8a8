// The value types of AMQP 0-9-1 methods and tables, written for the tests alone so that the code under test is never
// checked against itself. Plain JS values are encoded by a simple rule (see `inferTag`); `tagged('I', 5)` picks a type.

/** A table value with an explicit type tag. */
export interface Tagged {
  readonly tag: string
  readonly value: WireValue
}

export type WireValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly WireValue[]
  | Tagged
  | { readonly [key: string]: WireValue }

export interface WireTable {
  readonly [key: string]: WireValue
}

export function tagged(tag: string, value: WireValue): Tagged {
  return { tag, value }
}

function isTagged(value: WireValue): value is Tagged {
  return typeof value === 'object' && value !== null && 'tag' in value && 'value' in value
}

/** Collects the bytes of one payload. */
export class ByteWriter {
  #bytes: Buffer
  #length = 0

  /** It grows beyond this many bytes. */
  constructor(capacity = 64) {
    this.#bytes = Buffer.allocUnsafe(capacity)
  }

  octet(value: number): this {
    const at = this.#grow(1)
    this.#bytes[at] = value
    return this
  }

  short(value: number): this {
    const at = this.#grow(2)
    this.#bytes.writeUInt16BE(value, at)
    return this
  }

  long(value: number): this {
    const at = this.#grow(4)
    this.#bytes.writeUInt32BE(value, at)
    return this
  }

  longlong(value: number | bigint): this {
    const at = this.#grow(8)
    this.#bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)), at)
    return this
  }

  shortstr(value: string | Uint8Array): this {
    const length = Buffer.byteLength(value)
    return this.octet(length).#text(value, length)
  }

  longstr(value: string | Uint8Array): this {
    const length = Buffer.byteLength(value)
    return this.long(length).#text(value, length)
  }

  table(value: WireTable): this {
    return this.longstr(tableBody(value))
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length)
    this.#bytes.set(value, at)
    return this
  }

  /** What was collected; nothing can be added any more. */
  take(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #text(value: string | Uint8Array, length: number): this {
    if (typeof value !== 'string') return this.bytes(value)
    const at = this.#grow(length)
    this.#bytes.write(value, at)
    return this
  }

  /** Makes room for so many bytes; where they begin. */
  #grow(count: number): number {
    const start = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, this.#bytes.length * 2))
      larger.set(this.#bytes.subarray(0, start))
      this.#bytes = larger
    }
    return start
  }
}

/** The entries of a table without the leading length. */
export function tableBody(table: WireTable): Buffer {
  const writer = new ByteWriter()
  for (const [key, value] of Object.entries(table)) {
    writer.shortstr(key)
    writeField(writer, value)
  }
  return writer.take()
}

function inferTag(value: WireValue): Tagged {
  if (value === null) return tagged('V', null)
  if (isTagged(value)) return value
  if (typeof value === 'boolean') return tagged('t', value)
  if (typeof value === 'number') return tagged(Number.isInteger(value) ? 'I' : 'd', value)
  if (typeof value === 'bigint') return tagged('l', value)
  if (typeof value === 'string') return tagged('S', value)
  if (value instanceof Uint8Array) return tagged('x', value)
  return tagged(Array.isArray(value) ? 'A' : 'F', value)
}

function numeric(size: number, write: (part: Buffer, value: number) => void) {
  return (writer: ByteWriter, value: WireValue): void => {
    const part = Buffer.alloc(size)
    write(part, Number(value))
    writer.bytes(part)
  }
}

function writeLonglong(writer: ByteWriter, value: WireValue): void {
  writer.longlong(BigInt(value as number | bigint))
}

const FIELD_WRITERS: Readonly<Record<string, (writer: ByteWriter, value: WireValue) => void>> = {
  t: (writer, value) => writer.octet(value ? 1 : 0),
  b: numeric(1, (part, value) => part.writeInt8(value)),
  B: numeric(1, (part, value) => part.writeUInt8(value)),
  s: numeric(2, (part, value) => part.writeInt16BE(value)),
  u: numeric(2, (part, value) => part.writeUInt16BE(value)),
  I: numeric(4, (part, value) => part.writeInt32BE(value)),
  i: numeric(4, (part, value) => part.writeUInt32BE(value)),
  f: numeric(4, (part, value) => part.writeFloatBE(value)),
  d: numeric(8, (part, value) => part.writeDoubleBE(value)),
  l: writeLonglong,
  L: writeLonglong,
  T: writeLonglong,
  D: (writer, value) => {
    const { scale, unscaled } = value as { scale: number; unscaled: number }
    writer.octet(scale).long(unscaled)
  },
  S: (writer, value) => writer.longstr(value as string | Uint8Array),
  x: (writer, value) => writer.longstr(value as Uint8Array),
  F: (writer, value) => writer.table(value as WireTable),
  A: (writer, value) => {
    const items = new ByteWriter()
    for (const item of value as readonly WireValue[]) writeField(items, item)
    writer.longstr(items.take())
  },
  V: () => {},
}

function writeField(writer: ByteWriter, value: WireValue): void {
  const { tag, value: content } = inferTag(value)
  writer.bytes(Buffer.from(tag, 'latin1'))
  const write = FIELD_WRITERS[tag]
  // An unknown tag is written without a value: tests use that to send tables that cannot be decoded.
  if (write) write(writer, content)
}

/** Reads one payload from front to back; throws when it is too short. */
export class ByteReader {
  readonly #bytes: Buffer
  #offset = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.#offset >= this.#bytes.length
  }

  take(length: number): Buffer {
    if (this.#offset + length > this.#bytes.length) throw new Error('the broker sent a payload that is too short')
    this.#offset += length
    return this.#bytes.subarray(this.#offset - length, this.#offset)
  }

  octet(): number {
    return this.take(1).readUInt8()
  }

  short(): number {
    return this.take(2).readUInt16BE()
  }

  long(): number {
    return this.take(4).readUInt32BE()
  }

  longlong(): number | bigint {
    return plainInteger(this.take(8).readBigUInt64BE())
  }

  shortstr(): string {
    return this.take(this.octet()).toString()
  }

  longstr(): string {
    return this.take(this.long()).toString()
  }

  /** A table with the type tag of each value kept. */
  taggedTable(): { [key: string]: Tagged } {
    const entries = new ByteReader(this.take(this.long()))
    const table: { [key: string]: Tagged } = {}
    while (!entries.atEnd) {
      const key = entries.shortstr()
      table[key] = readField(entries)
    }
    return table
  }
}

function plainInteger(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

const FIELD_READERS: Readonly<Record<string, (reader: ByteReader) => WireValue>> = {
  t: (reader) => reader.octet() !== 0,
  b: (reader) => reader.take(1).readInt8(),
  B: (reader) => reader.octet(),
  s: (reader) => reader.take(2).readInt16BE(),
  u: (reader) => reader.short(),
  I: (reader) => reader.take(4).readInt32BE(),
  i: (reader) => reader.long(),
  f: (reader) => reader.take(4).readFloatBE(),
  d: (reader) => reader.take(8).readDoubleBE(),
  l: (reader) => plainInteger(reader.take(8).readBigInt64BE()),
  L: (reader) => plainInteger(reader.take(8).readBigInt64BE()),
  T: (reader) => reader.longlong(),
  D: (reader) => ({ scale: reader.octet(), unscaled: reader.long() }),
  S: (reader) => reader.longstr(),
  x: (reader) => reader.take(reader.long()),
  F: (reader) => reader.taggedTable(),
  A: (reader) => {
    const items = new ByteReader(reader.take(reader.long()))
    const list: WireValue[] = []
    while (!items.atEnd) list.push(readField(items))
    return list
  },
  V: () => null,
}

function readField(reader: ByteReader): Tagged {
  const tag = reader.take(1).toString('latin1')
  const read = FIELD_READERS[tag]
  if (!read) throw new Error(`the broker sent a table value with the unknown tag '${tag}'`)
  return tagged(tag, read(reader))
}

/** Drops the type tags of a table that was received: what most assertions want to see. */
export function plain(value: WireValue): WireValue {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(plain)
  if (isTagged(value)) return plain(value.value)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}
