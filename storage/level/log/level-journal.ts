/**
 * Group commit: one commit is on its way to the disk, everything that is staged meanwhile goes into the next. A commit
 * is one append to the log and, depending on the durability, one sync.
 */
import type { Journal } from '../../journal.ts'
import { ENTITY_BYTES } from '../../staged-entities.ts'
import type { StoreFigures } from '../../store-figures.ts'
import type { Page } from '../disk/places.ts'
import { CommitHold } from './commit-hold.ts'
import { CommitWaiters } from './commit-waiters.ts'
import { CommitWriter } from './commit-writer.ts'
import { Congestion } from './congestion.ts'
import type { Durability } from './durability.ts'
import { FrameBuilder } from './frame-builder.ts'
import type { BlockLender } from './frame-pieces.ts'
import type { LogFiles } from './log-files.ts'
import type { QueueRecorder } from './queue-recorder.ts'
import { StagedChanges, type Unneeded } from './staged-changes.ts'
import type { StoredSegment } from './stored-segment.ts'

export interface JournalOptions {
  readonly durability: Durability
  /** With durability `interval`: how often the log is synced, in milliseconds. */
  readonly syncIntervalMs: number
  /** Counts what is written. */
  readonly figures: StoreFigures
  /** Lends memory for commits that are large. */
  readonly lender: BlockLender
  /** Runs the work in the next turn of the event loop. */
  readonly nextTurn: (work: () => void) => void
  /** Called between two commits: the time to bring the catalogue up to date. */
  readonly afterCommit: () => void
  /** The store cannot be trusted any more: a sync failed, or a segment could not be read back. */
  readonly onFatal: (error: Error) => void
  /** Something on the disk is damaged and was left out, or could not be kept. */
  readonly onDamage: (text: string) => void
  /** A callback that waited for a commit has thrown. */
  readonly onDefect: (error: unknown) => void
}

export class LevelJournal implements Journal {
  stagedCount = 0
  commitsBegun = 0
  /** Number of the commit that is on its way, or was last. */
  commit: number
  /** What was staged, and what the catalogue has yet to be told of. */
  readonly changes = new StagedChanges()
  readonly #logs: LogFiles
  readonly #options: JournalOptions
  readonly #listeners = new Set<() => void>()
  readonly #builder: FrameBuilder
  readonly #waiters: CommitWaiters
  readonly #congestion = new Congestion(() => this.#changed())
  readonly #hold = new CommitHold()
  readonly holdCommits = (): (() => void) | undefined => this.#hold.hold()
  #isArmed = false
  #running: Promise<void> | undefined
  #isClosing = false
  #isClosed = false
  /** Something went wrong that cannot be put right while the broker runs: the journal commits nothing any more. */
  #isFailed = false
  readonly #writer: CommitWriter

  constructor(logs: LogFiles, lastCommit: number, options: JournalOptions) {
    this.#logs = logs
    this.#options = options
    this.#builder = new FrameBuilder(options.lender)
    this.#waiters = new CommitWaiters(options.onDefect)
    this.commit = lastCommit
    this.#writer = new CommitWriter(logs, this.#congestion, {
      durability: options.durability,
      syncIntervalMs: options.syncIntervalMs,
      figures: options.figures,
      onSyncFailed: (error) => this.#fail('the log cannot be synced', error),
    })
  }

  get isCongested(): boolean {
    return this.#congestion.isCongested
  }

  get trouble(): string | undefined {
    return this.#congestion.trouble
  }

  /** What is wrong but for a disk with little room: what makes room must go on then. */
  get troubleBesidesRoom(): string | undefined {
    return this.#congestion.troubleBesidesRoom
  }

  /** No commit is on its way, and all that there was is durable. */
  get isIdle(): boolean {
    return this.#running === undefined && !this.#isClosing && !this.#isFailed && !this.#hasWork()
  }

  /** A durable message of so many bytes was appended somewhere. */
  staged(bytes: number): void {
    this.stagedCount++
    this.#congestion.staged(bytes)
  }

  touch(recorder: QueueRecorder): void {
    this.changes.touch(recorder)
    this.#arm()
  }

  put(kind: number, key: string, value: Uint8Array): void {
    this.changes.changeEntity(kind, key, value)
    this.#congestion.staged(ENTITY_BYTES + value.length)
    this.#arm()
  }

  remove(kind: number, key: string): void {
    this.changes.changeEntity(kind, key, undefined)
    this.#congestion.staged(ENTITY_BYTES)
    this.#arm()
  }

  queueDeleted(recorder: QueueRecorder): void {
    if (this.#isClosed) return
    this.changes.deleteQueue(recorder)
    this.#arm()
  }

  pageAdded(page: Page, stored: StoredSegment): void {
    this.#logs.pageAdded(page, stored)
  }

  whenDurable(whenDurable: () => void, whenLost: () => void = () => {}): void {
    if (this.#isFailed || (this.#isClosed && !this.changes.isEmpty)) whenLost()
    else if (this.#isArmed || this.#hasWork() || this.#running !== undefined) {
      this.#waiters.add(whenDurable, whenLost)
      this.#arm()
    } else if (this.#isClosing) {
      // Those who wait at once, again and again, must not keep it from closing.
      this.#options.nextTurn(() => this.#waiters.call(whenDurable))
    } else whenDurable()
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The next commit, which comes at once, goes to a log file that takes no room yet. */
  startFreshLog(): void {
    this.#writer.wantFreshLog()
    this.#arm()
  }

  /** Calls what has waited for the disk; what it throws ends nothing else. */
  call(callback: () => void): void {
    this.#waiters.call(callback)
  }

  damaged(text: string): void {
    this.#options.onDamage(text)
  }

  /** The catalogue cannot be written for the time being: nothing is lost, the log has it, but it grows. */
  catalogueTrouble(trouble: string | undefined): void {
    this.#congestion.setTrouble('catalogue', trouble)
  }

  /**
   * The disk is nearly full, and what makes room again must still fit; or files of the store are not in their place, and
   * what comes in now would not be there after a restart.
   */
  diskTrouble(of: 'room' | 'place', trouble: string | undefined): void {
    this.#congestion.setTrouble(of, trouble)
  }

  /** The catalogue takes in less than is logged: publishers have to wait for it. */
  catalogueBehind(isBehind: boolean): void {
    this.#congestion.catalogueBehind(isBehind)
  }

  /** The catalogue failed to take what the log has, though there is room. */
  catalogueFailed(error: unknown): void {
    this.#fail('the catalogue cannot be written', error)
  }

  /** The disk failed to give back what is on it. */
  unreadable(error: unknown): void {
    this.#fail('the store cannot be read', error)
  }

  /** Commits what is staged and stops; nothing can be staged afterwards. */
  async close(): Promise<void> {
    this.#writer.hurry()
    this.#isClosing = true
    await this.#running
    while (this.#hasWork() && !this.#isFailed) {
      await this.#run()
      await new Promise<void>((resolve) => this.#options.nextTurn(resolve))
      // Those that were told may wait for the next commit at once, again and again.
      if (this.changes.isEmpty) break
    }
    this.#isClosed = true
    this.#waiters.begin()
    this.#waiters.tellDurable()
    await this.#writer.end()
  }

  #hasWork(): boolean {
    return !this.changes.isEmpty || this.#waiters.areWaiting
  }

  /** While the journal closes, `close` alone runs the commits, and waits for each. */
  #arm(): void {
    if (this.#isArmed || this.#running !== undefined || this.#isClosing || this.#isFailed) return
    this.#isArmed = true
    this.#options.nextTurn(() => {
      this.#isArmed = false
      if (this.#running === undefined && !this.#isClosing && !this.#isFailed) void this.#run()
    })
  }

  #run(): Promise<void> {
    const running = this.#commit().then(
      () => {
        this.#running = undefined
        // In the next turn: those that were just told may have something to say first, which others wait for.
        if (this.#hasWork()) this.#arm()
      },
      (error: unknown) => this.#fail('the log cannot be written', error),
    )
    this.#running = running
    return running
  }

  async #commit(): Promise<void> {
    if (this.#writer.isLogDue) await this.#writer.startLog()
    if (this.#hold.isHeld) await this.#hold.whenFree()
    this.#waiters.begin()
    const log = this.#logs.current
    const unneeded = this.changes.gather(this.#builder, log)
    this.commitsBegun++
    this.#congestion.commitBegins()
    if (!this.#builder.isEmpty) {
      const frame = this.#builder.finish(++this.commit, log.mark)
      const whyNot = await this.#writer.write(frame, log)
      if (whyNot !== undefined) {
        this.#giveUp(whyNot)
        return
      }
      this.#builder.written()
      if (this.#isFailed) return
    }
    const isRelieved = this.#congestion.commitEnds()
    this.#removePages(unneeded)
    this.#waiters.tellDurable()
    if (isRelieved) this.#changed()
    this.#options.afterCommit()
  }

  /** While the commit was under way, pages may have moved into the catalogue. */
  #removePages({ pages, segments }: Unneeded): void {
    for (const page of pages) this.#logs.pageRemoved(page)
    for (const stored of segments) for (const page of stored.pages) this.#logs.pageRemoved(page)
  }

  /** There is no time left to wait for room. The journal has confirmed nothing of this. */
  #giveUp(reason: string): void {
    this.#isFailed = true
    this.#options.onDamage(
      `what was not confirmed yet is lost: the log could not be written before the end (${reason})`,
    )
    this.#waiters.tellLost()
  }

  /** Makes safe what was written so far: the catalogue must never be ahead of the log. False when that failed. */
  syncLog(): Promise<boolean> {
    return this.#writer.sync()
  }

  #fail(what: string, error: unknown): void {
    if (this.#isFailed) return
    this.#isFailed = true
    const reason = error instanceof Error ? error.message : String(error)
    this.#congestion.fail(`${what} (${reason}): check the disk, then start the broker again`)
    this.#options.onFatal(error instanceof Error ? error : new Error(reason))
    this.#waiters.tellLost()
  }

  #changed(): void {
    for (const listener of this.#listeners) this.#waiters.call(listener)
  }
}
