/**
 * Group commit: one commit is on its way to the disk, everything that is staged meanwhile goes into the next. A commit
 * is one append to the log and, depending on the durability, one sync.
 */
import type { Journal } from '../../journal.ts'
import { ENTITY_BYTES } from '../../staged-entities.ts'
import { type EntityChange, entityId } from '../catalogue/catalogue.ts'
import { isPassing, remedyFor } from '../disk/disk-errors.ts'
import { CommitHold } from './commit-hold.ts'
import { CommitWaiters } from './commit-waiters.ts'
import type { Durability } from './durability.ts'
import { FrameBuilder } from './frame-builder.ts'
import type { LogFile, LogFiles } from './log-files.ts'
import type { QueueRecorder } from './queue-recorder.ts'
import type { Page, StoredSegment } from './stored-segment.ts'
import { Troubles } from './troubles.ts'
import { UnsyncedLogs } from './unsynced-logs.ts'

export interface JournalOptions {
  readonly durability: Durability
  /** With durability `interval`: how often the log is synced, in milliseconds. */
  readonly syncIntervalMs: number
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

/** What the disk need not keep once the commit at hand is on it. */
export interface Unneeded {
  readonly pages: Page[]
  /** Segments with all the pages they have. */
  readonly segments: StoredSegment[]
}

/** Staged bytes from which on publishers should wait. */
const CONGESTED_BYTES = 32 * 1024 * 1024
/** How long to wait before writing is tried again when the disk is full or read-only. */
const RETRY_MS = 500

export class LevelJournal implements Journal {
  stagedCount = 0
  batch = 0
  /** Number of the commit that is on its way, or was last. */
  commit: number
  readonly recorders = new Set<QueueRecorder>()
  /** Entities changed since the catalogue was last brought up to date, by kind and key. */
  readonly changedEntities = new Map<string, EntityChange>()
  /** Queues deleted since then, with the segments the catalogue may know of. */
  readonly deletedQueues = new Map<number, readonly number[]>()
  readonly #logs: LogFiles
  readonly #options: JournalOptions
  readonly #listeners = new Set<() => void>()
  #builder = new FrameBuilder()
  readonly #waiters: CommitWaiters
  #touched: QueueRecorder[] = []
  #entities: EntityChange[] = []
  #deleted: QueueRecorder[] = []
  #stagedBytes = 0
  #inFlightBytes = 0
  readonly #troubles = new Troubles(() => this.#changed())
  #isCatalogueBehind = false
  readonly #hold = new CommitHold()
  readonly holdCommits = (): (() => void) | undefined => this.#hold.hold()
  #isArmed = false
  #wantsFreshLog = false
  #running: Promise<void> | undefined
  #isClosing = false
  #isClosed = false
  /** Something went wrong that nobody can put right while it runs: nothing is committed any more. */
  #isFailed = false
  #syncTimer: NodeJS.Timeout | undefined
  readonly #unsynced = new UnsyncedLogs((error) => this.#fail('the log cannot be synced', error))

  constructor(logs: LogFiles, lastCommit: number, options: JournalOptions) {
    this.#logs = logs
    this.#options = options
    this.#waiters = new CommitWaiters(options.onDefect)
    this.commit = lastCommit
    if (options.durability === 'interval') {
      this.#syncTimer = setInterval(() => void this.#syncLater(), options.syncIntervalMs)
      this.#syncTimer.unref()
    }
  }

  get isCongested(): boolean {
    return this.#areMany || this.#isHeldUp
  }

  get #isThrough(): boolean {
    return this.#options.durability === 'sync'
  }

  get trouble(): string | undefined {
    return this.#troubles.first
  }

  /** What is wrong but for a disk with little room: what makes room must go on then. */
  get troubleBesidesRoom(): string | undefined {
    return this.#troubles.besidesRoom
  }

  /** No commit is on its way, and all that there was is durable. */
  get isIdle(): boolean {
    return this.#running === undefined && !this.#isClosing && !this.#isFailed && !this.#hasWork()
  }

  /** A durable message of so many bytes was appended somewhere. */
  staged(bytes: number): void {
    this.stagedCount++
    this.#stage(bytes)
  }

  #stage(bytes: number): void {
    const wereMany = this.#areMany
    this.#stagedBytes += bytes
    if (this.#areMany && !wereMany && !this.#isHeldUp) this.#changed()
  }

  /** More bytes are on their way to the disk than should be. */
  get #areMany(): boolean {
    return this.#stagedBytes + this.#inFlightBytes > CONGESTED_BYTES
  }

  get #isHeldUp(): boolean {
    return this.#isCatalogueBehind || this.trouble !== undefined
  }

  touch(recorder: QueueRecorder): void {
    if (!recorder.isWaiting) {
      recorder.isWaiting = true
      this.#touched.push(recorder)
    }
    this.#arm()
  }

  put(kind: number, key: string, value: Uint8Array): void {
    this.#entities.push({ kind, key: Buffer.from(key), value: Buffer.from(value) })
    this.#stage(ENTITY_BYTES + value.length)
    this.#arm()
  }

  remove(kind: number, key: string): void {
    this.#entities.push({ kind, key: Buffer.from(key), value: undefined })
    this.#stage(ENTITY_BYTES)
    this.#arm()
  }

  queueDeleted(recorder: QueueRecorder): void {
    if (this.#isClosed) return
    this.#deleted.push(recorder)
    this.#arm()
  }

  pageAdded(page: Page, stored: StoredSegment): void {
    this.#logs.pageAdded(page, stored)
  }

  whenDurable(whenDurable: () => void, whenLost: () => void = () => {}): void {
    if (this.#isFailed || (this.#isClosed && this.#hasStaged())) whenLost()
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
    this.#wantsFreshLog = true
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
    this.#troubles.set('catalogue', trouble)
  }

  /**
   * The disk is nearly full, and what makes room again must still fit; or files of the store are not in their place, and
   * what comes in now would not be there after a restart.
   */
  diskTrouble(of: 'room' | 'place', trouble: string | undefined): void {
    this.#troubles.set(of, trouble)
  }

  /** The catalogue takes in less than is logged: publishers have to wait for it. */
  catalogueBehind(isBehind: boolean): void {
    if (this.#isCatalogueBehind === isBehind) return
    this.#isCatalogueBehind = isBehind
    this.#changed()
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
    clearInterval(this.#syncTimer)
    this.#isClosing = true
    await this.#running
    while (this.#hasWork() && !this.#isFailed) {
      await this.#run()
      await new Promise<void>((resolve) => this.#options.nextTurn(resolve))
      // Whoever was told may wait for the next commit at once, again and again.
      if (!this.#hasStaged()) break
    }
    this.#isClosed = true
    this.#waiters.begin()
    this.#waiters.tellDurable()
    await this.#syncLater()
  }

  #hasStaged(): boolean {
    return this.#touched.length + this.#entities.length + this.#deleted.length > 0
  }

  #hasWork(): boolean {
    return this.#hasStaged() || this.#waiters.areWaiting
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
    if (this.#logs.isFull || this.#wantsFreshLog) await this.#rotate()
    if (this.#hold.isHeld) await this.#hold.whenFree()
    this.#waiters.begin()
    const log = this.#logs.current
    const unneeded = this.#gather(log)
    this.batch++
    this.#inFlightBytes = this.#stagedBytes
    this.#stagedBytes = 0
    if (!this.#builder.isEmpty) {
      const frame = this.#builder.finish(++this.commit, log.mark)
      try {
        await this.#logs.append(frame, this.#isThrough)
      } catch (error) {
        if (!(await this.#writeAgain(frame, error))) return
      }
      this.#builder.written()
      if (this.#isFailed) return
      if (!this.#isThrough) this.#unsynced.add(log)
    }
    const wasCongested = this.isCongested
    this.#inFlightBytes = 0
    this.#letGo(unneeded)
    this.#waiters.tellDurable()
    if (wasCongested && !this.isCongested) this.#changed()
    this.#options.afterCommit()
  }

  /** Puts everything staged into the frame; returns what is not needed once it is durable. */
  #gather(log: LogFile): Unneeded {
    const builder = this.#builder
    const unneeded: Unneeded = { pages: [], segments: [] }
    const changes = this.#entities
    this.#entities = []
    for (const { kind, key, value } of changes) {
      if (value === undefined) builder.remove(kind, key)
      else builder.put(kind, key, value)
      this.changedEntities.set(entityId(kind, key), { kind, key, value })
    }
    const touched = this.#touched
    this.#touched = []
    for (const recorder of touched) {
      recorder.isWaiting = false
      if (!recorder.isDeleted) recorder.gather(builder, log, unneeded)
    }
    const deleted = this.#deleted
    this.#deleted = []
    for (const recorder of deleted) {
      // Until now the catalogue had to follow it: a queue whose end is not on the disk comes back whole.
      this.recorders.delete(recorder)
      builder.dropQueue(recorder.queueId)
      this.deletedQueues.set(recorder.queueId, [...recorder.segments.keys(), ...recorder.changed])
      for (const stored of recorder.segments.values()) unneeded.segments.push(stored)
    }
    return unneeded
  }

  /** While the commit was under way, pages may have moved into the catalogue. */
  #letGo({ pages, segments }: Unneeded): void {
    for (const page of pages) this.#logs.pageRemoved(page)
    for (const stored of segments) for (const page of stored.pages) this.#logs.pageRemoved(page)
  }

  /** Waits for what keeps the frame from being written. False when the storage is closing before that. */
  async #writeAgain(frame: readonly Uint8Array[], firstError: unknown): Promise<boolean> {
    for (let error = firstError; ; ) {
      if (!isPassing(error)) throw error
      const reason = error instanceof Error ? error.message : ''
      this.#troubles.set('log', `the log cannot be written (${reason}): ${remedyFor(error)}`)
      if (this.#isClosing) return this.#giveUp(reason)
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      try {
        await this.#logs.append(frame, this.#isThrough)
        break
      } catch (again) {
        error = again
      }
    }
    if (!this.#isFailed) this.#troubles.set('log', undefined)
    return true
  }

  /** There is no time left to wait for room. Nothing of this was promised to anybody. */
  #giveUp(reason: string): false {
    this.#isFailed = true
    this.#options.onDamage(
      `what was not confirmed yet is lost: the log could not be written before the end (${reason})`,
    )
    this.#waiters.tellLost()
    return false
  }

  /** While there is no room for another file, the last one goes on growing: its writer knows how to wait. */
  async #rotate(): Promise<void> {
    await this.#syncLater()
    const isFresh = this.#wantsFreshLog
    this.#wantsFreshLog = false
    try {
      await (isFresh ? this.#logs.startFresh() : this.#logs.startNext())
    } catch (error) {
      if (!isPassing(error)) throw error
    }
  }

  async #syncLater(): Promise<void> {
    if (this.#options.durability !== 'os') await this.syncLog()
  }

  /** Makes safe what was written so far: the catalogue must never be ahead of the log. False when that failed. */
  syncLog(): Promise<boolean> {
    return this.#unsynced.sync()
  }

  #fail(what: string, error: unknown): void {
    if (this.#isFailed) return
    this.#isFailed = true
    const reason = error instanceof Error ? error.message : String(error)
    this.#troubles.set('log', `${what} (${reason}): check the disk, then start the broker again`)
    this.#options.onFatal(error instanceof Error ? error : new Error(reason))
    this.#waiters.tellLost()
  }

  #changed(): void {
    for (const listener of this.#listeners) this.#waiters.call(listener)
  }
}
