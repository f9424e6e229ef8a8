/**
 * Finds out what a store holds: the catalogue first, then the log behind the position that the catalogue has reached.
 * What is broken is left out and counted; everything around it is kept. Bodies and records stay on the disk.
 */
import { type Page, StoredSegment } from '../stored-segment.ts'
import type { Catalogue } from './catalogue.ts'
import { CATALOGUE_VERSION, type CatalogueMeta, type EntityChange, entityId } from './catalogue.ts'
import type { LogFile, LogFiles } from './log-files.ts'
import { LOG_VERSION } from './log-format.ts'
import { type LogVisitor, scanLog } from './log-reader.ts'

export interface RecoveredEntity {
  readonly kind: number
  readonly key: string
  readonly value: Buffer
}

export interface RecoveredQueue {
  readonly segments: Map<number, StoredSegment>
  readonly changed: Set<number>
  /** What lies before it was delivered. */
  cursor: QueuePosition | undefined
  /** The catalogue has another cursor. */
  isCursorChanged: boolean
}

export interface QueuePosition {
  readonly segment: number
  readonly index: number
}

export interface RecoveryFindings {
  /** Bytes at the ends of log files that were no whole frame: an unfinished commit, which was never confirmed. */
  tornBytes: number
  /** Broken places: ranges of a log, entries of the catalogue, pages whose bytes are missing. */
  quarantined: number
  /** What was found, one plain sentence each. */
  readonly problems: string[]
}

export interface RecoveredStore {
  readonly entities: Map<string, RecoveredEntity>
  readonly queues: Map<number, RecoveredQueue>
  /** What the log told of entities that the catalogue does not know yet. */
  readonly changedEntities: Map<string, EntityChange>
  readonly findings: RecoveryFindings
  readonly lastCommit: number
  /** Bytes of the log that the catalogue has not taken in yet. */
  readonly replayedBytes: number
  /** Number of the log file that the catalogue has come to. */
  readonly lastFile: number
  readonly nextQueueId: number
  readonly nextPageId: number
}

class NewerStoreError extends Error {
  constructor(what: string, version: number, known: number) {
    super(
      `the ${what} was written in format version ${version}; this version of Leveret reads up to ${known}: use a newer one`,
    )
    this.name = 'NewerStoreError'
  }
}

/**
 * With `readsWholeLog`, what the catalogue has taken in is read once more, as it is when a part of it is damaged: what was
 * settled long ago may come back then, but what can be read is not lost.
 */
export async function recover(catalogue: Catalogue, logs: LogFiles, readsWholeLog = false): Promise<RecoveredStore> {
  const findings: RecoveryFindings = { tornBytes: 0, quarantined: 0, problems: [] }
  let isWhole = !readsWholeLog
  const broken = (key: Buffer): void => {
    problem(findings, `catalogue entry ${key.toString('hex')} is damaged`)
    isWhole = false
  }
  const meta = await catalogue.meta(broken)
  if (meta !== undefined && meta.version > CATALOGUE_VERSION) {
    throw new NewerStoreError('catalogue', meta.version, CATALOGUE_VERSION)
  }
  const model = new StoreModel()
  for await (const { kind, key, value } of catalogue.entities(broken)) {
    model.entities.set(entityId(kind, key), { kind, key: key.toString(), value })
  }
  for await (const { queue, sequence, gathered, settled, pages } of catalogue.segments(broken)) {
    const stored = model.segment(queue, sequence)
    stored.gathered = gathered
    stored.settledBits = settled
    stored.pages = [...pages]
    model.sawQueue(queue)
  }
  for await (const { queue, segment, index } of catalogue.cursors(broken))
    model.queue(queue).cursor = { segment, index }
  const { lastCommit, replayedBytes } = await replay(logs, isWhole ? meta : undefined, model, findings, isWhole)
  checkPages(model, logs, findings)
  return {
    entities: model.entities,
    queues: model.queues,
    changedEntities: model.changedEntities,
    findings,
    lastCommit,
    replayedBytes,
    lastFile: meta?.file ?? 0,
    nextQueueId: Math.max(meta?.nextQueueId ?? 1, model.nextQueueId),
    // What is there must not be written over, whatever the catalogue says of itself.
    nextPageId: Math.max(meta?.nextPageId ?? 1, isWhole && meta !== undefined ? 1 : (await catalogue.lastPageId()) + 1),
  }
}

async function replay(
  logs: LogFiles,
  meta: CatalogueMeta | undefined,
  model: StoreModel,
  findings: RecoveryFindings,
  isComplete: boolean,
): Promise<{ lastCommit: number; replayedBytes: number }> {
  let lastCommit = meta?.commit ?? 0
  let replayedBytes = 0
  const files = logs.all().filter((log) => log.number >= (meta?.file ?? 0))
  if (meta !== undefined && files[0]?.number !== meta.file) {
    problem(findings, `log file ${meta.file}, which the catalogue counts on, is missing`)
  }
  for (const log of files) {
    model.log = log
    const start = log.number === meta?.file ? meta.offset : 0
    const scan = await scanLog(log.file, start, model)
    log.bytes = scan.end
    if (scan.end < start) {
      problem(findings, `log file ${log.number} ends at ${scan.end}, though it has been ${start} bytes long`)
    }
    // Commits are numbered without gaps as long as no file in between was let go of; those of a damaged range are told of as such.
    if (isComplete && lastCommit > 0 && scan.firstCommit > lastCommit + 1 && scan.gaps.length === 0) {
      const lost = scan.firstCommit - lastCommit - 1
      problem(findings, `${lost} commits in front of log file ${log.number} are missing`)
    }
    lastCommit = Math.max(lastCommit, scan.lastCommit)
    replayedBytes += Math.max(0, scan.end - start)
    findings.tornBytes += scan.tornBytes
    for (const { offset, bytes } of scan.gaps) {
      problem(findings, `log file ${log.number}: ${bytes} bytes at ${offset} are damaged`)
    }
    // Whoever builds on what was read must find it after a power loss, too.
    if (scan.lastCommit > 0) await log.file.sync()
  }
  return { lastCommit, replayedBytes }
}

/** Leaves out pages that lie outside of what there is. */
function checkPages(model: StoreModel, logs: LogFiles, findings: RecoveryFindings): void {
  for (const [queue, { segments, changed }] of model.queues) {
    for (const stored of segments.values()) {
      const there = stored.pages.filter((page) => isThere(page, logs))
      const lost = stored.pages.length - there.length
      stored.pages = withoutOverlaps(there)
      if (lost === 0) continue
      problem(findings, `queue ${queue}, segment ${stored.sequence}: ${lost} pages are missing`)
      changed.add(stored.sequence)
    }
  }
}

/** A log that had to be read from its start tells of pages that have moved into the catalogue: they count once. */
function withoutOverlaps(pages: Page[]): Page[] {
  let next = 0
  const isNew = (page: Page): boolean => {
    if (page.first < next) return false
    next = page.first + page.count
    return true
  }
  return pages.sort((a, b) => a.first - b.first || b.count - a.count).filter(isNew)
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

/** The store as it is told by catalogue and log. Applying the same frame twice changes nothing. */
class StoreModel implements LogVisitor {
  readonly entities = new Map<string, RecoveredEntity>()
  readonly queues = new Map<number, RecoveredQueue>()
  readonly changedEntities = new Map<string, EntityChange>()
  nextQueueId = 1
  /** The log file being read. */
  log: LogFile | undefined

  sawQueue(queue: number): void {
    this.nextQueueId = Math.max(this.nextQueueId, queue + 1)
  }

  queue(queue: number): RecoveredQueue {
    let recovered = this.queues.get(queue)
    if (recovered === undefined) {
      recovered = { segments: new Map(), changed: new Set(), cursor: undefined, isCursorChanged: false }
      this.queues.set(queue, recovered)
    }
    return recovered
  }

  segment(queue: number, sequence: number): StoredSegment {
    const recovered = this.queue(queue)
    let stored = recovered.segments.get(sequence)
    if (stored === undefined) {
      stored = new StoredSegment(sequence, undefined, recovered.changed)
      recovered.segments.set(sequence, stored)
    }
    return stored
  }

  page(queue: number, sequence: number, page: Omit<Page, 'file'>): void {
    this.sawQueue(queue)
    const stored = this.segment(queue, sequence)
    if (page.first < stored.gathered && stored.pages.some(({ first }) => first === page.first)) return
    stored.pages.push({ ...page, file: this.log?.number ?? 0 })
    stored.gathered = Math.max(stored.gathered, page.first + page.count)
    stored.markChanged()
  }

  cursor(queue: number, segment: number, index: number): void {
    const recovered = this.queue(queue)
    recovered.cursor = { segment, index }
    recovered.isCursorChanged = true
  }

  settle(queue: number, sequence: number, first: number, count: number): void {
    const stored = this.queues.get(queue)?.segments.get(sequence)
    if (stored === undefined) return
    for (let index = first; index < first + count; index++) stored.settle(index)
    stored.markChanged()
  }

  drop(queue: number, sequence: number): void {
    const recovered = this.queues.get(queue)
    if (recovered?.segments.delete(sequence)) recovered.changed.add(sequence)
  }

  dropQueue(queue: number): void {
    const recovered = this.queues.get(queue)
    if (recovered === undefined) return
    for (const sequence of recovered.segments.keys()) recovered.changed.add(sequence)
    recovered.segments.clear()
  }

  put(kind: number, key: Buffer, value: Buffer): void {
    const id = entityId(kind, key)
    this.entities.set(id, { kind, key: key.toString(), value })
    this.changedEntities.set(id, { kind, key, value })
  }

  remove(kind: number, key: Buffer): void {
    const id = entityId(kind, key)
    this.entities.delete(id)
    this.changedEntities.set(id, { kind, key, value: undefined })
  }
}

export const FORMAT_VERSIONS = { catalogue: CATALOGUE_VERSION, log: LOG_VERSION } as const
