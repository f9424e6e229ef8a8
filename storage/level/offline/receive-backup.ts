/** Writes down the backup that a running broker sends (see `copyLive`): all of it, or nothing. */
import { readTar } from '../../../src/lib/tar.ts'
import {
  BACKUP_LOG_NAME,
  BACKUP_RECORDS_NAME,
  compareWithManifest,
  MANIFEST,
  type Manifest,
  type ManifestFile,
  parseManifest,
} from '../copy/backup-manifest.ts'
import { CountedContent } from '../copy/counted-content.ts'
import { DataFolderError } from '../recovery/data-folder.ts'
import { type BackupTarget, createBackupTarget, readWhole } from './backup-files.ts'

export interface ReceivedBackup {
  readonly files: number
  readonly bytes: number
}

/** What is sent, asked for once there is a place for it. */
export type SentBackup = () => Promise<AsyncIterable<Buffer>>

/** Throws DataFolderError when there is something at `to` already, or when the backup comes damaged or not to its end. */
export async function receiveBackup(
  send: SentBackup,
  to: string,
  onProgress: (text: string) => void = () => {},
): Promise<ReceivedBackup> {
  const target = await createBackupTarget(to)
  try {
    const received = await receiveInto(target, await send(), onProgress)
    await target.finish()
    return received
  } catch (error) {
    await target.discard()
    if (error instanceof RangeError)
      throw new DataFolderError(`the backup came damaged: ${error.message}`, { cause: error })
    throw error
  }
}

async function receiveInto(
  target: BackupTarget,
  sent: AsyncIterable<Buffer>,
  onProgress: (text: string) => void,
): Promise<ReceivedBackup> {
  const copied = new Map<string, ManifestFile>()
  let manifest: Manifest | undefined
  for await (const { name, sizeBytes, content } of readTar(sent)) {
    onProgress(`copying ${name}, ${sizeBytes} bytes`)
    if (name === MANIFEST) {
      const text = await readWhole(content)
      manifest = parseManifest(text, 'the backup')
      await target.add(name, text.length, [text])
      continue
    }
    if (!BACKUP_LOG_NAME.test(name) && !BACKUP_RECORDS_NAME.test(name))
      throw new DataFolderError(`the broker sends no backup: it has a file ${name}`)
    const counted = new CountedContent(content)
    await target.add(name, sizeBytes, counted)
    copied.set(name, counted.as(name))
  }
  compareWithManifest(manifest, copied, 'the backup')
  return { files: copied.size, bytes: [...copied.values()].reduce((sum, { bytes }) => sum + bytes, 0) }
}
