/**
 * A second copy of all entities, beside the catalogue: a damaged catalogue may have lost them, and the log has only what
 * was declared since the catalogue followed last. It is a file in the form of the log: all entities at its start, then what
 * changed, each time before the catalogue follows. When it has become too long, another one is written.
 */
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoredEntity } from '../../storage.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { DataFile } from '../disk/data-file.ts'
import { type Files, ifMissing, openFolder } from '../disk/files.ts'
import { ENTITIES_FOLDER } from '../disk/store-folders.ts'
import { type EntityChange, entityId } from '../log/entity-change.ts'
import { FrameBuilder } from '../log/frame-builder.ts'
import { NO_VISITOR } from '../log/log-entries.ts'
import { createEnd, createFileHeader, logFileName, logFileNumber, markIn } from '../log/log-format.ts'
import { scanLog } from '../log/log-reader.ts'

/** So much is put into one frame: damage takes no more than that. */
const FRAME_BYTES = 64 * 1024
/** It may grow to this many times what its entities take, and so much more. */
const GROWTH_MAX = 2
const GROWTH_BYTES = 4 * 1024 * 1024
const NEW_NAME = 'new'

export interface CopiedEntities {
  readonly entities: ReadonlyMap<string, StoredEntity>
  /** Number of the commit as of which they are. */
  readonly commit: number
  /** Nothing in the file is damaged. */
  readonly isWhole: boolean
  /** The store that it is of; undefined where it does not say. */
  readonly storeId: string | undefined
}

/** What the copy in the folder of a store has; undefined when there is none that can be read. */
export async function readEntityCopy(folder: string): Promise<CopiedEntities | undefined> {
  const place = join(folder, ENTITIES_FOLDER)
  if ((await readdir(place).catch(ifMissing)) === undefined) return undefined
  const files = await openFolder(place)
  const number = await lastNumber(files)
  if (number === undefined) return undefined
  const file = await files.open(logFileName(number))
  const entities = new Map<string, StoredEntity>()
  try {
    const { gaps, lastCommit, storeId } = await scanLog(file, 0, {
      ...NO_VISITOR,
      put: (kind, key, value) =>
        entities.set(entityId(kind, key), { kind, key: key.toString(), value: Buffer.from(value) }),
      remove: (kind, key) => entities.delete(entityId(kind, key)),
    })
    return { entities, commit: lastCommit, isWhole: gaps.length === 0 && lastCommit > 0, storeId }
  } catch {
    // It is only a copy: what is wrong with the disk shows where something is needed.
    return undefined
  } finally {
    await file.close()
  }
}

export async function removeEntityCopy(folder: string): Promise<void> {
  await rm(join(folder, ENTITIES_FOLDER), { recursive: true, force: true })
}

export class EntityCopy {
  readonly #files: Files
  readonly #storeId: string | undefined
  #builder = new FrameBuilder()
  /** Undefined until all entities were written by this process. */
  #file: DataFile | undefined
  #mark: Uint8Array = new Uint8Array(0)
  #bytes = 0
  #bytesMax = 0
  /** As of which commit the file is. */
  #commit = 0

  private constructor(files: Files, storeId: string | undefined) {
    this.#files = files
    this.#storeId = storeId
  }

  static async open(folder: string, storeId?: string): Promise<EntityCopy> {
    return new EntityCopy(await openFolder(join(folder, ENTITIES_FOLDER)), storeId)
  }

  /**
   * The catalogue is about to take in these changes, as of this commit. What cannot be written here is not missed before
   * the catalogue is damaged, and is written with everything else the next time. So is what another process has left: it
   * may be behind the catalogue. A copy that is behind is worse than none, and goes.
   */
  async follow(changes: readonly EntityChange[], commit: number, catalogue: Catalogue): Promise<void> {
    try {
      if (this.#file === undefined || this.#bytes > this.#bytesMax) await this.#writeAll(changes, commit, catalogue)
      else await this.#append(this.#file, changes, commit)
    } catch {
      await this.close()
      await this.#removeAllBut(undefined).catch(() => {})
    }
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close().catch(() => {})
  }

  async #append(file: DataFile, changes: readonly EntityChange[], commit: number): Promise<void> {
    for (const change of changes) await this.#add(file, change)
    // A frame has something in it.
    if (this.#builder.isEmpty) this.#builder.dropQueue(0)
    await this.#flush(file, commit)
    // Without changes, a power loss takes only the note that there were none.
    if (changes.length > 0) await file.sync()
  }

  async #writeAll(changes: readonly EntityChange[], commit: number, catalogue: Catalogue): Promise<void> {
    await this.close()
    this.#builder = new FrameBuilder()
    this.#commit = 0
    const numberBefore = (await lastNumber(this.#files)) ?? 0
    const header = createFileHeader(false, this.#storeId)
    await this.#files.remove(NEW_NAME)
    const file = await this.#files.open(NEW_NAME)
    try {
      this.#mark = markIn(header)
      this.#bytes = header.length
      await file.write([header, createEnd(this.#mark)], 0)
      await catalogue.eachEntity(async (kind, key, value) => await this.#add(file, { kind, key, value }))
      for (const change of changes) await this.#add(file, change)
      this.#builder.dropQueue(0)
      await this.#flush(file, commit)
      await file.sync()
      await file.rename(logFileName(numberBefore + 1))
      await this.#files.syncFolder()
    } catch (error) {
      await file.close().catch(() => {})
      throw error
    }
    this.#file = file
    this.#bytesMax = this.#bytes * GROWTH_MAX + GROWTH_BYTES
    await this.#removeAllBut(logFileName(numberBefore + 1))
  }

  async #removeAllBut(kept: string | undefined): Promise<void> {
    for (const name of await this.#files.names()) if (name !== kept) await this.#files.remove(name)
  }

  /** A frame with which the changes do not end is not yet as of their commit. */
  async #add(file: DataFile, { kind, key, value }: EntityChange): Promise<void> {
    if (value === undefined) this.#builder.remove(kind, key)
    else this.#builder.put(kind, key, value)
    if (this.#builder.payloadBytes >= FRAME_BYTES) await this.#flush(file, this.#commit)
  }

  async #flush(file: DataFile, commit: number): Promise<void> {
    const frame = this.#builder.finish(commit, this.#mark)
    await file.write([...frame, createEnd(this.#mark)], this.#bytes)
    this.#builder.written()
    this.#bytes += frame.reduce((sum, piece) => sum + piece.length, 0)
    this.#commit = commit
  }
}

async function lastNumber(files: Files): Promise<number | undefined> {
  const numbers = (await files.names()).map(logFileNumber).filter((number) => number !== undefined)
  return numbers.sort((a, b) => a - b).at(-1)
}
