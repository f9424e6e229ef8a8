/**
 * The files of a store while a process has it: the claimed folder, the catalogue and the log. Opening takes them one after
 * the other, and when it fails it gives back those that it has taken, and nothing else.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../src/lib/clock.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { LogPosition } from '../catalogue/catalogue-records.ts'
import { isCorruption, openCatalogue, reasonOf, repairCatalogue, repairDone } from '../catalogue/catalogue-repair.ts'
import type { CheckedTables } from '../catalogue/checked-tables.ts'
import { EntityCopy, readEntityCopy, removeEntityCopy } from '../checkpoint/entity-copy.ts'
import { closeAll } from '../disk/close-all.ts'
import { type Files, openFolder, syncFolder } from '../disk/files.ts'
import type { ReadProgress } from '../disk/read-progress.ts'
import { CATALOGUE_FOLDER, LOG_FOLDER, QUARANTINE_FOLDER } from '../disk/store-folders.ts'
import { LogFiles } from '../log/log-files.ts'
import { type ClaimedFolder, claimFolder, requireUsableFolder } from './data-folder.ts'
import { Quarantine } from './quarantine.ts'
import { type RecoveredStore, recover } from './recovery.ts'
import { StorePlace } from './store-place.ts'
import { completeCatalogue, pagesOf } from './store-state.ts'

export interface StorePlan {
  readonly folder: string
  readonly logFileBytes: number
  /** The files of the log; the disk's when not given. */
  readonly files: Files | undefined
  readonly progress: ReadProgress
  readonly clock: Clock
}

export class OpenStore {
  readonly #plan: StorePlan
  #claimed: ClaimedFolder | undefined
  #catalogue: Catalogue | undefined
  #tables: CheckedTables | undefined
  #logs: LogFiles | undefined
  #files: Files | undefined
  #place: StorePlace | undefined
  #copy: EntityCopy | undefined

  private constructor(plan: StorePlan) {
    this.#plan = plan
  }

  /** Rejects with what `LevelStorage.open` says. */
  static async open(plan: StorePlan): Promise<{ readonly store: OpenStore; readonly found: RecoveredStore }> {
    const store = new OpenStore(plan)
    try {
      return { store, found: await store.#open() }
    } catch (error) {
      await store.close()
      throw error
    }
  }

  get catalogue(): Catalogue {
    return present(this.#catalogue)
  }

  get logs(): LogFiles {
    return present(this.#logs)
  }

  get files(): Files {
    return present(this.#files)
  }

  get copy(): EntityCopy {
    return present(this.#copy)
  }

  get place(): StorePlace {
    return present(this.#place)
  }

  /** Where copies of what is damaged go. */
  get quarantine(): string {
    return join(this.#plan.folder, QUARANTINE_FOLDER)
  }

  async newQuarantine(): Promise<Quarantine> {
    return await Quarantine.create(this.quarantine, this.catalogue, this.logs, this.#plan.clock)
  }

  /**
   * Goes on where the last process has ended: the log in a file of its own. What was damaged is told of once, and the catalogue made
   * whole, so that the next start does not come across it again. Returns whether that was needed: then the catalogue has all entities,
   * and may have newer ones than the log tells of.
   */
  async goOnFrom(found: RecoveredStore): Promise<boolean> {
    const { logs, catalogue } = this
    for (const { segments } of found.queues.values()) {
      for (const stored of segments.values()) for (const page of stored.pages) logs.pageAdded(page, stored)
    }
    // What the last process left behind is due as if this one had written it.
    logs.writtenBytes = found.replayedBytes
    logs.storeId = found.storeId
    const { number, bytes } = await logs.startNext(found.lastFile + 1)
    const isDamaged = found.isIncomplete || found.findings.quarantined > 0
    if (isDamaged) await this.#complete(found, { file: number, offset: bytes })
    else await catalogue.removePagesFrom(found.nextPageId)
    await catalogue.pagesFound(pagesOf(found))
    // Bodies that were shared may be needed still.
    for (const entry of found.unneededEntries) catalogue.entries.foundUnneeded(entry)
    return isDamaged
  }

  /** What is damaged goes into the quarantine, what the log has told again into the catalogue. */
  async #complete(found: RecoveredStore, position: LogPosition): Promise<void> {
    if (found.damagedKeys.length > 0) {
      const quarantine = await this.newQuarantine()
      await quarantine.keepRecords(await this.catalogue.records(found.damagedKeys))
      await quarantine.sync()
    }
    await completeCatalogue(this.catalogue, found, position)
    await repairDone(this.quarantine)
  }

  /**
   * Gives everything back, also when a part of it fails to close, and rejects with the first error then. What another
   * process has put into its place stays as it is.
   */
  async close(): Promise<void> {
    let isInPlace = false
    await closeAll([
      async () => {
        isInPlace = (await this.#place?.trouble()) === undefined
      },
      () => this.#copy?.close(),
      () => this.#logs?.close(),
      () => this.#catalogue?.close(),
      () => this.#tables?.end(isInPlace),
      () => this.#claimed?.release(),
    ])
  }

  async #open(): Promise<RecoveredStore> {
    const { folder, logFileBytes, files, progress, clock } = this.#plan
    await requireUsableFolder(folder)
    this.#claimed = await claimFolder(folder, clock)
    // Until now, another process may have been restoring a backup into it.
    await requireUsableFolder(folder)
    const opened = await openCatalogue(join(folder, CATALOGUE_FOLDER), this.quarantine, { progress })
    this.#catalogue = opened.catalogue
    this.#tables = opened.tables
    this.#files = files ?? (await openFolder(join(folder, LOG_FOLDER)))
    // A catalogue that is repaired is another one.
    this.#logs = new LogFiles(this.#files, logFileBytes, (page) => this.catalogue.entries.unneeded(page))
    await this.#logs.open()
    if (opened.problems.length === 0 && this.#logs.all().length === 0) await this.#removeForeignCopy()
    const found = await this.#recover(this.#logs, [...opened.problems])
    // LevelDB may just have made the folder of the catalogue, which is to survive a power loss.
    await syncFolder(folder)
    this.#copy = await EntityCopy.open(folder, found.storeId)
    this.#place = await StorePlace.of(folder, this.#logs)
    return found
  }

  /** Where there is no store yet, a copy is of another one, which was removed. */
  async #removeForeignCopy(): Promise<void> {
    // A catalogue that cannot be read is not a new one.
    const isNew = await this.catalogue.meta().then(
      (meta) => meta === undefined,
      () => false,
    )
    if (isNew) await removeEntityCopy(this.#plan.folder)
  }

  /** A catalogue that turns out to be damaged while it is read is repaired, and the log is read again. */
  async #recover(logs: LogFiles, problems: string[]): Promise<RecoveredStore> {
    const folder = join(this.#plan.folder, CATALOGUE_FOLDER)
    const { progress } = this.#plan
    for (let attempt = 1; ; attempt++) {
      try {
        // A repaired catalogue may have less than it says: the log tells all that it has.
        const found = await recover(this.catalogue, logs, {
          readsWholeLog: problems.length > 0,
          progress,
          readCopy: () => readEntityCopy(this.#plan.folder),
        })
        found.findings.problems.unshift(...problems)
        found.findings.quarantined += problems.length
        return found
      } catch (error) {
        if (attempt > 2 || !isCorruption(error)) throw error
        await this.#catalogue?.close()
        await this.#tables?.end()
        this.#catalogue = undefined
        this.#tables = undefined
        // What cannot be read though it was repaired is of no use: a copy is in the quarantine.
        if (attempt === 2) await rm(folder, { recursive: true })
        const opened = await repairCatalogue(folder, this.quarantine, reasonOf(error))
        this.#catalogue = opened.catalogue
        problems.push(...opened.problems)
      }
    }
  }
}

function present<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('the store is not open')
  return part
}
