/** Of the bytes from `start` to `end`, behind those it is `of` so far. */
type Crc = (bytes: Uint8Array, start?: number, end?: number, of?: number) => number

/** The n-th table has the CRC of a byte that n zeros follow: eight of them take eight bytes in one step. */
type Tables = readonly [Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array, Int32Array]

/** CRC-32C (Castagnoli), which Node.js does not have. */
export const crc32c: Crc = crcWith(0x82f6_3b78)

/** What `crc32` of node:zlib gives. For some hundred bytes this is faster than calling it. */
export const shortCrc32: Crc = crcWith(0xedb8_8320)

function crcWith(polynomial: number): Crc {
  let tables: Tables | undefined
  return (bytes, start = 0, end = bytes.length, of = 0) => {
    tables ??= makeTables(polynomial)
    return crcBy(tables, bytes, start, end, of)
  }
}

function crcBy(
  [t0, t1, t2, t3, t4, t5, t6, t7]: Tables,
  bytes: Uint8Array,
  start: number,
  end: number,
  of: number,
): number {
  // All indexes are inside: `end` is not behind the bytes, and a table has an entry for every byte.
  const at8 = (offset: number): number => bytes[offset] as number
  let crc = ~of
  let at = start
  for (; at + 8 <= end; at += 8) {
    const low = crc ^ (at8(at) | (at8(at + 1) << 8) | (at8(at + 2) << 16) | (at8(at + 3) << 24))
    crc =
      (t7[low & 0xff] as number) ^
      (t6[(low >>> 8) & 0xff] as number) ^
      (t5[(low >>> 16) & 0xff] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[at8(at + 4)] as number) ^
      (t2[at8(at + 5)] as number) ^
      (t1[at8(at + 6)] as number) ^
      (t0[at8(at + 7)] as number)
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (t0[(crc ^ at8(at)) & 0xff] as number)
  return ~crc >>> 0
}

function makeTables(polynomial: number): Tables {
  const first = Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ polynomial
    return crc
  })
  const behind = (table: Int32Array): Int32Array => table.map((crc) => (crc >>> 8) ^ (first[crc & 0xff] as number))
  const second = behind(first)
  const third = behind(second)
  const fourth = behind(third)
  const fifth = behind(fourth)
  const sixth = behind(fifth)
  const seventh = behind(sixth)
  return [first, second, third, fourth, fifth, sixth, seventh, behind(seventh)]
}
