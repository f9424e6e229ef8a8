/**
 * Keeps messages and entities in a folder: a log that is synced, and a LevelDB catalogue that follows it. One process
 * uses a folder at a time.
 */
import { SYSTEM_CLOCK } from '../../src/lib/clock.ts'
import { QueueLog } from '../queue-log.ts'
import { SegmentPool } from '../segment-pool.ts'
import type { OpenOptions, Recovery, Storage, StoredEntity, VhostStorage } from '../storage.ts'
import type { StorageMemory } from '../storage-memory.ts'
import { StoreFigures } from '../store-figures.ts'
import { ReadProgress } from './disk/read-progress.ts'
import { Eviction } from './eviction.ts'
import { type LevelStorageOptions, type StoreSettings, storeSettings } from './level-storage-options.ts'
import type { LevelJournal } from './log/level-journal.ts'
import { OpenStore } from './recovery/open-store.ts'
import { recoveryOf } from './recovery/store-state.ts'
import { RunningStore } from './running-store.ts'

export class LevelStorage implements Storage, VhostStorage {
  readonly kind = 'leveldb'
  readonly isDurable = true
  readonly figures: StoreFigures = new StoreFigures()
  readonly #settings: StoreSettings
  readonly #pool = new SegmentPool()
  readonly #eviction: Eviction
  /** It is open, or on its way there. */
  #isOpening = false
  #isClosed = false
  /** Undefined before it is open. */
  #store: RunningStore | undefined

  constructor(options: LevelStorageOptions) {
    this.#settings = storeSettings(options)
    const logs = (): Iterable<QueueLog> => this.journal.changes.logs()
    this.#eviction = new Eviction(this.#pool, this.#settings.memoryBytes, logs)
  }

  get disk(): { readonly folder: string; readonly freeBytesMin: number } {
    const { folder, freeBytesMin } = this.#settings
    return { folder, freeBytesMin }
  }

  get bytesInUse(): number {
    return this.#pool.bytesInUse
  }

  get memory(): StorageMemory {
    return this.#pool
  }

  /** Bytes of messages that stay in memory though they are safe on the disk. It may change at any time. */
  set memoryBytes(value: number) {
    this.#eviction.bytesMax = storeSettings({ folder: this.#settings.folder, memoryBytes: value }).memoryBytes
  }

  get journal(): LevelJournal {
    return this.#opened.journal
  }

  get #opened(): RunningStore {
    if (this.#store === undefined) throw new Error('the storage is not open yet')
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
      const progress = new ReadProgress(onProgress, clock)
      const { store, found } = await OpenStore.open({ ...this.#settings, progress, clock })
      const [settings, pool, figures] = [this.#settings, this.#pool, this.figures]
      const afterCommit = (): void => this.#eviction.look()
      const parts = { settings, pool, figures, afterCommit }
      this.#store = await RunningStore.start(store, found, parts).catch(async (error: unknown) => {
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
    return await this.#opened.backup()
  }

  async close(): Promise<void> {
    if (this.#store === undefined || this.#isClosed) return
    this.#isClosed = true
    await this.#store.close()
    this.#pool.close()
  }

  /** All of them share one journal: a commit is one write, whatever virtual hosts it is of. */
  vhost(): VhostStorage {
    return this
  }

  newQueueId(): number {
    return this.#opened.queues.newId()
  }

  /** Throws Error when two queues of the store have the same number: the first of them has the messages. */
  createQueueLog(queueId?: number): QueueLog {
    return queueId === undefined ? new QueueLog(this.#pool) : this.#opened.queues.createLog(queueId)
  }

  /** Messages of queues that no entity names any more go into the quarantine, and so do entities that were refused. */
  dropUnclaimed(refused: readonly StoredEntity[] = []): number {
    return this.#opened.queues.dropUnclaimed(refused)
  }
}
