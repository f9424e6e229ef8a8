/**
 * Finds out what a store holds: the catalogue first, then the log behind the position that the catalogue has reached.
 * What is broken is left out and counted; everything around it is kept. Bodies and records stay on the disk.
 */
import { PositionSet } from '../../position-set.ts'
import type { StoredEntity } from '../../storage.ts'
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { CatalogueMeta } from '../catalogue/catalogue-records.ts'
import type { CopiedEntities } from '../checkpoint/entity-copy.ts'
import type { Page } from '../disk/places.ts'
import type { ReadProgress } from '../disk/read-progress.ts'
import { mayBeSameStore, newStoreId } from '../disk/store-id.ts'
import { type EntityChange, idOf } from '../log/entity-change.ts'
import type { LogFile, LogFiles } from '../log/log-files.ts'
import { LOG_FRAME_HEADER_BYTES } from '../log/log-format.ts'
import { scanLog } from '../log/log-reader.ts'
import type { RecoveredQueue } from '../log/recovered-queue.ts'
import { migrate } from './migrations.ts'
import { withoutOverlaps } from './page-overlaps.ts'
import { StoreModel } from './store-model.ts'

export interface RecoveryFindings {
  /** Bytes at the ends of log files that were no whole frame: an unfinished commit, which was never confirmed. */
  tornBytes: number
  /** Broken places: ranges of a log, entries of the catalogue, pages whose bytes are missing. */
  quarantined: number
  /** What was found, one plain sentence each. */
  readonly problems: string[]
}

export interface RecoveredStore {
  /** To be walked over as often as need be. */
  readonly entities: Iterable<StoredEntity>
  readonly queues: Map<number, RecoveredQueue>
  /** What the log told of entities that the catalogue does not know yet. */
  readonly changedEntities: Map<string, EntityChange>
  readonly findings: RecoveryFindings
  /** Numbers of catalogue entries with pages that were dropped after the catalogue was last brought up to date. */
  readonly unneededEntries: readonly number[]
  /** Keys of records in the catalogue that are not what was written. */
  readonly damagedKeys: readonly Buffer[]
  /** The catalogue has less than it should: what is here must be written to it before anything builds on it. */
  readonly isIncomplete: boolean
  readonly lastCommit: number
  /** Bytes of the log that the catalogue has not taken in yet. */
  readonly replayedBytes: number
  /** Number of the log file that the catalogue has come to. */
  readonly lastFile: number
  readonly nextQueueId: number
  readonly nextPageId: number
  readonly nextSequence: number
  readonly storeId: string
}

export interface RecoverOptions {
  /**
   * Reads again what the catalogue has taken in, as it is done when a part of it is damaged: what was settled long ago
   * may come back then, but what can be read is not lost.
   */
  readonly readsWholeLog?: boolean
  readonly progress?: ReadProgress | undefined
  /** Reads the second copy of the entities, which a damaged catalogue may have lost. */
  readonly readCopy?: () => Promise<CopiedEntities | undefined>
}

/** Throws StoreVersionError and NewerFormatError for a store that this version cannot read. */
export async function recover(
  catalogue: Catalogue,
  logs: LogFiles,
  { readsWholeLog = false, progress, readCopy }: RecoverOptions = {},
): Promise<RecoveredStore> {
  const findings: RecoveryFindings = { tornBytes: 0, quarantined: 0, problems: [] }
  const damagedKeys: Buffer[] = []
  const broken = (key: Buffer): void => {
    problem(findings, `catalogue entry ${key.toString('hex')} is damaged`)
    damagedKeys.push(key)
  }
  const found = await catalogue.meta(broken)
  const meta = found === undefined ? undefined : await migrate(catalogue, found)
  const model = new StoreModel()
  await readCatalogue(catalogue, model, broken)
  if (meta === undefined && !readsWholeLog && damagedKeys.length === 0 && !model.isEmpty) {
    problem(findings, 'the catalogue does not say how far it has come: the whole log is read')
  }
  const isPartial = readsWholeLog || damagedKeys.length > 0 || (meta === undefined && !model.isEmpty)
  const replayed = await replay(logs, isPartial ? undefined : meta, model, findings, {
    isIncomplete: isPartial,
    progress,
  })
  checkPages(model, logs, findings)
  if (!mayBeSameStore(meta?.storeId, replayed.storeId)) {
    problem(findings, 'the log is of another store than the catalogue')
  }
  const storeId = meta?.storeId ?? replayed.storeId
  // A catalogue that has nothing may be new, or gone: a copy, or a log without its start, tells which.
  const copy = ofSameStore(isPartial || meta === undefined ? await readCopy?.() : undefined, storeId, findings)
  const isIncomplete = isPartial || copy !== undefined
  if (!isPartial && copy !== undefined && copy.entities.size > 0 && model.gaplessFrom !== 1) {
    problem(findings, 'the catalogue is missing: what it had of the entities is taken from their copy')
  }
  return {
    entities: copy === undefined ? model.entities() : withCopy(model, copy, meta?.commit ?? 0),
    queues: model.queues,
    changedEntities: model.changedEntities,
    unneededEntries: model.unneededEntries,
    findings,
    damagedKeys,
    isIncomplete,
    ...replayed,
    storeId: storeId ?? copy?.storeId ?? newStoreId(),
    // The next commit comes behind everything that is known of.
    lastCommit: Math.max(replayed.lastCommit, copy?.commit ?? 0),
    lastFile: meta?.file ?? 0,
    nextQueueId: Math.max(meta?.nextQueueId ?? 1, model.nextQueueId),
    nextSequence: Math.max(meta?.nextSequence ?? 0, model.nextSequence),
    // What is there must not be written over, whatever the catalogue says of itself.
    nextPageId: Math.max(meta?.nextPageId ?? 1, isIncomplete ? (await catalogue.lastPageId()) + 1 : 1),
  }
}

async function readCatalogue(catalogue: Catalogue, model: StoreModel, broken: (key: Buffer) => void): Promise<void> {
  await catalogue.eachEntity((kind, key, value) => {
    model.cataloguedEntity(kind, key, value)
  }, broken)
  await catalogue.eachSegment(({ queue, sequence, gathered, settled, pages, unsettledBytes, returnedInCommits }) => {
    const stored = model.segment(queue, sequence)
    stored.gathered = gathered
    if (settled.length > 0) stored.settled = new PositionSet(settled)
    stored.pages = pages
    stored.restoreBytes(unsettledBytes)
    for (const { first, count, times } of returnedInCommits) stored.markReturned(first, count, times)
    model.sawQueue(queue)
  }, broken)
  await catalogue.eachCursor((queue, segment, index) => model.cursor(queue, segment, index, false), broken)
}

interface ReplayOptions {
  /** Files in between may have gone for good reasons; what is missing is told of otherwise. */
  readonly isIncomplete: boolean
  readonly progress: ReadProgress | undefined
}

async function replay(
  logs: LogFiles,
  meta: CatalogueMeta | undefined,
  model: StoreModel,
  findings: RecoveryFindings,
  { isIncomplete, progress }: ReplayOptions,
): Promise<{ lastCommit: number; replayedBytes: number; storeId: string | undefined }> {
  let lastCommit = meta?.commit ?? 0
  let replayedBytes = 0
  let storeId: string | undefined
  const files = logs.all().filter((log) => log.number >= (meta?.file ?? 0))
  if (meta !== undefined && files[0]?.number !== meta.file) {
    problem(findings, `log file ${meta.file}, which the catalogue counts on, is missing`)
  }
  const startOf = (log: LogFile): number => (log.number === meta?.file ? meta.offset : 0)
  progress?.begin(
    'reading the log',
    files.reduce((sum, log) => sum + Math.max(0, log.bytes - startOf(log)), 0),
  )
  for (const log of files) {
    model.log = log
    const start = startOf(log)
    const fileBytes = log.bytes
    const scan = await scanLog(log.file, start, model)
    log.bytes = scan.end
    if (scan.end < start) {
      problem(findings, `log file ${log.number} ends at ${scan.end}, though it has been ${start} bytes long`)
    }
    // Commits are numbered without gaps; those of a damaged range are told of as such.
    const missing = scan.firstCommit - lastCommit - 1
    if (!isIncomplete && missing > 0 && scan.gaps.length === 0) {
      problem(findings, `${missing} commits in front of log file ${log.number} are missing`)
    }
    if (scan.firstCommit > 0 && missing < 0) {
      problem(findings, `log file ${log.number} has commits that came before those of the file in front of it`)
    }
    lastCommit = Math.max(lastCommit, scan.lastCommit)
    storeId = scan.storeId ?? storeId
    replayedBytes += Math.max(0, scan.end - start)
    findings.tornBytes += scan.tornBytes
    for (const { offset, bytes } of scan.gaps) {
      problem(findings, `log file ${log.number}: ${bytes} bytes at ${offset} are damaged`)
    }
    // Every commit is written with the mark of an end behind it. A file that was only just made may be empty.
    if (fileBytes > 0 && scan.tornBytes === 0 && fileBytes - scan.end < LOG_FRAME_HEADER_BYTES) {
      problem(findings, `log file ${log.number} was cut off at ${fileBytes}: commits may be missing`)
    }
    // What is built on what was read needs it after a power loss, too.
    if (scan.lastCommit > 0) await log.file.sync()
    progress?.read(fileBytes - start)
  }
  return { lastCommit, replayedBytes, storeId }
}

/** The copy of the entities, unless it was left, or put there, of another store. */
function ofSameStore(
  copy: CopiedEntities | undefined,
  storeId: string | undefined,
  findings: RecoveryFindings,
): CopiedEntities | undefined {
  if (copy === undefined || mayBeSameStore(copy.storeId, storeId)) return copy
  problem(findings, 'the copy of the entities is of another store, and is not used')
  return undefined
}

/**
 * The entities of a store whose catalogue was damaged. Where the copy and the log behind it leave no gap, they say what
 * there is, and what is left in the catalogue may be out of date; else everything counts that the log does not say is gone.
 */
function withCopy(
  { catalogued, changedEntities, gaplessFrom, commitMax }: StoreModel,
  copy: CopiedEntities,
  catalogueCommit: number,
): Iterable<StoredEntity> {
  const isFollowed = commitMax <= copy.commit || gaplessFrom <= copy.commit + 1
  const isTold = copy.isWhole && copy.commit >= catalogueCommit && isFollowed
  const all = new Map(copy.entities)
  if (!isTold) for (const entity of catalogued) all.set(idOf(entity), entity)
  for (const [id, { kind, key, value, commit }] of changedEntities) {
    if (isTold && commit <= copy.commit) continue
    if (value === undefined) all.delete(id)
    else all.set(id, { kind, key: key.toString(), value })
  }
  return [...all.values()]
}

/** Leaves out pages that lie outside of what there is. */
function checkPages(model: StoreModel, logs: LogFiles, findings: RecoveryFindings): void {
  for (const [queue, { segments, changed }] of model.queues) {
    for (const stored of segments.values()) {
      const [only] = stored.pages
      if (stored.pages.length === 1 && only !== undefined && isThere(only, logs)) continue
      const there = stored.pages.filter((page) => isThere(page, logs))
      const lost = stored.pages.length - there.length
      stored.pages = withoutOverlaps(there)
      if (lost === 0) continue
      problem(findings, `queue ${queue}, segment ${stored.sequence}: ${lost} pages are missing`)
      changed.add(stored.sequence)
    }
  }
}

function isThere(page: Page, logs: LogFiles): boolean {
  if (page.file === 0) return true
  const log: LogFile | undefined = logs.get(page.file)
  return log !== undefined && page.offset + page.bytes <= log.bytes
}

function problem(findings: RecoveryFindings, text: string): void {
  findings.quarantined++
  // A store that is broken in thousands of places says so with a number, not with thousands of lines.
  if (findings.problems.length < 100) findings.problems.push(text)
}
