/** Reads segments of durable logs back into memory, each once however many wait for it, and leaves out what is damaged. */
import { PositionSet } from '../../position-set.ts'
import type { QueueLog } from '../../queue-log.ts'
import type { Segment } from '../../segment.ts'
import type { LevelJournal } from './level-journal.ts'
import type { DamagedRecords, PageReader } from './page-reader.ts'
import { storedOf } from './stored-segment.ts'

/** Whose segment it is. */
export interface SegmentOwner {
  readonly queueId: number
  readonly log: QueueLog | undefined
}

export class ReadBack {
  readonly #reader: PageReader
  readonly #journal: LevelJournal
  /** What is being read, with those that wait for it. */
  readonly #loading = new Map<Segment, (() => void)[]>()

  constructor(reader: PageReader, journal: LevelJournal) {
    this.#reader = reader
    this.#journal = journal
  }

  load(owner: SegmentOwner, segment: Segment, whenLoaded: (() => void) | undefined): void {
    const waiting = this.#loading.get(segment)
    if (waiting !== undefined) {
      if (whenLoaded !== undefined) waiting.push(whenLoaded)
      return
    }
    const callbacks = whenLoaded === undefined ? [] : [whenLoaded]
    this.#loading.set(segment, callbacks)
    this.#reader
      .load(segment, () => admitted(owner, segment))
      .then(
        (damaged) => {
          this.#loading.delete(segment)
          this.#discard(owner, segment, damaged)
          for (const callback of callbacks) this.#journal.call(callback)
        },
        (error: unknown) => {
          this.#loading.delete(segment)
          this.#journal.unreadable(error)
        },
      )
  }

  #discard({ queueId, log }: SegmentOwner, segment: Segment, damaged: readonly DamagedRecords[]): void {
    for (const { page, first, count } of damaged) {
      const place = page.file === 0 ? `catalogue entry ${page.offset}` : `log file ${page.file} at ${page.offset}`
      this.#journal.damaged(`${count} messages of queue ${queueId} in ${place} are damaged and left out`)
      if (log !== undefined) leaveOut(log, segment, first, count)
    }
  }
}

/** What the bodies were counted with may have been an estimate, and some of it may be damaged. */
function admitted({ log }: SegmentOwner, segment: Segment): void {
  log?.loaded(segment)
  const stored = storedOf(segment)
  if (stored === undefined) return
  stored.unsettledBytes = 0
  for (let index = 0; index < segment.count; index++) {
    if (!stored.isSettled(index)) stored.unsettledBytes += segment.bodyBytes(index)
  }
  stored.unsettledBytes += stored.newlySettled?.bodyBytesIn(segment) ?? 0
}

/** Settles records that turned out to be damaged, those that are unacked once they are settled or requeued. */
function leaveOut(log: QueueLog, segment: Segment, first: number, count: number): void {
  const { notes } = segment
  for (let index = first; index < first + count; index++) {
    // With the last of its records, the segment is gone.
    if (segment.notes !== notes) return
    if (segment.settled?.has(index)) continue
    segment.damaged ??= new PositionSet()
    segment.damaged.add(index)
    if (!log.takeAt(segment, index)) continue
    log.settle(segment, index)
    log.whenCorrected?.(-1)
  }
}
