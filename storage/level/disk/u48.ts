/**
 * Reads a u48. `readUIntBE` makes a floating-point number of it, which is an object of its own in every field that keeps one;
 * a small number from here is none.
 */
export function readU48(bytes: Buffer, at: number): number {
  const high = bytes.readUInt16BE(at)
  const low = bytes.readUInt32BE(at + 2)
  return high === 0 ? low : high * 0x1_0000_0000 + low
}
