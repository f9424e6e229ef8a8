/**
 * Copies a store that no broker uses. A backup has the files of the log as they are, the catalogue as a list of its
 * records, and a manifest with the size and the CRC-32 of each file:
 *
 *     log/0000000000000001.log …
 *     catalogue/000001.records …    record = key bytes u32 · value bytes u32 · key · value
 *     manifest.json
 */
import { join } from 'node:path'
import type { ClassicLevel } from 'classic-level'
import { SYSTEM_CLOCK } from '../../../src/lib/clock.ts'
import { levelDb } from '../catalogue/leveldb.ts'
import { MANIFEST, type ManifestFile, manifestText, recordsName } from '../copy/backup-manifest.ts'
import { CountedContent } from '../copy/counted-content.ts'
import { packedRecord } from '../copy/packed-records.ts'
import { openFolder } from '../disk/files.ts'
import { LOG_FOLDER } from '../disk/store-folders.ts'
import { logFileNumber } from '../log/log-format.ts'
import { createBackupTarget } from './backup-files.ts'
import { type CheckOptions, type StoreReport, withCheckedStore } from './offline-store.ts'

const RECORDS_FILE_BYTES = 8 * 1024 * 1024
const READ_BYTES = 1024 * 1024

export interface BackupResult {
  /** What the check of the store found; the backup has it as it is. */
  readonly report: StoreReport
  readonly files: number
  readonly bytes: number
}

/** Throws DataFolderError when there is no store, a process uses it, or the backup is there already. */
export async function backupStore(folder: string, to: string, options: CheckOptions): Promise<BackupResult> {
  return await withCheckedStore(folder, options, async (report, catalogueCopy) => {
    const target = await createBackupTarget(to)
    try {
      const files: ManifestFile[] = []
      const add = async (name: string, bytes: number, content: AsyncIterable<Buffer>): Promise<void> => {
        options.onProgress?.(`copying ${name}, ${bytes} bytes`)
        const counted = new CountedContent(content)
        await target.add(name, bytes, counted)
        files.push(counted.as(name))
      }
      for await (const [name, bytes, content] of logContents(join(folder, LOG_FOLDER))) await add(name, bytes, content)
      let number = 0
      for await (const records of recordsOf(catalogueCopy)) {
        await add(recordsName(++number), records.length, one(records))
      }
      const text = manifestText(files, SYSTEM_CLOCK.wallMs())
      await target.add(MANIFEST, text.length, [text])
      await target.finish()
      return { report, files: files.length, bytes: files.reduce((sum, { bytes }) => sum + bytes, 0) }
    } catch (error) {
      await target.discard()
      throw error
    }
  })
}

async function* logContents(folder: string): AsyncIterable<[name: string, bytes: number, AsyncIterable<Buffer>]> {
  const files = await openFolder(folder)
  for (const name of (await files.names()).sort()) {
    if (logFileNumber(name) === undefined) continue
    const file = await files.open(name)
    try {
      const bytes = await file.size()
      yield [
        `log/${name}`,
        bytes,
        (async function* () {
          for (let at = 0; at < bytes; at += READ_BYTES) {
            const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, bytes - at))
            await file.read(buffer, at)
            yield buffer
          }
        })(),
      ]
    } finally {
      await file.close()
    }
  }
}

/** All records of a catalogue, many at a time. */
async function* recordsOf(folder: string): AsyncIterable<Buffer> {
  const LevelDb = await levelDb()
  const database: ClassicLevel<Buffer, Buffer> = new LevelDb(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
  })
  try {
    let pieces: Buffer[] = []
    let bytes = 0
    for await (const [key, value] of database.iterator()) {
      const record = packedRecord(key, value)
      pieces.push(record)
      bytes += record.length
      if (bytes < RECORDS_FILE_BYTES) continue
      yield Buffer.concat(pieces)
      pieces = []
      bytes = 0
    }
    if (bytes > 0) yield Buffer.concat(pieces)
  } finally {
    await database.close()
  }
}

async function* one(bytes: Buffer): AsyncIterable<Buffer> {
  yield bytes
}
