/**
 * A store that is open and at work: the queues commit through its journal, the catalogue follows the log, what nothing needs any
 * more is given back to the disk, and publishers wait while the disk has little room.
 */
import { guarded } from '../../src/lib/guarded.ts'
import type { SegmentPool } from '../segment-pool.ts'
import type { StoreFigures } from '../store-figures.ts'
import { idsBehind } from './checkpoint/catalogue-update.ts'
import { Checkpointer } from './checkpoint/checkpoint.ts'
import { GiveBack } from './checkpoint/give-back.ts'
import { DiskRoom } from './disk/disk-room.ts'
import type { StoreSettings } from './level-storage-options.ts'
import { LevelJournal } from './log/level-journal.ts'
import { PageReader } from './log/page-reader.ts'
import { ReadBack } from './log/read-back.ts'
import type { OpenStore } from './recovery/open-store.ts'
import type { RecoveredStore } from './recovery/recovery.ts'
import { StoredPages } from './recovery/stored-pages.ts'
import { StoredQueues } from './recovery/stored-queues.ts'

/** Once the disk was short of room, it must have so much of what it must have before publishers go on: it would come and go otherwise. */
const ROOM_AGAIN_SHARE = 1.05
/** Log files are kept to be used again while the disk has room for so many beside what must be left. */
const SPARE_ROOM_FILES = 32

export interface RunningStoreParts {
  readonly settings: StoreSettings
  readonly pool: SegmentPool
  readonly figures: StoreFigures
  /** Called between two commits: what is safe may leave memory. */
  readonly afterCommit: () => void
}

export class RunningStore {
  readonly journal: LevelJournal
  readonly queues: StoredQueues
  readonly #store: OpenStore
  readonly #settings: StoreSettings
  readonly #afterOthers: () => void
  readonly #reader: PageReader
  readonly #checkpointer: Checkpointer
  readonly #giveBack: GiveBack
  readonly #room: DiskRoom
  #isRoomShort = false
  #isCopying = false
  #isClosed = false

  private constructor(store: OpenStore, found: RecoveredStore, parts: RunningStoreParts) {
    const { settings, pool, figures, afterCommit } = parts
    const { logFileBytes, freeBytesMin, onDamage, onDefect } = settings
    const { logs, catalogue, files, copy } = store
    this.#store = store
    this.#settings = settings
    this.#afterOthers = afterCommit
    this.journal = new LevelJournal(logs, found.lastCommit, {
      ...settings,
      figures,
      lender: pool,
      nextTurn: (work) => setImmediate(work),
      afterCommit: guarded(() => this.#afterCommit(), onDefect),
    })
    const { journal } = this
    const ids = idsBehind(found, pool)
    pool.nextSequence = found.nextSequence
    this.#reader = new PageReader(new StoredPages(store), pool)
    const readBack = new ReadBack(this.#reader, journal)
    this.queues = new StoredQueues(found.queues, { store, journal, pool, readBack, ids, onDamage })
    const freeBytes = (): Promise<number> => files.freeBytes()
    this.#checkpointer = new Checkpointer(catalogue, journal, logs, ids, { logFileBytes, freeBytes, copy })
    const seen = guarded((bytes: number) => this.#roomSeen(bytes), onDefect)
    this.#room = new DiskRoom(files, freeBytesMin, seen)
    this.#giveBack = new GiveBack({
      journal,
      logs,
      entries: catalogue.entries,
      checkpointer: this.#checkpointer,
      mayBegin: () => this.queues.areAllThere,
      onDefect,
    })
  }

  /** Goes on with what was found in the store. When it fails, the store is still open, and nothing else. */
  static async start(store: OpenStore, found: RecoveredStore, parts: RunningStoreParts): Promise<RunningStore> {
    const isCompleted = await store.goOnFrom(found)
    const running = new RunningStore(store, found, parts)
    const { journal } = running
    if (!isCompleted) journal.changes.changedEntities = found.changedEntities
    await running.#room.start()
    running.#giveBack.start()
    const { onDefect } = parts.settings
    store.place.watch(guarded((trouble: string | undefined) => journal.diskTrouble('place', trouble), onDefect))
    return running
  }

  /** A copy of what is safe now, as a tar archive. One at a time. */
  async backup(): Promise<AsyncIterable<Uint8Array>> {
    if (this.#isClosed) throw new Error('the storage was closed')
    if (this.#isCopying) throw new Error('a copy of the store is being made: wait until it is done')
    this.#isCopying = true
    const onEnd = (): void => {
      this.#isCopying = false
    }
    const { logs, catalogue } = this.#store
    const { copyLive } = await import('./copy/live-copy.ts')
    return await copyLive({ journal: this.journal, logs, catalogue, onEnd })
  }

  /** What is staged is committed first, and the catalogue is brought up to the end of the log. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#reader.stop()
    await this.queues.whenQuarantined()
    this.#giveBack.stop()
    await this.journal.close()
    this.#room.stop()
    this.#store.place.stop()
    const isWhole = this.journal.trouble === undefined && this.queues.areAllThere
    await (isWhole ? this.#checkpointer.finish() : this.#checkpointer.stop())
    await this.#store.close()
  }

  #afterCommit(): void {
    this.#room.written(this.#store.logs.writtenBytes)
    // The catalogue is told of queues that have their logs; and what is copied into the quarantine must not move.
    if (this.queues.areAllThere) this.#checkpointer.afterCommit(this.#isRoomShort)
    this.#afterOthers()
  }

  /** With little room, what consumers free is given back at once: publishers wait for it. */
  #roomSeen(freeBytes: number): void {
    const { freeBytesMin, logFileBytes } = this.#settings
    const isShort = freeBytes < freeBytesMin * (this.#isRoomShort ? ROOM_AGAIN_SHARE : 1)
    this.#isRoomShort = isShort
    this.#store.logs.keepSpares(freeBytes - freeBytesMin > logFileBytes * SPARE_ROOM_FILES)
    const mebibytes = Math.ceil(freeBytesMin / 1024 / 1024)
    this.journal.diskTrouble(
      'room',
      isShort ? `the disk has less than ${mebibytes} MiB left: make room on the disk` : undefined,
    )
    if (isShort && this.journal.isIdle) this.#afterCommit()
  }
}
