/**
 * The messages of one queue: a chain of segments, a read cursor and the few positions that came back. What lies behind
 * the cursor is ready, what lies before it was delivered; a million ready messages are their bytes and four bytes each.
 *
 *     segment ─ segment ─ segment ─ segment
 *        requeued ↑   cursor ↑        ↑ tail: appended here
 */
import { DeliveredBefore } from './delivered-before.ts'
import { countsOf } from './delivery-counts.ts'
import { eachReady, type ReadThrough, readThrough } from './each-ready.ts'
import { type EvictedLog, evictSegments } from './log-eviction.ts'
import type { LogRecorder } from './log-recorder.ts'
import { LogLook, type LookAhead } from './look-ahead.ts'
import { purgeReady } from './purge-ready.ts'
import { NO_BYTES, QueueBytes } from './queue-bytes.ts'
import { NOTHING_READY, ReadyPositions } from './ready-positions.ts'
import type { RecordSource } from './record.ts'
import type { RequeuedPositions, ReturnOrder } from './requeued.ts'
import { deliveriesBefore, Segment } from './segment.ts'
import { SegmentChain } from './segment-chain.ts'
import type { SegmentPool } from './segment-pool.ts'
import { isFull } from './segment-sizes.ts'

export class QueueLog {
  readyCount = 0
  /** What `take` took. */
  segment: Segment | undefined
  index = 0
  isRedelivered = false
  /** Called when so many ready messages fewer are there, which are damaged, or others have other bytes than they were counted with. */
  whenCorrected: ((count: number) => void) | undefined
  /** Whether what is in it survives a restart; if not, everything is always in memory. */
  readonly isRecorded: boolean
  readonly #pool: SegmentPool
  readonly #recorder: LogRecorder | undefined
  readonly #chain: SegmentChain
  /** Both are its own from the first segment on. */
  #bytes = NO_BYTES
  #ready = NOTHING_READY
  #returnOrder: ReturnOrder | undefined
  /** Until the cursor is behind it. */
  #deliveredBefore: DeliveredBefore | undefined

  /** With a recorder, what happens to durable messages is made to survive a restart. */
  constructor(pool: SegmentPool, recorder?: LogRecorder) {
    this.#pool = pool
    this.#recorder = recorder
    this.isRecorded = recorder !== undefined
    this.#chain = new SegmentChain(pool, this.isRecorded)
  }

  /** Bytes of the bodies of ready messages … */
  get readyBytes(): number {
    return this.#ready.countedBytes().ready
  }

  /** … and of those that were taken and are not settled. */
  get unackedBytes(): number {
    return this.#ready.countedBytes().unacked
  }

  /** From now on, what comes back is due in the order in which it came back to all logs with this order. */
  set returnOrder(order: ReturnOrder) {
    this.#returnOrder = order
    if (this.#ready !== NOTHING_READY) this.#ready.returnOrder = order
  }

  /** The number of the next one that came back, where their order counts; infinite when there is none. */
  get nextReturn(): number {
    return this.#ready.requeued.firstNumber
  }

  append(source: RecordSource): void {
    const recordBytes = Segment.roomFor(source)
    let tail = this.#chain.open
    if (tail === undefined || tail.usedBytes + recordBytes > tail.block.size || isFull(tail)) {
      tail = this.#joined(this.#chain.makeRoom(recordBytes))
    }
    const besideBytes = tail.append(source)
    if (besideBytes > 0) this.#pool.bytesInUse += besideBytes
    this.readyCount++
    this.#bytes.ready += source.bodyEnd - source.bodyStart
    if (this.#recorder !== undefined && source.isDurable) this.#recorder.appended(tail, recordBytes + besideBytes)
  }

  /**
   * Whether the next ready message can be taken: its segment may have to be read back first, and `whenReadable` is
   * called when it was. What comes after it is read ahead of need.
   */
  isReadable(whenReadable: () => void): boolean {
    const recorder = this.#recorder
    if (recorder === undefined) return true
    const segment = this.#ready.nextSegment()
    const following = segment.next
    if (following !== undefined && !following.isResident) recorder.load(following, undefined)
    if (segment.isResident) return true
    recorder.load(segment, whenReadable)
    return false
  }

  /** Reads a segment back into memory, and calls back when it is there; at once when it is. */
  load(segment: Segment, whenLoaded: () => void): void {
    if (segment.isResident || this.#recorder === undefined) whenLoaded()
    else this.#recorder.load(segment, whenLoaded)
  }

  /**
   * Takes the next ready message: it is in `segment`, `index` and `isRedelivered` then. There must be one. It is unacked
   * until `settle` or `requeue`; without `isUnacked` it counts as nothing, and the caller has to `finish` it at once.
   */
  take(isUnacked = true): void {
    this.readyCount--
    if (isUnacked !== this.#bytes.isUnackedRun) this.#ready.countedBytes().isUnackedRun = isUnacked
    const ready = this.#ready
    if (ready.requeued.length > 0) {
      this.#takeReturned(ready.requeued)
      return
    }
    const segment = ready.advance()
    this.segment = segment
    this.index = ready.cursorIndex++
    if (this.#deliveredBefore !== undefined) this.#countIfDelivered(segment, this.index)
    this.isRedelivered = segment.deliveries !== undefined && deliveriesBefore(segment, this.index) > 0
    this.#recorder?.delivered(segment, ready.cursorIndex)
  }

  #takeReturned(requeued: RequeuedPositions): void {
    this.segment = requeued.firstSegment()
    this.index = requeued.firstIndex()
    this.isRedelivered = true
    requeued.shift()
    this.#bytes.taken(this.segment.bodyBytes(this.index))
  }

  /** Finds the next ready message without taking it: in `segment` and `index` then. False when none is in memory. */
  peek(): boolean {
    if (this.readyCount === 0) return false
    const segment = this.#ready.nextSegment()
    if (!segment.isResident) return false
    this.segment = segment
    this.index = this.#ready.nextIndex()
    if (this.#deliveredBefore !== undefined && this.#ready.requeued.length === 0)
      this.#countIfDelivered(segment, this.index)
    return true
  }

  /** Shows each message that is ready, see `each-ready.ts`: for what has an index of its own, after a restart. */
  eachReady(show: (segment: Segment, index: number) => void, whenShown: () => void): void {
    eachReady(this.#readThrough(), show, whenShown)
  }

  /** A look at the ready messages in the order in which they are due, which changes nothing about them. */
  lookAhead(): LookAhead {
    return new LogLook(this.#readThrough(), this.#deliveredBefore)
  }

  #readThrough(): ReadThrough {
    return readThrough(this, this.#chain, this.#ready, this.#evictedLog())
  }

  /** The segment with this number; undefined when all of its messages are settled. */
  segmentAt(sequence: number): Segment | undefined {
    return this.#chain.at(sequence)
  }

  /** Where the message lies that was appended last: it is the last one of this segment. */
  get tail(): Segment | undefined {
    return this.#chain.tail
  }

  /**
   * Takes a ready message wherever it is, be it behind the cursor or among those that came back; false when it is not
   * ready. It is to be settled or requeued then, like one that `take` took. Its segment must be in memory: see `load`.
   */
  takeAt(segment: Segment, index: number): boolean {
    if (!this.#ready.remove(segment, index)) return false
    this.readyCount--
    this.#bytes.move(segment.bodyBytes(index))
    return true
  }

  /** An unacked message is done with: its segment goes when it was the last one. */
  settle(segment: Segment, index: number): void {
    this.#bytes.unacked -= segment.bodyBytes(index)
    this.finish(segment, index)
  }

  /** A message that does not count as unacked is done with. */
  finish(segment: Segment, index: number): void {
    if (segment.bodies !== undefined) this.#pool.bytesInUse -= segment.bodies.drop(index)
    if (this.#recorder !== undefined) this.#recorder.settled(segment, index)
    if (++segment.settledCount === segment.count) this.release(segment)
  }

  /** A message that was taken becomes ready again, in its old place; false when it turned out to be damaged, and is gone. */
  requeue(segment: Segment, index: number): boolean {
    if (segment.damaged?.has(index)) {
      this.settle(segment, index)
      return false
    }
    this.#countReturn(segment, index)
    this.#ready.putBack(segment, index)
    this.readyCount++
    const bytes = segment.bodyBytes(index)
    this.#bytes.move(-bytes)
    if (!segment.isResident) segment.unloadedBytes += bytes
    return true
  }

  #countReturn(segment: Segment, index: number): void {
    countsOf(segment).add(index)
    this.#recorder?.returned(segment, index)
  }

  /** Drops all ready messages; how many there were. */
  purge(): number {
    const count = this.readyCount
    if (count === 0) return 0
    this.#ready.countRun()
    purgeReady(this.#ready, this.#pool, this.#recorder, this)
    this.readyCount = this.#bytes.ready = 0
    return count
  }

  /** Gives everything back, whether settled or not. */
  clear(): void {
    this.#chain.clear()
    this.#recorder?.cleared()
    this.#ready.clear()
    this.segment = undefined
    this.readyCount = 0
    this.#bytes.clear()
  }

  /** The segment is in the chain, perhaps as the only one. */
  #joined(segment: Segment): Segment {
    if (this.#ready === NOTHING_READY) {
      this.#bytes = new QueueBytes()
      this.#ready = new ReadyPositions(this.#bytes)
      this.#ready.returnOrder = this.#returnOrder
    }
    segment.log = this
    if (this.#ready.cursor === undefined) this.#ready.moveCursor(segment, 0)
    return segment
  }

  /** Takes segments out of memory that are safe on disk and not due soon, until so many bytes are free. */
  evict(bytes: number): number {
    return evictSegments(this.#chain.tail, bytes, this.#evictedLog())
  }

  #evictedLog(): EvictedLog | undefined {
    const recorder = this.#recorder
    return recorder === undefined ? undefined : { ready: this.#ready, pool: this.#pool, recorder }
  }

  /** The segment is in memory again: what its ready messages were counted with may have been damaged, or an estimate. */
  loaded(segment: Segment): void {
    this.#bytes.ready += this.#ready.bytesIn(segment) - segment.unloadedBytes
    segment.unloadedBytes = 0
    this.whenCorrected?.(0)
  }

  /** Says that a message that was appended or restored came back so often before the restart. */
  restoreDeliveries(segment: Segment, index: number, times: number): void {
    countsOf(segment).set(index, times)
  }

  /** Says that everything in front of this position was delivered before the restart. */
  restoreCursor(segment: number, index: number): void {
    this.#deliveredBefore = new DeliveredBefore(segment, index)
  }

  /** What was delivered before the restart came back by it, and is counted here. */
  #countIfDelivered(segment: Segment, index: number): void {
    if (this.#deliveredBefore?.has(segment, index) !== true) this.#deliveredBefore = undefined
    else if (deliveriesBefore(segment, index) === 0) this.#countReturn(segment, index)
  }

  /**
   * Puts a segment that was found on disk behind the others; all its unsettled records are ready. Until it is read, their
   * bodies count with so many bytes.
   */
  restore(segment: Segment, readyCount: number, readyBytes: number): void {
    segment.isAsAppended = false
    this.#chain.add(segment)
    this.#joined(segment)
    this.readyCount += readyCount
    this.#bytes.ready += readyBytes
    segment.unloadedBytes = readyBytes
  }

  /** Every one of its records is done with. */
  release(segment: Segment): void {
    this.#recorder?.released(segment)
    this.#ready.leave(segment)
    if (this.segment === segment) this.segment = undefined
    this.#chain.remove(segment)
  }
}
