/**
 * Checks the tables of a LevelDB folder. LevelDB itself takes the bytes of a table as they are, and ends the process over
 * some that cannot be; so damaged tables are found before it sees them.
 *
 *     table  = block … · footer                 block = contents · type u8 · masked CRC-32C u32 of both
 *     footer = the handles of metaindex and index, padded to 40 bytes · magic u64
 *     index  = entry … · restart u32 … · number of restarts u32
 *     entry  = shared · unshared · value bytes (varints) · unshared bytes of the key · value: the handle of a block
 *     handle = offset · bytes of the contents (varints)
 *
 * All numbers are little-endian.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { tablesIn } from './table-manifest.ts'
import { Varints } from './varints.ts'

const FOOTER_BYTES = 48
const HANDLES_BYTES = 40
const TRAILER_BYTES = 5
const MAGIC = 0xdb4775248b80fb57n
const UNCOMPRESSED = 0
const MASK_DELTA = 0xa282ead8
const CASTAGNOLI = 0x82f63b78

/**
 * Names of the tables that are not what LevelDB wrote. Those it does not know of do not count: it was killed while it
 * wrote them, and removes them. What is missing altogether it finds by itself.
 */
export async function damagedTables(folder: string): Promise<string[]> {
  const known = await knownTables(folder)
  const damaged: string[] = []
  for (const name of await readdir(folder).catch(() => [])) {
    const number = /^(\d+)\.(?:ldb|sst)$/.exec(name)?.[1]
    if (number === undefined || !known.has(Number(number))) continue
    if (!isTableIntact(await readFile(join(folder, name)))) damaged.push(name)
  }
  return damaged
}

/** Numbers of the tables that the manifest names; none when it cannot be read, which LevelDB will tell of. */
async function knownTables(folder: string): Promise<ReadonlySet<number>> {
  try {
    const manifest = (await readFile(join(folder, 'CURRENT'), 'utf8')).trim()
    return tablesIn(await readFile(join(folder, manifest)))
  } catch {
    return new Set()
  }
}

export function isTableIntact(table: Buffer): boolean {
  try {
    const footer = table.subarray(table.length - FOOTER_BYTES)
    if (footer.length < FOOTER_BYTES || footer.readBigUInt64LE(HANDLES_BYTES) !== MAGIC) return false
    const handles = new Varints(footer)
    // The metaindex leads to the filter of the keys, the index to the blocks of records.
    return [readHandle(handles), readHandle(handles)].every(
      (handle) => isBlockIntact(table, handle) && blocksOf(table, handle).every((block) => isBlockIntact(table, block)),
    )
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

interface Handle {
  readonly offset: number
  readonly bytes: number
}

function readHandle(numbers: Varints): Handle {
  return { offset: numbers.number(), bytes: numbers.number() }
}

function blocksOf(table: Buffer, { offset, bytes }: Handle): Handle[] {
  // What another writer has compressed stays unlooked at.
  if (table[offset + bytes] !== UNCOMPRESSED) return []
  const index = table.subarray(offset, offset + bytes)
  const entriesEnd = index.length - 4 - index.readUInt32LE(index.length - 4) * 4
  const blocks: Handle[] = []
  const entries = new Varints(index)
  while (entries.at < entriesEnd) {
    entries.number()
    const unshared = entries.number()
    const valueBytes = entries.number()
    const valueStart = entries.at + unshared
    entries.at = valueStart
    blocks.push(readHandle(entries))
    entries.at = valueStart + valueBytes
  }
  return blocks
}

function isBlockIntact(table: Buffer, { offset, bytes }: Handle): boolean {
  const end = offset + bytes + 1
  if (end + TRAILER_BYTES - 1 > table.length) return false
  const crc = crc32c(table, offset, end)
  const masked = (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0
  return masked === table.readUInt32LE(end)
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ CASTAGNOLI : crc >>> 1
  return crc
})

function crc32c(bytes: Buffer, start: number, end: number): number {
  let crc = -1
  for (let at = start; at < end; at++) {
    crc = (CRC_TABLE[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8)
  }
  return ~crc >>> 0
}
