/**
 * Keeps messages and entities in a folder: a log that is synced, and a LevelDB catalogue that follows it. One process
 * uses a folder at a time.
 */
import { SYSTEM_CLOCK } from '../../src/lib/clock.ts'
import { guarded } from '../../src/lib/guarded.ts'
import { QueueLog } from '../queue-log.ts'
import { SegmentPool } from '../segment-pool.ts'
import type { OpenOptions, Recovery, Storage, StoredEntity, VhostStorage } from '../storage.ts'
import type { StorageMemory } from '../storage-memory.ts'
import { StoreFigures } from '../store-figures.ts'
import { type CatalogueIds, firstIds } from './checkpoint/catalogue-update.ts'
import { Checkpointer } from './checkpoint/checkpoint.ts'
import { GiveBack } from './checkpoint/give-back.ts'
import { DiskRoom } from './disk/disk-room.ts'
import { ReadProgress } from './disk/read-progress.ts'
import { Eviction } from './eviction.ts'
import { checkLevelStorageOptions, type LevelStorageOptions } from './level-storage-options.ts'
import { LevelJournal } from './log/level-journal.ts'
import type { LogFiles } from './log/log-files.ts'
import { PageReader, type PageSource } from './log/page-reader.ts'
import { QueueRecorder } from './log/queue-recorder.ts'
import { ReadBack } from './log/read-back.ts'
import { quarantineEntities, quarantineQueues } from './recovery/left-out.ts'
import { OpenStore } from './recovery/open-store.ts'
import { QueueClaims } from './recovery/queue-claims.ts'
import type { RecoveredStore } from './recovery/recovery.ts'
import { restoreLog } from './recovery/restore-log.ts'
import { pagesOf, recoveryOf } from './recovery/store-state.ts'

const DEFAULT_LOG_FILE_BYTES = 64 * 1024 * 1024
const DEFAULT_SYNC_INTERVAL_MS = 100
const DEFAULT_FREE_BYTES_MIN = 64 * 1024 * 1024
/** Once the disk was short of room, it must have so much of what it must have before publishers go on: it would come and go otherwise. */
const ROOM_AGAIN_SHARE = 1.05
/** Log files are kept to be used again while the disk has room for so many beside what must be left. */
const SPARE_ROOM_FILES = 32
const DEFAULT_MEMORY_BYTES = 512 * 1024 * 1024
const NOT_OPEN = 'the storage is not open yet'

export class LevelStorage implements Storage, VhostStorage, PageSource {
  readonly kind = 'leveldb'
  readonly isDurable = true
  readonly #options: LevelStorageOptions
  readonly #pool = new SegmentPool()
  readonly #reader = new PageReader(this, this.#pool)
  readonly #readBack = new ReadBack(this.#reader, () => this.journal)
  readonly #ids: CatalogueIds = firstIds(this.#pool)
  readonly #eviction: Eviction
  #claims = new QueueClaims(new Map())
  #quarantining: Promise<void> | undefined
  #store: OpenStore | undefined
  #journal: LevelJournal | undefined
  /** It is open, or on its way there. */
  readonly figures: StoreFigures = new StoreFigures()
  #isOpening = false
  #isClosed = false
  #isCopying = false
  #room: DiskRoom | undefined
  #isRoomShort = false
  #checkpointer: Checkpointer | undefined
  #giveBack: GiveBack | undefined

  constructor(options: LevelStorageOptions) {
    checkLevelStorageOptions(options)
    this.#options = options
    const logs = (): Iterable<QueueLog> => this.journal.changes.logs()
    this.#eviction = new Eviction(this.#pool, options.memoryBytes ?? DEFAULT_MEMORY_BYTES, logs)
  }

  readonly #onDamage = (text: string): void => this.#options.onDamage?.(text)

  get disk(): { readonly folder: string; readonly freeBytesMin: number } {
    return { folder: this.#options.folder, freeBytesMin: this.#freeBytesMin }
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

  get memory(): StorageMemory {
    return this.#pool
  }

  /** Bytes of messages that stay in memory though they are safe on the disk. It may change at any time. */
  set memoryBytes(value: number) {
    checkLevelStorageOptions({ ...this.#options, memoryBytes: value })
    this.#eviction.bytesMax = value
  }

  get journal(): LevelJournal {
    if (this.#journal === undefined) throw new Error(NOT_OPEN)
    return this.#journal
  }

  get #opened(): OpenStore {
    if (this.#store === undefined) throw new Error(NOT_OPEN)
    return this.#store
  }

  /**
   * Throws DataFolderError when it cannot use the folder, StoreVersionError and NewerFormatError for a store too new. A
   * storage that is open goes on as it was when it is opened again, which fails.
   */
  async open({ onProgress = () => {}, clock = SYSTEM_CLOCK }: OpenOptions = {}): Promise<Recovery> {
    if (this.#isClosed) throw new Error('the storage was closed: make another one')
    if (this.#isOpening) throw new Error('the storage is open already: every server needs a storage of its own')
    this.#isOpening = true
    this.#pool.setClock(clock)
    const startedAtMs = clock.monotonicMs()
    try {
      const { folder, files } = this.#options
      const progress = new ReadProgress(onProgress, clock)
      const plan = { folder, logFileBytes: this.#logFileBytes, files, progress, clock }
      const { store, found } = await OpenStore.open(plan)
      await this.#begin(store, found).catch(async (error: unknown) => {
        await store.close()
        throw error
      })
      return recoveryOf(found, clock.monotonicMs() - startedAtMs)
    } catch (error) {
      this.#isOpening = false
      throw error
    }
  }

  /** One at a time. */
  async backup(): Promise<AsyncIterable<Uint8Array>> {
    const { logs, catalogue } = this.#opened
    if (this.#isClosed) throw new Error('the storage was closed')
    if (this.#isCopying) throw new Error('a copy of the store is being made: wait until it is done')
    this.#isCopying = true
    const onEnd = (): void => {
      this.#isCopying = false
    }
    const { copyLive } = await import('./copy/live-copy.ts')
    return await copyLive({ journal: this.journal, logs, catalogue, onEnd })
  }

  async close(): Promise<void> {
    if (this.#store === undefined || this.#isClosed) return
    this.#isClosed = true
    this.#reader.stop()
    await this.#quarantining
    this.#giveBack?.stop()
    await this.journal.close()
    this.#room?.stop()
    this.#store.place.stop()
    const isWhole = this.journal.trouble === undefined && this.#mayCheckpoint
    await (isWhole ? this.#checkpointer?.finish() : this.#checkpointer?.stop())
    await this.#store.close()
    this.#pool.close()
  }

  /** The catalogue is told of queues that have their logs; and what is copied into the quarantine must not move. */
  get #mayCheckpoint(): boolean {
    return this.#claims.areAllClaimed && this.#quarantining === undefined
  }

  async #begin(store: OpenStore, found: RecoveredStore): Promise<void> {
    const { logs, catalogue, files } = store
    for (const { segments } of found.queues.values()) {
      for (const stored of segments.values()) for (const page of stored.pages) logs.pageAdded(page, stored)
    }
    // What the last process left behind is due as if this one had written it.
    logs.writtenBytes = found.replayedBytes
    logs.storeId = this.#ids.storeId = found.storeId
    const { number, bytes } = await logs.startNext(found.lastFile + 1)
    // What is damaged is told of once: the next start does not come across it again.
    const isCompleted = found.isIncomplete || found.findings.quarantined > 0
    if (isCompleted) await store.complete(found, { file: number, offset: bytes })
    else await catalogue.removePagesFrom(found.nextPageId)
    await catalogue.pagesFound(pagesOf(found))
    // Bodies that were shared may be needed still.
    for (const entry of found.unneededEntries) catalogue.entries.foundUnneeded(entry)
    this.#claims = new QueueClaims(found.queues)
    this.#ids.nextQueueId = found.nextQueueId
    this.#ids.nextPageId = found.nextPageId
    this.#pool.nextSequence = found.nextSequence
    const journal = this.#createJournal(logs, found.lastCommit)
    // A catalogue that was completed has them all, and may have newer ones than the log tells of.
    if (!isCompleted) journal.changes.changedEntities = found.changedEntities
    this.#checkpointer = new Checkpointer(catalogue, journal, logs, this.#ids, {
      logFileBytes: this.#logFileBytes,
      freeBytes: () => files.freeBytes(),
      copy: store.copy,
    })
    this.#journal = journal
    this.#store = store
    const { onDefect = () => {} } = this.#options
    const seen = guarded((freeBytes: number) => this.#roomSeen(freeBytes), onDefect)
    this.#room = new DiskRoom(files, this.#freeBytesMin, seen)
    await this.#room.start()
    this.#giveBack = new GiveBack({
      journal,
      logs,
      entries: catalogue.entries,
      checkpointer: this.#checkpointer,
      mayBegin: () => this.#mayCheckpoint,
      onDefect,
    })
    this.#giveBack.start()
    store.place.watch(guarded((trouble: string | undefined) => journal.diskTrouble('place', trouble), onDefect))
  }

  /** All of them share one journal: a commit is one write, whatever virtual hosts it is of. */
  vhost(): VhostStorage {
    return this
  }

  newQueueId(): number {
    return this.#ids.nextQueueId++
  }

  /** Throws Error when two queues of the store have the same number: the first of them has the messages. */
  createQueueLog(queueId?: number): QueueLog {
    if (queueId === undefined) return new QueueLog(this.#pool)
    const recovered = this.#claims.claim(queueId)
    this.#ids.nextQueueId = Math.max(this.#ids.nextQueueId, queueId + 1)
    const recorder = new QueueRecorder(queueId, this.journal, this.#readBack, recovered)
    const log = new QueueLog(this.#pool, recorder)
    recorder.log = log
    if (recovered !== undefined) restoreLog(log, recovered, recorder)
    return log
  }

  /** Messages of queues that no entity names any more go into the quarantine, and so do entities that were refused. */
  dropUnclaimed(refused: readonly StoredEntity[] = []): number {
    this.#removeRefused(refused)
    const recorders: QueueRecorder[] = []
    for (const [queueId, recovered] of this.#claims.takeUnclaimed()) {
      const recorder = new QueueRecorder(queueId, this.journal, this.#readBack, recovered)
      if (recovered.segments.size > 0) recorders.push(recorder)
      else this.journal.queueDeleted(recorder)
    }
    if (recorders.length > 0) {
      this.#quarantining = quarantineQueues(this.#opened, recorders, this.journal, this.#onDamage).finally(() => {
        this.#quarantining = undefined
      })
    }
    return recorders.length
  }

  /** Before a client can make one with the same name. */
  #removeRefused(refused: readonly StoredEntity[]): void {
    if (refused.length === 0) return
    const isKept = quarantineEntities(this.#opened, refused, this.#onDamage)
    if (isKept) for (const { kind, key } of refused) this.journal.remove(kind, key)
  }

  async read(file: number, buffer: Buffer, offset: number): Promise<boolean> {
    if (file !== 0) return this.#opened.logs.read(file, buffer, offset)
    copyEntry(await this.#opened.catalogue.page(offset), buffer, offset)
    return true
  }

  #createJournal(logs: LogFiles, lastCommit: number): LevelJournal {
    const {
      durability = 'sync',
      syncIntervalMs = DEFAULT_SYNC_INTERVAL_MS,
      onFatal,
      onDefect = () => {},
    } = this.#options
    return new LevelJournal(logs, lastCommit, {
      durability,
      syncIntervalMs,
      figures: this.figures,
      lender: this.#pool,
      nextTurn: (work) => setImmediate(work),
      afterCommit: guarded(() => this.#afterCommit(), onDefect),
      onFatal: onFatal ?? (() => {}),
      onDamage: this.#onDamage,
      onDefect,
    })
  }

  /** With little room, what consumers free is given back at once: publishers wait for it. */
  #roomSeen(freeBytes: number): void {
    const { journal } = this
    const isShort = freeBytes < this.#freeBytesMin * (this.#isRoomShort ? ROOM_AGAIN_SHARE : 1)
    this.#isRoomShort = isShort
    this.#opened.logs.keepSpares(freeBytes - this.#freeBytesMin > this.#logFileBytes * SPARE_ROOM_FILES)
    const mebibytes = Math.ceil(this.#freeBytesMin / 1024 / 1024)
    journal.diskTrouble(
      'room',
      isShort ? `the disk has less than ${mebibytes} MiB left: make room on the disk` : undefined,
    )
    if (isShort && journal.isIdle) this.#afterCommit()
  }

  #afterCommit(): void {
    this.#room?.written(this.#opened.logs.writtenBytes)
    if (this.#mayCheckpoint) this.#checkpointer?.afterCommit(this.#isRoomShort)
    this.#eviction.look()
  }
}

function copyEntry(entry: Buffer | undefined, buffer: Buffer, id: number): void {
  if (entry === undefined || entry.length !== buffer.length)
    throw new RangeError(`catalogue entry ${id} is missing or damaged`)
  buffer.set(entry)
}
