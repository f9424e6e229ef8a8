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
  /** What the broker knows of its deaths. */
  readonly deathMarks?: number
  /** Of what it died, when it has died and waits to go where its dead letters go. The numbers are the broker's. */
  readonly deathReason?: number
  /** Routing keys that its publisher keeps from consumers, of 255 bytes at most. */
  readonly blindKeys?: readonly Uint8Array[]
}

interface NumberField {
  readonly name: Exclude<keyof RecordExtension, 'blindKeys'>
  readonly number: number
  /** Of the value, an unsigned integer. */
  readonly bytes: number
}

/** The first one is looked for in every message of some queues, so it is written first. */
const EXPIRES_AT = { name: 'expiresAtMs', number: 1, bytes: 6 } as const
const NUMBERS: readonly NumberField[] = [
  EXPIRES_AT,
  { name: 'priority', number: 2, bytes: 1 },
  { name: 'deathMarks', number: 3, bytes: 1 },
  { name: 'deathReason', number: 5, bytes: 1 },
]
/** May be there several times. */
const BLIND_KEY = 4
const BLIND_KEY_BYTES_MAX = 255
const FIELD_HEAD_BYTES = 2
/** Number and bytes as they lie there. */
const EXPIRES_AT_HEAD = (EXPIRES_AT.number << 8) | EXPIRES_AT.bytes
/** Its length has 16 bits; some room is left for what is added in front of it. */
const EXTENSION_BYTES_MAX = 2 ** 16 - 1 - 256
const TWO_TO_32 = 0x1_0000_0000

/** Throws RangeError for a number that a field has no room for. Keys that there is no room for are left out. */
export function encodeExtension(extension: RecordExtension): Buffer {
  const parts: Buffer[] = []
  let length = 0
  const add = (number: number, value: Uint8Array): void => {
    length += FIELD_HEAD_BYTES + value.length
    parts.push(Buffer.of(number, value.length), Buffer.from(value))
  }
  for (const { name, number, bytes } of NUMBERS) {
    const value = extension[name]
    if (value === undefined) continue
    const encoded = Buffer.alloc(bytes)
    encoded.writeUIntBE(value, 0, bytes)
    add(number, encoded)
  }
  for (const key of extension.blindKeys ?? []) {
    const isTooLong = key.length > BLIND_KEY_BYTES_MAX || length + FIELD_HEAD_BYTES + key.length > EXTENSION_BYTES_MAX
    if (!isTooLong) add(BLIND_KEY, key)
  }
  return Buffer.concat(parts)
}

export function decodeExtension(bytes: Buffer): RecordExtension {
  return decode(bytes, 0, bytes.length)
}

/** What the record has behind its body; undefined when that is nothing, as it nearly always is. */
export function readExtension(segment: Segment, index: number): RecordExtension | undefined {
  if (!isExtended(segment, index)) return undefined
  const { bytes, view } = segment.block
  const start = segment.bodyEnd(index)
  return decode(bytes, start + EXTENSION_LENGTH_BYTES, start + EXTENSION_LENGTH_BYTES + view.getUint16(start))
}

/** When the message expires; infinite for never. */
export function expiresAtOf(segment: Segment, index: number): number {
  if (!segment.mayHaveExtensions || !isExtended(segment, index)) return Number.POSITIVE_INFINITY
  const { view } = segment.block
  const start = segment.bodyEnd(index)
  const field = start + EXTENSION_LENGTH_BYTES
  const isFirst = view.getUint16(start) > 0 && view.getUint16(field) === EXPIRES_AT_HEAD
  if (!isFirst) return readExtension(segment, index)?.expiresAtMs ?? Number.POSITIVE_INFINITY
  const value = field + FIELD_HEAD_BYTES
  return view.getUint16(value) * TWO_TO_32 + view.getUint32(value + 2)
}

/** Whether the record has an extension that tells when the message expires, and nothing else. */
export function hasOnlyExpiry(segment: Segment, index: number): boolean {
  if (!segment.mayHaveExtensions || !isExtended(segment, index)) return false
  const { view } = segment.block
  const start = segment.bodyEnd(index)
  return view.getUint32(start) === (((FIELD_HEAD_BYTES + EXPIRES_AT.bytes) << 16) | EXPIRES_AT_HEAD)
}

const NO_BYTES: Uint8Array = new Uint8Array(0)

/** A time of expiry in front of what else there is to know of a message. Its memory is used again for the next one. */
export class ExpiryStamp {
  /** Made when there is a time to write: very many queues may never have one. */
  #bytes = NO_BYTES
  /** What is in it, when that is a time alone. */
  #onlyMs = -1

  write(expiresAtMs: number, rest: Uint8Array | undefined): Uint8Array {
    if (expiresAtMs === this.#onlyMs && rest === undefined) return this.#bytes
    this.#onlyMs = rest === undefined ? expiresAtMs : -1
    const length = FIELD_HEAD_BYTES + EXPIRES_AT.bytes + (rest?.length ?? 0)
    if (this.#bytes.length !== length) this.#bytes = new Uint8Array(length)
    const bytes = this.#bytes
    bytes[0] = EXPIRES_AT.number
    bytes[1] = EXPIRES_AT.bytes
    let left = expiresAtMs
    for (let at = FIELD_HEAD_BYTES + EXPIRES_AT.bytes - 1; at >= FIELD_HEAD_BYTES; at--) {
      bytes[at] = left % 256
      left = Math.floor(left / 256)
    }
    if (rest !== undefined) bytes.set(rest, FIELD_HEAD_BYTES + EXPIRES_AT.bytes)
    return bytes
  }
}

function isExtended(segment: Segment, index: number): boolean {
  return (segment.block.view.getUint16(segment.recordStart(index) + 2) & RECORD_EXTENDED) !== 0
}

function decode(bytes: Buffer, start: number, end: number): RecordExtension {
  const found: { -readonly [N in keyof RecordExtension]: RecordExtension[N] } = {}
  const keys: Uint8Array[] = []
  for (let at = start; at + FIELD_HEAD_BYTES <= end; ) {
    const valueBytes = bytes[at + 1] as number
    const value = at + FIELD_HEAD_BYTES
    const number = bytes[at]
    if (number === BLIND_KEY) keys.push(bytes.subarray(value, value + valueBytes))
    else {
      const field = NUMBERS.find((row) => row.number === number)
      if (field?.bytes === valueBytes) found[field.name] = bytes.readUIntBE(value, valueBytes)
    }
    at = value + valueBytes
  }
  if (keys.length > 0) found.blindKeys = keys
  return found
}
