/**
 * Checks and repairs a store that no broker uses. Looking at it must not change it, and LevelDB changes what it opens: so
 * the catalogue is looked at in a copy, whose large files are links.
 */
import { copyFile, link, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoredEntity } from '../../storage.ts'
import { Catalogue } from '../catalogue/catalogue.ts'
import { type CatalogueKeys, catalogueKeys } from '../catalogue/catalogue-keys.ts'
import { type CatalogueOperation, metaKey } from '../catalogue/catalogue-records.ts'
import { openCatalogue, reasonOf, repairCatalogue, repairDone } from '../catalogue/catalogue-repair.ts'
import { isTableName, LOCK_NAME } from '../catalogue/leveldb-names.ts'
import { readEntityCopy, removeEntityCopy } from '../checkpoint/entity-copy.ts'
import { closeAll } from '../disk/close-all.ts'
import { ifMissing, makeFolder, openFolder } from '../disk/files.ts'
import { CATALOGUE_FOLDER, LOG_FOLDER, QUARANTINE_FOLDER } from '../disk/store-folders.ts'
import { claimFolder, requireStore } from '../recovery/data-folder.ts'
import { type Inspection, type InspectionOptions, inspect } from './inspection.ts'
import { repairStore } from './store-repair.ts'

/** What the broker says of the entities; the storage does not understand them. */
export interface EntityFindings {
  readonly problems: readonly string[]
  /** Those that cannot be made again. */
  readonly refused: readonly StoredEntity[]
  /** The numbers under which the messages of queues are kept. */
  readonly queueIds: ReadonlySet<number>
}

export interface StoreReport {
  readonly inspection: Inspection
  /** Everything that is wrong, one sentence each. */
  readonly problems: readonly string[]
  readonly notes: readonly string[]
}

export interface CheckOptions extends InspectionOptions {
  readonly checkEntities: (entities: Iterable<StoredEntity>) => EntityFindings
}

const SCRATCH_FOLDER = '.check'
const REMOVE_META: CatalogueOperation = { type: 'del', key: metaKey() }

/** Looks, and changes nothing. Throws DataFolderError when there is no store, or a process uses it. */
export async function checkStore(folder: string, options: CheckOptions): Promise<StoreReport> {
  return await withCheckedStore(folder, options, async (report) => report)
}

/** Checks a store, and keeps other processes out while work is done on it and on the copy of its catalogue. */
export async function withCheckedStore<T>(
  folder: string,
  options: CheckOptions,
  work: (report: StoreReport, catalogueCopy: string) => Promise<T>,
): Promise<T> {
  return await withStoreLocked(folder, async () => {
    const scratch = join(folder, SCRATCH_FOLDER)
    const copy = join(scratch, CATALOGUE_FOLDER)
    await copyCatalogue(join(folder, CATALOGUE_FOLDER), copy)
    const opened = await openWithKeys(copy, join(scratch, QUARANTINE_FOLDER))
    let report: StoreReport
    try {
      report = (await inspectAll(folder, opened, options)).report
    } finally {
      await opened.catalogue.close()
    }
    return await work(report, copy)
  })
}

/** Puts right what can be put right. Resolves to the folder that has what was taken out. Throws like `checkStore`. */
export async function repairFolder(folder: string, options: CheckOptions): Promise<string> {
  const quarantine = join(folder, QUARANTINE_FOLDER)
  return await withStoreLocked(folder, async () => {
    const opened = await openWithKeys(join(folder, CATALOGUE_FOLDER), quarantine)
    try {
      const { report, entities } = await inspectAll(folder, opened, options)
      const kept = await repairStore(opened.catalogue, await openFolder(join(folder, LOG_FOLDER)), quarantine, {
        inspection: report.inspection,
        keys: opened.keys,
        refused: entities.refused,
        queueIds: entities.queueIds,
        problems: report.problems,
      })
      // It has what was taken out; the next broker makes another one.
      await removeEntityCopy(folder)
      await repairDone(quarantine)
      return kept
    } finally {
      await opened.catalogue.close()
    }
  })
}

/** No other process can have the store while the work is done. */
async function withStoreLocked<T>(folder: string, work: () => Promise<T>): Promise<T> {
  await requireStore(folder)
  const claimed = await claimFolder(folder)
  const scratch = join(folder, SCRATCH_FOLDER)
  try {
    await rm(scratch, { recursive: true, force: true })
    return await work()
  } finally {
    await closeAll([() => rm(scratch, { recursive: true, force: true }), () => claimed.release()])
  }
}

async function copyCatalogue(from: string, to: string): Promise<void> {
  await makeFolder(to)
  const entries = (await readdir(from, { withFileTypes: true }).catch(ifMissing)) ?? []
  for (const entry of entries) {
    const { name } = entry
    if (name === LOCK_NAME || !entry.isFile()) continue
    // Tables are never written to again; everything else is small.
    if (isTableName(name))
      await link(join(from, name), join(to, name)).catch(() => copyFile(join(from, name), join(to, name)))
    else await copyFile(join(from, name), join(to, name))
  }
}

interface OpenedWithKeys {
  readonly catalogue: Catalogue
  readonly keys: CatalogueKeys
  readonly problems: readonly string[]
}

/**
 * Opens a catalogue and reads all of it, repaired first if that is what it takes. Then it does not say what it has lost: the
 * whole log is to tell it again.
 */
async function openWithKeys(folder: string, quarantine: string): Promise<OpenedWithKeys> {
  const opened = await openCatalogue(folder, quarantine, { checksAll: true })
  await opened.catalogue.close()
  const problems = [...opened.problems]
  const keys = await catalogueKeys(folder).catch(async (error: unknown) => {
    const repaired = await repairCatalogue(folder, quarantine, reasonOf(error))
    await repaired.catalogue.close()
    problems.push(...repaired.problems)
    return await catalogueKeys(folder)
  })
  const catalogue = await Catalogue.open(folder)
  if (problems.length > 0) await catalogue.write([REMOVE_META], true)
  return { catalogue, keys, problems }
}

async function inspectAll(
  folder: string,
  { catalogue, keys, problems }: OpenedWithKeys,
  options: CheckOptions,
): Promise<{ report: StoreReport; entities: EntityFindings }> {
  const inspection = await inspect(catalogue, keys, await openFolder(join(folder, LOG_FOLDER)), {
    ...options,
    readCopy: () => readEntityCopy(folder),
  })
  const { store } = inspection
  const entities = options.checkEntities(store.entities)
  const unclaimed: string[] = []
  for (const [queue, { segments }] of store.queues) {
    if (entities.queueIds.has(queue)) continue
    let messages = 0
    for (const stored of segments.values()) for (const page of stored.pages) messages += stored.unsettledIn(page)
    if (messages > 0) unclaimed.push(`${messages} messages belong to queue ${queue}, which does not exist any more`)
  }
  return {
    report: {
      inspection,
      problems: [...problems, ...inspection.problems, ...entities.problems, ...unclaimed],
      notes: inspection.notes,
    },
    entities,
  }
}
