/** A record of the catalogue in a backup: key bytes u32 · value bytes u32 · key · value. */
export function packedRecord(key: Buffer, value: Buffer): Buffer {
  const record = Buffer.allocUnsafe(8 + key.length + value.length)
  record.writeUInt32BE(key.length, 0)
  record.writeUInt32BE(value.length, 4)
  record.set(key, 8)
  record.set(value, 8 + key.length)
  return record
}
