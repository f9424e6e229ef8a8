/** Of the bytes from `start` to `end`, behind those it is `of` so far. */
type Crc = (bytes: Uint8Array, start?: number, end?: number, of?: number) => number

/** CRC-32C (Castagnoli), which Node.js does not have. */
export const crc32c: Crc = crcWith(0x82f6_3b78)

/** What `crc32` of node:zlib gives. For some hundred bytes this is faster than calling it. */
export const shortCrc32: Crc = crcWith(0xedb8_8320)

function crcWith(polynomial: number): Crc {
  let table: Int32Array | undefined
  return (bytes, start = 0, end = bytes.length, of = 0) => {
    table ??= makeTable(polynomial)
    return crcBy(table, bytes, start, end, of)
  }
}

function crcBy(table: Int32Array, bytes: Uint8Array, start: number, end: number, of: number): number {
  // All indexes are inside: `end` is not behind the bytes, and the table has an entry for every byte.
  let crc = ~of
  let at = start
  for (; at + 8 <= end; at += 8) {
    crc ^= (bytes[at + 3] as number) << 24
    crc ^= ((bytes[at + 2] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at] as number)
    crc =
      (table[0x700 | (crc & 0xff)] as number) ^
      (table[0x600 | ((crc >>> 8) & 0xff)] as number) ^
      (table[0x500 | ((crc >>> 16) & 0xff)] as number) ^
      (table[0x400 | (crc >>> 24)] as number) ^
      (table[0x300 | (bytes[at + 4] as number)] as number) ^
      (table[0x200 | (bytes[at + 5] as number)] as number) ^
      (table[0x100 | (bytes[at + 6] as number)] as number) ^
      (table[bytes[at + 7] as number] as number)
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ (table[(crc ^ (bytes[at] as number)) & 0xff] as number)
  return ~crc >>> 0
}

/** At n * 256, the CRC of each byte when n zeros follow it: eight of them take eight bytes in one step. */
function makeTable(polynomial: number): Int32Array {
  const table = new Int32Array(8 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ polynomial
    table[byte] = crc
  }
  for (let at = 256; at < table.length; at++) {
    const before = table[at - 256] as number
    table[at] = (before >>> 8) ^ (table[before & 0xff] as number)
  }
  return table
}
