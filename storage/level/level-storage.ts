/**
 * Keeps messages and entities in a folder: a log that is synced, and a LevelDB catalogue that follows it. One process
 * uses a folder at a time.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { QueueLog } from '../queue-log.ts'
import { Segment } from '../segment.ts'
import { SegmentPool } from '../segment-pool.ts'
import type { OpenOptions, Recovery, Storage, StoredEntity } from '../storage.ts'
import type { StoredSegment } from '../stored-segment.ts'
import type { Catalogue, LogPosition } from './catalogue.ts'
import { isCorruption, openCatalogue, reasonOf, repairCatalogue, repairDone } from './catalogue-repair.ts'
import { type CatalogueIds, firstIds } from './catalogue-update.ts'
import type { CheckedTables } from './checked-tables.ts'
import { Checkpointer } from './checkpoint.ts'
import {
  CATALOGUE_FOLDER,
  type ClaimedFolder,
  claimFolder,
  LOG_FOLDER,
  QUARANTINE_FOLDER,
  requireUsableFolder,
} from './data-folder.ts'
import { DiskRoom } from './disk-room.ts'
import { type Durability, requireDurability } from './durability.ts'
import { type Files, openFolder } from './files.ts'
import { LevelJournal } from './level-journal.ts'
import { LogFiles } from './log-files.ts'
import { PageReader, type PageSource } from './page-reader.ts'
import { keepRefusedEntities, Quarantine } from './quarantine.ts'
import { QueueRecorder } from './queue-recorder.ts'
import { ReadProgress } from './read-progress.ts'
import { type RecoveredQueue, type RecoveredStore, recover } from './recovery.ts'
import { completeCatalogue, pagesOf, recoveryOf } from './store-state.ts'

export interface LevelStorageOptions {
  /** Folder of the store, made if there is none. */
  readonly folder: string
  /** What has to be on the disk before a publish is confirmed; `sync` when not given. */
  readonly durability?: Durability
  /** With durability `interval`: how often the log is synced, in milliseconds, 1–60000; 100 when not given. */
  readonly syncIntervalMs?: number
  /** Size of a log file in bytes, from 1 MiB; 64 MiB when not given. */
  readonly logFileBytes?: number
  /** Bytes of messages to keep in memory; what is beyond and safe on disk is read back when it is due. */
  readonly memoryBytes?: number
  /** Publishers wait while the disk has less left than this, so that the rest can go on; 64 MiB when not given. */
  readonly freeBytesMin?: number
  /** Called when what is on disk cannot be trusted any more: nothing will be confirmed from then on. */
  readonly onFatal?: (error: Error) => void
  /** Told of messages that could not be read back and are left out. */
  readonly onDamage?: (text: string) => void
  /** Told what a callback of `journal.whenDurable` has thrown. */
  readonly onDefect?: (error: unknown) => void
  /** The files of the log; the disk's when not given. */
  readonly files?: Files
}

const DEFAULT_LOG_FILE_BYTES = 64 * 1024 * 1024
const DEFAULT_SYNC_INTERVAL_MS = 100
const DEFAULT_FREE_BYTES_MIN = 64 * 1024 * 1024
/** Log files are kept to be used again while the disk has room for so many beside what must be left. */
const SPARE_ROOM_FILES = 32
const DEFAULT_MEMORY_BYTES = 512 * 1024 * 1024
/** Never evicts down to less than this share of the memory allowed. */
const EVICT_TO_SHARE = 0.8
/** Looking for what can be evicted costs time: it is worth it when there is more by this share of the memory allowed. */
const EVICT_STEP_SHARE = 0.05

export class LevelStorage implements Storage, PageSource {
  readonly kind = 'leveldb'
  readonly isDurable = true
  readonly #options: LevelStorageOptions
  readonly #pool = new SegmentPool()
  readonly #reader = new PageReader(this, this.#pool)
  readonly #ids: CatalogueIds = firstIds(this.#pool)
  readonly #logsOfQueues = new Set<QueueLog>()
  #recovered: Map<number, RecoveredQueue> = new Map()
  /** Queues that have their logs, until all have. */
  readonly #claimedQueues = new Set<number>()
  #isClaimed = false
  #quarantining: Promise<void> | undefined
  #folder: ClaimedFolder | undefined
  #catalogue: Catalogue | undefined
  #tables: CheckedTables | undefined
  #logs: LogFiles | undefined
  #journal: LevelJournal | undefined
  #isClosed = false
  #room: DiskRoom | undefined
  /** Bytes of messages that were left when some were evicted last. */
  #bytesKept = 0
  #isRoomShort = false
  #checkpointer: Checkpointer | undefined

  constructor(options: LevelStorageOptions) {
    if (options.durability !== undefined) requireDurability(options.durability)
    this.#options = options
  }

  get #freeBytesMin(): number {
    return this.#options.freeBytesMin ?? DEFAULT_FREE_BYTES_MIN
  }

  get #logFileBytes(): number {
    return this.#options.logFileBytes ?? DEFAULT_LOG_FILE_BYTES
  }

  get bytesInUse(): number {
    return this.#pool.bytesInUse
  }

  get journal(): LevelJournal {
    if (this.#journal === undefined) throw new Error('the storage is not open yet')
    return this.#journal
  }

  /** Throws DataFolderError when the folder cannot be had, StoreVersionError and NewerFormatError for a store too new. */
  async open({ onProgress = () => {} }: OpenOptions = {}): Promise<Recovery> {
    if (this.#isClosed) throw new Error('the storage was closed: make another one')
    const startedAtMs = performance.now()
    const progress = new ReadProgress(onProgress)
    const { folder } = this.#options
    try {
      await requireUsableFolder(folder)
      this.#folder = await claimFolder(folder)
      // Until now, somebody may have been restoring a backup into it.
      await requireUsableFolder(folder)
      const opened = await openCatalogue(join(folder, CATALOGUE_FOLDER), this.#quarantine, { progress })
      this.#catalogue = opened.catalogue
      this.#tables = opened.tables
      const files = this.#options.files ?? (await openFolder(join(folder, LOG_FOLDER)))
      this.#logs = new LogFiles(files, this.#logFileBytes)
      await this.#logs.open()
      const store = await this.#recover(this.#logs, [...opened.problems], progress)
      await this.#begin(store, this.#logs, this.#catalogue, files)
      this.#room = new DiskRoom(files, this.#freeBytesMin, (freeBytes) => this.#roomSeen(freeBytes))
      await this.#room.start()
      return recoveryOf(store, performance.now() - startedAtMs)
    } catch (error) {
      await this.#letGo()
      throw error
    }
  }

  async close(): Promise<void> {
    if (this.#journal === undefined || this.#isClosed) return
    this.#isClosed = true
    await this.#quarantining
    await this.#journal.close()
    this.#room?.stop()
    const isWhole = this.#journal.trouble === undefined && this.#mayCheckpoint
    await (isWhole ? this.#checkpointer?.finish() : this.#checkpointer?.stop())
    await this.#letGo()
  }

  /** The catalogue is told of queues that have their logs; and what is copied into the quarantine must not move. */
  get #mayCheckpoint(): boolean {
    return this.#recovered.size === 0 && this.#quarantining === undefined
  }

  get #quarantine(): string {
    return join(this.#options.folder, QUARANTINE_FOLDER)
  }

  /** A catalogue that turns out to be damaged while it is read is repaired, and the log read once more. */
  async #recover(logs: LogFiles, problems: string[], progress: ReadProgress): Promise<RecoveredStore> {
    const folder = join(this.#options.folder, CATALOGUE_FOLDER)
    for (let attempt = 1; ; attempt++) {
      try {
        const catalogue = this.#catalogue as Catalogue // open has set it
        // A repaired catalogue may have less than it says: the whole log has its say once more.
        const store = await recover(catalogue, logs, { readsWholeLog: problems.length > 0, progress })
        store.findings.problems.unshift(...problems)
        store.findings.quarantined += problems.length
        return store
      } catch (error) {
        if (attempt > 2 || !isCorruption(error)) throw error
        await this.#catalogue?.close()
        await this.#tables?.end()
        this.#catalogue = undefined
        this.#tables = undefined
        // What cannot be read though it was repaired is of no use: a copy is in the quarantine.
        if (attempt === 2) await rm(folder, { recursive: true })
        const opened = await repairCatalogue(folder, this.#quarantine, reasonOf(error))
        this.#catalogue = opened.catalogue
        problems.push(...opened.problems)
      }
    }
  }

  async #begin(store: RecoveredStore, logs: LogFiles, catalogue: Catalogue, files: Files): Promise<void> {
    this.#recovered = store.queues
    this.#ids.nextQueueId = store.nextQueueId
    this.#ids.nextPageId = store.nextPageId
    this.#pool.nextSequence = store.nextSequence
    for (const { segments } of store.queues.values()) {
      for (const stored of segments.values()) for (const page of stored.pages) logs.pageAdded(page, stored)
    }
    // What the last process left behind is due as if this one had written it.
    logs.writtenBytes = store.replayedBytes
    const { number, bytes } = await logs.startNext(store.lastFile + 1)
    // What is damaged is told of once: the next start does not come across it again.
    if (store.isIncomplete || store.findings.quarantined > 0)
      await this.#complete(store, catalogue, logs, { file: number, offset: bytes })
    else await catalogue.removePagesFrom(store.nextPageId)
    await catalogue.pagesFound(pagesOf(store))
    // Bodies that were shared may be needed still.
    for (const entry of store.unneededEntries) if (!catalogue.entries.isNeeded(entry)) logs.unneededEntries.push(entry)
    this.#journal = this.#createJournal(logs, store.lastCommit)
    for (const [id, change] of store.changedEntities) this.#journal.changedEntities.set(id, change)
    this.#checkpointer = new Checkpointer(catalogue, this.#journal, logs, this.#ids, {
      logFileBytes: this.#logFileBytes,
      freeBytes: () => files.freeBytes(),
    })
  }

  /** What is damaged goes into the quarantine, what the log has told again into the catalogue. */
  async #complete(store: RecoveredStore, catalogue: Catalogue, logs: LogFiles, position: LogPosition): Promise<void> {
    if (store.damagedKeys.length > 0) {
      const quarantine = await Quarantine.create(this.#quarantine, catalogue, logs)
      await quarantine.keepRecords(await catalogue.records(store.damagedKeys))
      await quarantine.sync()
    }
    await completeCatalogue(catalogue, store, position)
    await repairDone(this.#quarantine)
  }

  async #letGo(): Promise<void> {
    try {
      await this.#logs?.close()
      await this.#catalogue?.close()
      await this.#tables?.end()
    } finally {
      await this.#folder?.release()
    }
  }

  newQueueId(): number {
    return this.#ids.nextQueueId++
  }

  /** Throws Error when two queues of the store have the same number: the first of them has the messages. */
  createQueueLog(queueId?: number): QueueLog {
    if (queueId === undefined) return new QueueLog(this.#pool)
    if (this.#claimedQueues.has(queueId)) throw new Error(`another queue has its number ${queueId} too`)
    if (!this.#isClaimed) this.#claimedQueues.add(queueId)
    this.#ids.nextQueueId = Math.max(this.#ids.nextQueueId, queueId + 1)
    const recovered = this.#recovered.get(queueId)
    this.#recovered.delete(queueId)
    const recorder = new QueueRecorder(queueId, this.journal, this.#reader, recovered)
    const log = new QueueLog(this.#pool, recorder)
    recorder.log = log
    this.journal.recorders.add(recorder)
    this.#logsOfQueues.add(log)
    for (const stored of [...recorder.segments.values()].sort((a, b) => a.sequence - b.sequence)) {
      restoreSegment(log, stored, recorder)
    }
    if (recorder.cursor !== undefined) log.restoreCursor(recorder.cursor.segment, recorder.cursor.index)
    return log
  }

  /** Messages of queues that no entity names any more go into the quarantine, and so do entities that were refused. */
  dropUnclaimed(refused: readonly StoredEntity[] = []): number {
    this.#removeRefused(refused)
    // New queues have new numbers.
    this.#isClaimed = true
    this.#claimedQueues.clear()
    const unclaimed = [...this.#recovered]
    this.#recovered.clear()
    const recorders: QueueRecorder[] = []
    for (const [queueId, recovered] of unclaimed) {
      const recorder = new QueueRecorder(queueId, this.journal, this.#reader, recovered)
      this.journal.recorders.add(recorder)
      if (recovered.segments.size > 0) recorders.push(recorder)
      else this.journal.queueDeleted(recorder)
    }
    if (recorders.length > 0) {
      this.#quarantining = this.#quarantineQueues(recorders).finally(() => {
        this.#quarantining = undefined
      })
    }
    return recorders.length
  }

  /** Before anybody can make one with the same name. */
  #removeRefused(refused: readonly StoredEntity[]): void {
    if (refused.length === 0) return
    try {
      keepRefusedEntities(this.#quarantine, refused)
      for (const { kind, key } of refused) this.journal.remove(kind, key)
    } catch (error) {
      this.#options.onDamage?.(`entities could not be put into the quarantine, and stay: ${reasonOf(error)}`)
    }
  }

  async #quarantineQueues(recorders: readonly QueueRecorder[]): Promise<void> {
    try {
      // It is open: both are there.
      const quarantine = await Quarantine.create(this.#quarantine, this.#catalogue as Catalogue, this.#logs as LogFiles)
      for (const { queueId, segments } of recorders) await quarantine.keepQueue(queueId, segments.values())
      await quarantine.sync()
      for (const recorder of recorders) this.journal.queueDeleted(recorder)
    } catch (error) {
      // They stay where they are: the next start tries again.
      this.#options.onDamage?.(`messages of unknown queues could not be put into the quarantine: ${reasonOf(error)}`)
    }
  }

  async read(file: number, buffer: Buffer, offset: number): Promise<void> {
    if (file === 0) copyEntry(await this.#catalogue?.page(offset), buffer, offset)
    else await this.#logs?.read(file, buffer, offset)
  }

  readNow(file: number, buffer: Buffer, offset: number): void {
    if (file === 0) copyEntry(this.#catalogue?.pageNow(offset), buffer, offset)
    else this.#logs?.readNow(file, buffer, offset)
  }

  #createJournal(logs: LogFiles, lastCommit: number): LevelJournal {
    const { durability = 'sync', syncIntervalMs = DEFAULT_SYNC_INTERVAL_MS, onFatal } = this.#options
    return new LevelJournal(logs, lastCommit, {
      durability,
      syncIntervalMs,
      nextTurn: (work) => setImmediate(work),
      afterCommit: () => this.#afterCommit(),
      onFatal: onFatal ?? (() => {}),
      onDamage: this.#options.onDamage ?? (() => {}),
      onDefect: this.#options.onDefect ?? (() => {}),
    })
  }

  /** With little room, what consumers free is given back at once: publishers wait for it. */
  #roomSeen(freeBytes: number): void {
    const { journal } = this
    const isShort = freeBytes < this.#freeBytesMin
    this.#isRoomShort = isShort
    this.#logs?.keepSpares(freeBytes - this.#freeBytesMin > this.#logFileBytes * SPARE_ROOM_FILES)
    const mebibytes = Math.ceil(this.#freeBytesMin / 1024 / 1024)
    journal.roomTrouble(isShort ? `the disk has less than ${mebibytes} MiB left: make room on the disk` : undefined)
    if (isShort && journal.isIdle) this.#afterCommit()
  }

  #afterCommit(): void {
    this.#room?.written(this.#logs?.writtenBytes ?? 0)
    if (this.#mayCheckpoint) this.#checkpointer?.afterCommit(this.#isRoomShort)
    const limit = this.#options.memoryBytes ?? DEFAULT_MEMORY_BYTES
    // What could not be evicted the last time is not looked at again before there is more.
    if (this.#pool.bytesInUse > Math.max(limit, this.#bytesKept + limit * EVICT_STEP_SHARE)) {
      this.#evict(this.#pool.bytesInUse - limit * EVICT_TO_SHARE)
      this.#bytesKept = this.#pool.bytesInUse
    } else this.#bytesKept = Math.min(this.#bytesKept, this.#pool.bytesInUse)
  }

  #evict(bytes: number): void {
    let left = bytes
    for (const log of this.#logsOfQueues) {
      if (log.isClosed) this.#logsOfQueues.delete(log)
      else if (left > 0) left -= log.evict(left)
    }
  }
}

/** The segment as it was, its records still on the disk. */
function restoreSegment(log: QueueLog, stored: StoredSegment, recorder: QueueRecorder): void {
  const segment = new Segment()
  segment.sequence = stored.sequence
  segment.count = stored.gathered
  segment.stored = stored
  segment.deliveries = stored.deliveries
  stored.segment = segment
  stored.settledBits = stored.settledBefore(stored.gathered)
  stored.pages.sort((a, b) => a.first - b.first)
  let ready = 0
  let next = 0
  for (const page of stored.pages) {
    // What lies between pages was transient, or settled before it was written.
    for (; next < page.first; next++) stored.settle(next)
    ready += stored.unsettledIn(page)
    next = page.first + page.count
  }
  for (; next < segment.count; next++) stored.settle(next)
  segment.settledCount = segment.count - ready
  if (ready === 0) {
    recorder.released(segment)
    return
  }
  log.restore(segment, ready)
}

function copyEntry(entry: Buffer | undefined, buffer: Buffer, id: number): void {
  if (entry === undefined || entry.length !== buffer.length)
    throw new RangeError(`catalogue entry ${id} is missing or damaged`)
  buffer.set(entry)
}
