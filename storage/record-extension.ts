/**
 * What the broker has to know of a message beside what its publisher sent, as it lies behind the record:
 *
 *     (field u8 · bytes u8 · value) …
 *
 * A reader skips the fields that it does not know. A new field is a row of the table; its number is never given to another.
 */
import { EXTENSION_LENGTH_BYTES, RECORD_EXTENDED } from './record.ts'
import type { Segment } from './segment.ts'

export interface RecordExtension {
  /** When the message expires, in milliseconds since 1970. */
  readonly expiresAtMs?: number
  readonly priority?: number
}

interface ExtensionField {
  readonly name: keyof RecordExtension
  readonly number: number
  /** Of the value, an unsigned integer. */
  readonly bytes: number
}

const FIELDS: readonly ExtensionField[] = [
  { name: 'expiresAtMs', number: 1, bytes: 6 },
  { name: 'priority', number: 2, bytes: 1 },
]
const FIELD_HEAD_BYTES = 2

/** Throws RangeError for what a field has no room for. */
export function encodeExtension(extension: RecordExtension): Buffer {
  const parts: Buffer[] = []
  for (const { name, number, bytes } of FIELDS) {
    const value = extension[name]
    if (value === undefined) continue
    const part = Buffer.alloc(FIELD_HEAD_BYTES + bytes)
    part.writeUInt8(number, 0)
    part.writeUInt8(bytes, 1)
    part.writeUIntBE(value, FIELD_HEAD_BYTES, bytes)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

/** What the record has behind its body; undefined when that is nothing, as it nearly always is. */
export function readExtension(segment: Segment, index: number): RecordExtension | undefined {
  const { bytes, view } = segment.block
  if ((view.getUint16((segment.offsets[index] as number) + 2) & RECORD_EXTENDED) === 0) return undefined
  const found: { -readonly [N in keyof RecordExtension]: RecordExtension[N] } = {}
  const start = segment.bodyEnd(index)
  const end = start + EXTENSION_LENGTH_BYTES + view.getUint16(start)
  for (let at = start + EXTENSION_LENGTH_BYTES; at + FIELD_HEAD_BYTES <= end; ) {
    const valueBytes = view.getUint8(at + 1)
    const field = FIELDS.find(({ number }) => number === view.getUint8(at))
    if (field?.bytes === valueBytes) found[field.name] = bytes.readUIntBE(at + FIELD_HEAD_BYTES, valueBytes)
    at += FIELD_HEAD_BYTES + valueBytes
  }
  return found
}
