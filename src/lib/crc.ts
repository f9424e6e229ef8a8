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
  const byte = (offset: number): number => bytes[offset] as number
  const entry = (index: number): number => table[index] as number
  let crc = ~of
  let at = start
  for (; at + 8 <= end; at += 8) {
    const low = crc ^ (byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24))
    crc =
      entry(0x700 | (low & 0xff)) ^
      entry(0x600 | ((low >>> 8) & 0xff)) ^
      entry(0x500 | ((low >>> 16) & 0xff)) ^
      entry(0x400 | (low >>> 24)) ^
      entry(0x300 | byte(at + 4)) ^
      entry(0x200 | byte(at + 5)) ^
      entry(0x100 | byte(at + 6)) ^
      entry(byte(at + 7))
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ entry((crc ^ byte(at)) & 0xff)
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
