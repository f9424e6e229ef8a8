import { FIELD_DEPTH_MAX, FIELDS_MAX } from './field-table-limits.ts'

// A table walked in place: nothing is allocated and nothing called back. Whether a table is malformed is decided as in
// field-table.ts, which a property test holds the two to.

const UNKNOWN = -1
const STRING = -2
const TABLE = -3
const ARRAY = -4

/** By tag: how many octets its value has, or one of the kinds above. */
const SIZES = new Int8Array(256).fill(UNKNOWN)
for (const tag of 'tbB') SIZES[tag.charCodeAt(0)] = 1
for (const tag of 'su') SIZES[tag.charCodeAt(0)] = 2
for (const tag of 'Iif') SIZES[tag.charCodeAt(0)] = 4
for (const tag of 'lLTd') SIZES[tag.charCodeAt(0)] = 8
for (const tag of 'Sx') SIZES[tag.charCodeAt(0)] = STRING
SIZES['D'.charCodeAt(0)] = 5
SIZES['V'.charCodeAt(0)] = 0
SIZES['F'.charCodeAt(0)] = TABLE
SIZES['A'.charCodeAt(0)] = ARRAY

// The containers around the one being walked. Shared by all calls: a walk never waits and never calls anyone.
const ENDS = new Float64Array(FIELD_DEPTH_MAX)
const ARE_TABLES = new Uint8Array(FIELD_DEPTH_MAX)

/**
 * The offset behind the field table (u32 length, then entries) at `start`, or -1 when it is malformed, too deep, has too
 * many fields or does not end by `end`.
 */
export function skipFieldTable(bytes: Uint8Array, start: number, end: number): number {
  if (start + 4 > end) return -1
  let at = start + 4
  let limit = at + readLong(bytes, start)
  if (limit > end) return -1
  let depth = 1
  let isTable = true
  let budget = FIELDS_MAX
  for (;;) {
    while (at === limit) {
      if (--depth === 0) return at
      limit = ENDS[depth] as number // written when this container was entered
      isTable = ARE_TABLES[depth] === 1
    }
    if (isTable) {
      at += 1 + (bytes[at] as number) // below limit, so inside the bytes; the same further down
      if (at >= limit) return -1
    }
    const size = SIZES[bytes[at++] as number] as number
    if (--budget < 0 || size === UNKNOWN) return -1
    if (size >= 0) at += size
    else {
      if (at + 4 > limit) return -1
      const length = readLong(bytes, at)
      at += 4
      if (size === STRING) at += length
      else {
        if (depth === FIELD_DEPTH_MAX || at + length > limit) return -1
        ENDS[depth] = limit
        ARE_TABLES[depth] = isTable ? 1 : 0
        depth++
        limit = at + length
        isTable = size === TABLE
      }
    }
    if (at > limit) return -1
  }
}

/** The offset behind the field (tag, then value) at `at`, which must be well-formed. */
export function skipField(bytes: Uint8Array, at: number): number {
  const size = SIZES[bytes[at] as number] as number
  return size >= 0 ? at + 1 + size : at + 5 + readLong(bytes, at + 1)
}

function readLong(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  const low = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
  return high * 0x1_0000 + low
}
