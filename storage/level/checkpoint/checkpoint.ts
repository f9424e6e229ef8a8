/** Brings the catalogue up to the log, and gives back log files that nothing needs any more. */
import type { Catalogue } from '../catalogue/catalogue.ts'
import type { CatalogueOperation } from '../catalogue/catalogue-records.ts'
import { CatalogueWriter } from '../catalogue/catalogue-writer.ts'
import { DisplacedError } from '../disk/disk-errors.ts'
import type { EntityChange } from '../log/entity-change.ts'
import type { LevelJournal } from '../log/level-journal.ts'
import type { LogFiles } from '../log/log-files.ts'
import { type CatalogueIds, CatalogueUpdate } from './catalogue-update.ts'
import type { EntityCopy } from './entity-copy.ts'
import { StragglerMoves } from './straggler-moves.ts'

/** Log bytes written since the last time that make another one due, as a share of a log file. */
const DUE_SHARE = 0.75
/** So many log files that the catalogue has not taken in are too many: publishers have to wait. */
const BEHIND_FILES = 4

export interface CheckpointOptions {
  readonly logFileBytes: number
  /** Bytes the disk has left. */
  readonly freeBytes: () => Promise<number>
  readonly copy: EntityCopy
}

export class Checkpointer {
  readonly #catalogue: Catalogue
  readonly #journal: LevelJournal
  readonly #logs: LogFiles
  readonly #ids: CatalogueIds
  readonly #logFileBytes: number
  readonly #writer: CatalogueWriter
  readonly #moves: StragglerMoves
  readonly #copy: EntityCopy
  /** Of the bytes of the log: those that the last one, which may be under way, and the last one that is safe, began with. */
  #begunBytes = 0
  #safeBytes = 0
  #running: Promise<void> | undefined
  /** The catalogue is being brought up to the log; what comes behind that is not urgent. */
  #isWriting = false
  #isClosing = false
  /** The catalogue was not told of everything, and will not be any more: the log has it. */
  #hasGivenUp = false

  constructor(
    catalogue: Catalogue,
    journal: LevelJournal,
    logs: LogFiles,
    ids: CatalogueIds,
    { logFileBytes, freeBytes, copy }: CheckpointOptions,
  ) {
    this.#copy = copy
    this.#catalogue = catalogue
    this.#journal = journal
    this.#logs = logs
    this.#ids = ids
    this.#logFileBytes = logFileBytes
    this.#writer = new CatalogueWriter(catalogue, journal, freeBytes)
    this.#moves = new StragglerMoves({ catalogue, writer: this.#writer, journal, logs, ids, logFileBytes })
  }

  /** To be called between two commits. When it is urgent, a log file that nothing needs any more is enough to begin. */
  afterCommit(isUrgent = false): void {
    if (this.#isDue || (isUrgent && this.isFree && this.#logs.hasFree)) void this.#start()
    this.#tellHowFar()
  }

  /** Begins as soon as no commit is under way, unless another one has begun by then. */
  beginBetweenCommits(): void {
    this.#journal.whenDurable(() => {
      if (this.isFree) void this.#start()
    })
  }

  /** Brings the catalogue up to the very end of the log, which grows no more. */
  async finish(): Promise<void> {
    await this.stop()
    if (!this.#hasGivenUp) await this.#start()
  }

  /** Ends what is under way; nothing begins by itself any more. */
  async stop(): Promise<void> {
    this.#isClosing = true
    this.#writer.stop()
    this.#moves.stop()
    await this.#running
  }

  /** None is under way, and the next one may begin. */
  get isFree(): boolean {
    return !this.#isClosing && !this.#hasGivenUp && this.#running === undefined
  }

  get #isDue(): boolean {
    return this.isFree && this.#logs.writtenBytes - this.#begunBytes >= this.#logFileBytes * DUE_SHARE
  }

  /** One runs at a time, and begins between two commits: the state that is written is that of the last one. */
  #start(): Promise<void> {
    const running = this.#run()
      .catch((error: unknown) => this.#journal.catalogueFailed(error))
      .then(() => {
        this.#running = undefined
        this.#tellHowFar()
        // Commits may be waiting for this.
        if (this.#isDue) this.#journal.whenDurable(() => this.afterCommit())
      })
    this.#running = running
    return running
  }

  async #run(): Promise<void> {
    const begunBytes = this.#logs.writtenBytes
    this.#begunBytes = begunBytes
    this.#isWriting = true
    const { number } = this.#logs.current
    const unneeded = this.#logs.all().filter((log) => log.number < number && log.pages.size === 0)
    const { commit } = this.#journal
    const changes = [...this.#journal.changes.changedEntities.values()]
    const update = new CatalogueUpdate(this.#journal, this.#logs, this.#catalogue, this.#ids)
    const operations = await update.operations()
    if (!(await this.#write(operations, changes, commit))) {
      this.#hasGivenUp = true
      return
    }
    this.#safeBytes = begunBytes
    this.#isWriting = false
    this.#tellHowFar()
    // What they told is in the catalogue alone from now on. What cannot be removed now is removed after the next start.
    for (const log of unneeded) await this.#logs.remove(log).catch(() => {})
    await this.#moves.run().catch((error: unknown) => {
      // A log file that is not in its place is told of elsewhere, and may be put back.
      if (!(error instanceof DisplacedError)) this.#journal.unreadable(error)
    })
  }

  /** First the log, which neither the copy of the entities nor the catalogue must be ahead of. False when that failed. */
  async #write(
    operations: readonly CatalogueOperation[],
    changes: readonly EntityChange[],
    commit: number,
  ): Promise<boolean> {
    if (!(await this.#journal.syncLog())) return false
    await this.#copy.follow(changes, commit, this.#catalogue)
    return await this.#writer.write(operations)
  }

  #tellHowFar(): void {
    const isLogLong = this.#logs.writtenBytes - this.#safeBytes > this.#logFileBytes * BEHIND_FILES
    const isSlow = this.#isWriting && this.#catalogue.isBehind
    this.#journal.catalogueBehind(this.#running !== undefined && (isLogLong || isSlow))
  }
}
