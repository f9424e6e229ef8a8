/**
 * Looks at the checksums in LevelDB's own files. LevelDB does not: it skips a damaged piece of its log without a word.
 * A log, as the MANIFEST is one too, has blocks of 32 KiB of records:
 *
 *     record = masked CRC-32C u32 of all behind the length · length u16 · type u8 · bytes
 *
 * All numbers are little-endian (google/leveldb, doc/log_format.md). For the tables see table-check.ts.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32c } from '../../src/lib/crc32c.ts'
import { damagedTables } from './table-check.ts'

const BLOCK_BYTES = 32 * 1024
const RECORD_HEADER_BYTES = 7

/** What is damaged in the files of a database that nobody has open. */
export async function damageInLevelFiles(folder: string): Promise<string[]> {
  const problems: string[] = []
  for (const name of await damagedTables(folder)) problems.push(`its table ${name} is not what was written`)
  for (const name of (await readdir(folder)).sort()) {
    if (/^(?:\d+\.log|MANIFEST-\d+)$/.test(name)) {
      const at = damageInLog(await readFile(join(folder, name)))
      if (at !== undefined) problems.push(`its file ${name} is damaged at ${at}`)
    }
  }
  return problems
}

/** Where the first damaged record is. One that is cut off at the end of the file was never whole. */
function damageInLog(bytes: Buffer): number | undefined {
  for (let at = 0; at + RECORD_HEADER_BYTES <= bytes.length; ) {
    const leftInBlock = BLOCK_BYTES - (at % BLOCK_BYTES)
    if (leftInBlock < RECORD_HEADER_BYTES) {
      at += leftInBlock
      continue
    }
    const length = bytes.readUInt16LE(at + 4)
    const end = at + RECORD_HEADER_BYTES + length
    if (RECORD_HEADER_BYTES + length > leftInBlock) return at
    if (end > bytes.length) return undefined
    if (crc32c(bytes.subarray(at + 6, end)) !== unmasked(bytes.readUInt32LE(at))) return at
    at = end
  }
  return undefined
}

function unmasked(masked: number): number {
  const rotated = (masked - 0xa282_ead8) >>> 0
  return ((rotated >>> 17) | (rotated << 15)) >>> 0
}
