const POLYNOMIAL = 0x82f6_3b78

let table: Uint32Array | undefined

/** CRC-32C (Castagnoli), which Node.js does not have. */
export function crc32c(bytes: Uint8Array): number {
  table ??= makeTable()
  let crc = 0xffff_ffff
  for (let at = 0; at < bytes.length; at++) {
    crc = (crc >>> 8) ^ (table[(crc ^ (bytes[at] as number)) & 0xff] as number)
  }
  return ~crc >>> 0
}

function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ POLYNOMIAL
    return crc
  })
}
