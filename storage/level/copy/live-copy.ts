/**
 * Copies a store while a broker uses it: the state that a crash at one moment would have left behind. The catalogue is copied as it is
 * when the copy begins; the log as it is after the next commit, up to its end, and it has all that the catalogue lacks. Log files that
 * the journal needs no more stay until they are copied, so that the disk holds at most the log of that moment more. What is copied next
 * is made when the reader has taken what came before.
 */
import { SYSTEM_CLOCK } from '../../../src/lib/clock.ts'
import { tarEnd, tarHeader, tarPadding } from '../../../src/lib/tar.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import { LOG_FOLDER } from '../disk/store-folders.ts'
import type { LevelJournal } from '../log/level-journal.ts'
import type { LogFile, LogFiles } from '../log/log-files.ts'
import { createEnd, LOG_FRAME_HEADER_BYTES, logFileName } from '../log/log-format.ts'
import { MANIFEST, type ManifestFile, manifestText, recordsName } from './backup-manifest.ts'
import { CountedContent } from './counted-content.ts'
import { packedRecord } from './packed-records.ts'

/** So much is read, and counted, in one turn of the event loop. */
const PIECE_BYTES = 256 * 1024
/** So many bytes of records make a file. */
const RECORDS_FILE_BYTES = 4 * 1024 * 1024

export interface LiveStore {
  readonly journal: LevelJournal
  readonly logs: LogFiles
  readonly catalogue: Catalogue
  /** Called when nothing is held any more: the copy has come to its end, is not wanted any more, or cannot be made. */
  readonly onEnd: () => void
}

/** A log file at the moment of which the copy is. */
interface LogPart {
  readonly log: LogFile
  /** So many bytes of it are copied as they are. */
  readonly bytes: number
  /** What stands behind them in the copy. */
  readonly end: Uint8Array
}

/**
 * Resolves to a tar archive once it is settled what is in it: all that was confirmed before the call. Rejects with Error when nothing
 * can be committed now. To be read to its end, or ended with `return`: it holds log files until then.
 */
export async function copyLive(store: LiveStore): Promise<AsyncGenerator<Uint8Array>> {
  const { journal, logs, catalogue } = store
  if (journal.trouble !== undefined) {
    store.onEnd()
    throw new Error(`the store cannot be copied now: ${journal.trouble}`)
  }
  const held = new Set(logs.all())
  for (const log of held) logs.held.hold(log)
  const records = catalogue.all(PIECE_BYTES)
  try {
    const parts = await new Promise<LogPart[]>((resolve, reject) => {
      const look = (): void => {
        for (const log of logs.all()) {
          logs.held.hold(log)
          held.add(log)
        }
        resolve(partsOf(held, logs.current))
      }
      journal.whenDurable(look, () => reject(new Error('the store cannot be copied: what it was given is lost')))
    })
    const copy = written(store, parts, records)
    // A generator that was not begun would release nothing when it is ended.
    await copy.next()
    return copy
  } catch (error) {
    await releaseAll(store, held, records)
    throw error
  }
}

function partsOf(held: ReadonlySet<LogFile>, current: LogFile): LogPart[] {
  const parts = [...held].map((log) => {
    // Behind the frames of any other one stands its own end, and then what it was before.
    const isWritten = log === current
    const bytes = isWritten ? log.bytes : Math.min(log.bytes + LOG_FRAME_HEADER_BYTES, log.roomBytes)
    return { log, bytes, end: isWritten ? createEnd(log.mark) : new Uint8Array(0) }
  })
  return parts.sort((a, b) => a.log.number - b.log.number)
}

async function releaseAll(
  { logs, onEnd }: LiveStore,
  held: Iterable<LogFile>,
  records: AsyncGenerator<unknown>,
): Promise<void> {
  for (const log of held) await logs.held.release(log)
  await records.return(undefined)
  onEnd()
}

/** The first piece is empty. */
async function* written(
  store: LiveStore,
  parts: readonly LogPart[],
  records: AsyncGenerator<[Buffer, Buffer][]>,
): AsyncGenerator<Uint8Array> {
  const files: ManifestFile[] = []
  try {
    yield new Uint8Array(0)
    let number = 0
    for await (const pieces of recordFiles(records)) yield* file(files, recordsName(++number), sizeOf(pieces), pieces)
    for (const part of parts) {
      const name = `${LOG_FOLDER}/${logFileName(part.log.number)}`
      yield* file(files, name, part.bytes + part.end.length, logPieces(part))
      await store.logs.held.release(part.log)
    }
    const manifest = manifestText(files, SYSTEM_CLOCK.wallMs())
    yield* file([], MANIFEST, manifest.length, [manifest])
    yield tarEnd()
  } finally {
    await releaseAll(
      store,
      parts.map(({ log }) => log),
      records,
    )
  }
}

async function* file(
  files: ManifestFile[],
  name: string,
  bytes: number,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield tarHeader(name, bytes, SYSTEM_CLOCK.wallMs() / 1000)
  const counted = new CountedContent(pieces)
  yield* counted
  yield tarPadding(bytes)
  files.push(counted.as(name))
}

async function* logPieces({ log, bytes, end }: LogPart): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    const piece = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, bytes - at))
    if (!(await log.file.read(piece, at))) throw new Error(`the log file ${log.number} is not in its place`)
    yield piece
  }
  if (end.length > 0) yield end
}

/** Records, many at a time, in pieces. */
async function* recordFiles(records: AsyncGenerator<[Buffer, Buffer][]>): AsyncGenerator<Buffer[]> {
  let pieces: Buffer[] = []
  for await (const entries of records) {
    pieces.push(Buffer.concat(entries.map(([key, value]) => packedRecord(key, value))))
    if (sizeOf(pieces) < RECORDS_FILE_BYTES) continue
    yield pieces
    pieces = []
  }
  if (pieces.length > 0) yield pieces
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0)
}
