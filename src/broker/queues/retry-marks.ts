/**
 * What a restart has to know of messages that wait to be delivered again. The message stays where it is, and a log beside those of the
 * queue has a mark for each, until it comes back or goes:
 *
 *     number of the segment u48 · index u32 · due at, in milliseconds since 1970, u48 · failures u16
 *
 * Many messages that wait leave turn by turn when they are purged. A mark of no message, behind theirs, says that of all of them at once.
 */
import type { QueueLog } from '../../../storage/queue-log.ts'
import type { RecordSource } from '../../../storage/record.ts'
import type { Segment } from '../../../storage/segment.ts'
import { Block, EMPTY_BLOCK } from '../../lib/block.ts'
import { FoundMarks } from './found-marks.ts'
import type { RecordPlace } from './retry-times.ts'

const SEQUENCE_BYTES = 6
const INDEX_AT = SEQUENCE_BYTES
const TIME_AT = INDEX_AT + 4
const TIME_BYTES = 6
const FAILURES_AT = TIME_AT + TIME_BYTES
const MARK_BYTES = FAILURES_AT + 2

/** A segment that no queue has: the messages of all marks in front of this one were purged. */
const PURGED_SEQUENCE = 2 ** 48 - 1

/** A mark, where it lies. */
export interface RetryMark extends RecordPlace {
  /** Of the message. */
  readonly sequence: number
  readonly messageIndex: number
  readonly atMs: number
  readonly failures: number
}

/** A mark on its way into the log. */
class MarkSource implements RecordSource {
  readonly head = EMPTY_BLOCK
  readonly keyStart = 0
  readonly keyEnd = 0
  readonly headerStart = 0
  readonly headerEnd = 0
  readonly body = new Block(Buffer.alloc(MARK_BYTES))
  readonly bodyStart = 0
  readonly bodyEnd = MARK_BYTES
  isDurable = true

  ownBody(): Block {
    return this.body
  }
}

export class RetryMarks {
  readonly #log: QueueLog
  readonly #source = new MarkSource()

  constructor(log: QueueLog) {
    this.#log = log
  }

  /** Notes that the message is due at this time; where that lies. */
  add({ sequence }: Segment, index: number, atMs: number, failures: number): RecordPlace {
    return this.#append(sequence, index, atMs, failures)
  }

  /** Notes that all messages that have marks by now are purged, however long it takes until they have left; where that lies. */
  addPurge(): RecordPlace {
    return this.#append(PURGED_SEQUENCE, 0, 0, 0)
  }

  #append(sequence: number, index: number, atMs: number, failures: number): RecordPlace {
    const { bytes } = this.#source.body
    bytes.writeUIntBE(sequence, 0, SEQUENCE_BYTES)
    bytes.writeUInt32BE(index, INDEX_AT)
    bytes.writeUIntBE(atMs, TIME_AT, TIME_BYTES)
    bytes.writeUInt16BE(failures, FAILURES_AT)
    this.#log.append(this.#source)
    const segment = this.#log.tail as Segment // which has the record that was appended just now
    return { segment, index: segment.count - 1 }
  }

  /** The message does not wait any more. */
  remove(segment: Segment, index: number): void {
    if (this.#log.takeAt(segment, index)) this.#log.settle(segment, index)
  }

  /** Reads all of them, the oldest first. */
  read(whenRead: (found: FoundMarks) => void): void {
    const found = new FoundMarks()
    this.#log.eachReady(
      (segment, index) => {
        const mark = markAt(segment, index)
        if (mark.sequence === PURGED_SEQUENCE) found.purgeAll()
        found.add(mark)
      },
      () => whenRead(found),
    )
  }

  purge(): void {
    this.#log.purge()
  }

  clear(): void {
    this.#log.clear()
  }
}

function markAt(segment: Segment, index: number): RetryMark {
  const { bytes } = segment.block
  const at = segment.bodyStart(index)
  return {
    segment,
    index,
    sequence: bytes.readUIntBE(at, SEQUENCE_BYTES),
    messageIndex: bytes.readUInt32BE(at + INDEX_AT),
    atMs: bytes.readUIntBE(at + TIME_AT, TIME_BYTES),
    failures: bytes.readUInt16BE(at + FAILURES_AT),
  }
}
