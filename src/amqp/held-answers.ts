/**
 * Answers that wait for a commit, and what their channels say after them. AMQP keeps order within a channel, and only
 * there: while an answer waits, whatever else its channel answers goes behind it; other channels, channel 0 and
 * heartbeats go past it. Deliveries go past it as well, unless one of the answers that wait has to come before them.
 * What waits for the same commit leaves together, and how much a connection has waiting is limited.
 */
import type { Journal } from '../../storage/journal.ts'
import { allocateBlock, type Block, EMPTY_BLOCK } from '../lib/block.ts'
import type { Output } from './outbox.ts'
import type { UnsentMemory } from './unsent-memory.ts'

/** A connection with more than this on its way to the disk is not read from. */
const HELD_BYTES_MAX = 1024 * 1024
const FIRST_BLOCK_BYTES = 256
const BLOCK_BYTES_MAX = 64 * 1024
/** Pieces of at least this size leave without being copied. */
const REFERENCE_BYTES_MIN = 16 * 1024

/** Whose changes answers wait for. */
export interface Changing {
  readonly journal: Pick<Journal, 'commitsBegun' | 'whenDurable'>
}

/** Counts the bytes of all changes there ever were. */
export interface ChangeCount {
  readonly stagedBytes: number
}

/** What of a connection waits for one commit. */
interface HeldForCommit {
  readonly commit: number
  readonly frames: HeldFrames[]
  /** Bytes of changes that the connection has staged. */
  changeBytes: number
  isDurable: boolean
}

/** Bytes that wait, and the block they are in, which is held. */
interface Piece {
  readonly bytes: Uint8Array
  readonly block: Block
}

/** Frames of one channel that wait for one commit. */
class HeldFrames implements Output {
  readonly channelId: number
  readonly waiting: HeldForCommit
  block: Block = EMPTY_BLOCK
  length = 0
  bytes = 0
  areBeforeDeliveries = false
  readonly #answers: HeldAnswers
  readonly #pieces: Piece[] = []
  /** Where the part of the block begins that is not among the pieces yet. */
  #start = 0

  constructor(channelId: number, waiting: HeldForCommit, answers: HeldAnswers) {
    this.channelId = channelId
    this.waiting = waiting
    this.#answers = answers
  }

  get isBlocked(): boolean {
    return this.#answers.isFull
  }

  reserve(sizeBytes: number): Block {
    this.#count(sizeBytes)
    if (this.length + sizeBytes > this.block.size) {
      this.#seal()
      const nextBytes = Math.min(BLOCK_BYTES_MAX, Math.max(FIRST_BLOCK_BYTES, this.block.size * 2))
      this.block = allocateBlock(Math.max(sizeBytes, nextBytes))
      this.length = this.#start = 0
    }
    return this.block
  }

  write(bytes: Uint8Array): void {
    this.reserve(bytes.length).bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  writeReference(bytes: Uint8Array, block: Block): void {
    this.#seal()
    block.hold()
    this.#pieces.push({ bytes, block })
    this.#count(bytes.length)
  }

  countMemory(memory: UnsentMemory): void {
    memory.addReferenced(this.block)
    for (const { block } of this.#pieces) memory.addReferenced(block)
  }

  moveTo(output: Output): void {
    this.#seal()
    for (const { bytes, block } of this.#pieces) {
      if (bytes.length < REFERENCE_BYTES_MIN) output.write(bytes)
      else output.writeReference(bytes, block)
    }
    this.release()
  }

  /** Nothing of it is needed any more. */
  release(): void {
    for (const { block } of this.#pieces) block.release()
    this.#pieces.length = 0
  }

  #count(bytes: number): void {
    this.bytes += bytes
    this.#answers.frameBytes += bytes
  }

  #seal(): void {
    const { block } = this
    if (this.length > this.#start) {
      block.hold()
      this.#pieces.push({ bytes: block.bytes.subarray(this.#start, this.length), block })
    }
    this.#start = this.length
  }
}

export class HeldAnswers {
  /** Bytes of frames that wait. */
  frameBytes = 0
  readonly #owner: Changing
  readonly #changes: ChangeCount
  readonly #output: Output
  readonly #onReleased: (channelIds: Iterable<number>) => void
  #changeBytes = 0
  /** What was staged before the method that is being carried out. */
  #stagedBytes = 0
  #waiting: HeldForCommit[] = []
  /** Where the next frame of a channel goes, by channel number. */
  readonly #newest = new Map<number, HeldFrames>()
  /** What is to be done when no answer waits any more. */
  #afterAll: (() => void)[] = []
  /** In how many places something waits that must come before the next delivery, by channel number. */
  readonly #beforeDeliveries = new Map<number, number>()

  /** What is released is written to `output`; `onReleased` is then told whose it was. */
  constructor(
    owner: Changing,
    changes: ChangeCount,
    output: Output,
    onReleased: (channelIds: Iterable<number>) => void,
  ) {
    this.#owner = owner
    this.#changes = changes
    this.#output = output
    this.#onReleased = onReleased
  }

  get isEmpty(): boolean {
    return this.#newest.size === 0
  }

  get isFull(): boolean {
    return this.frameBytes + this.#changeBytes > HELD_BYTES_MAX
  }

  /** Counts the memory that the frames take. */
  countMemory(memory: UnsentMemory): void {
    for (const { frames } of this.#waiting) for (const held of frames) held.countMemory(memory)
  }

  /** Where the channel writes behind its frames that wait; undefined when none of them do. */
  behind(channelId: number): Output | undefined {
    return this.#newest.get(channelId)
  }

  /** What the channel says from now on waits until all that is staged is durable. */
  hold(channelId: number): void {
    const waiting = this.#forThisCommit()
    if (waiting.isDurable || this.#newest.get(channelId)?.waiting === waiting) return
    const frames = new HeldFrames(channelId, waiting, this)
    waiting.frames.push(frames)
    this.#newest.set(channelId, frames)
  }

  /** Carries out a method. What it changes counts until it is durable, whether it is answered or not. */
  carryOut(method: () => void): void {
    this.#stagedBytes = this.#changes.stagedBytes
    method()
    const bytes = this.#changes.stagedBytes - this.#stagedBytes
    if (bytes === 0) return
    const waiting = this.#forThisCommit()
    if (waiting.isDurable) return
    waiting.changeBytes += bytes
    this.#changeBytes += bytes
  }

  /** Whether the method that is being carried out has changed something durable. */
  get hasStaged(): boolean {
    return this.#changes.stagedBytes !== this.#stagedBytes
  }

  /** What the channel said last must leave before its next delivery. Returns whether deliveries have to wait for that. */
  keepBeforeDeliveries(channelId: number): boolean {
    const frames = this.#newest.get(channelId)
    if (frames === undefined) return false
    if (!frames.areBeforeDeliveries) {
      frames.areBeforeDeliveries = true
      this.#beforeDeliveries.set(channelId, (this.#beforeDeliveries.get(channelId) ?? 0) + 1)
    }
    return true
  }

  areBeforeDeliveries(channelId: number): boolean {
    return this.#beforeDeliveries.has(channelId)
  }

  /** Acts once the answers that wait have left: at once if there are none. */
  afterAll(act: () => void): void {
    if (this.isEmpty) act()
    else this.#afterAll.push(act)
  }

  /** Waits no longer: drops the answers, and does now what was to come after them. Returns false if that is nothing. */
  giveUp(): boolean {
    const acts = this.#afterAll
    this.clear()
    for (const act of acts) act()
    return acts.length > 0
  }

  /** The connection is over: the client is told nothing of this any more. */
  clear(): void {
    for (const { frames } of this.#waiting) for (const held of frames) held.release()
    this.#waiting = []
    this.#afterAll = []
    this.#newest.clear()
    this.#beforeDeliveries.clear()
    this.frameBytes = this.#changeBytes = 0
  }

  #forThisCommit(): HeldForCommit {
    const { journal } = this.#owner
    const commit = journal.commitsBegun
    const last = this.#waiting.at(-1)
    if (last?.commit === commit) return last
    const waiting: HeldForCommit = { commit, frames: [], changeBytes: 0, isDurable: false }
    this.#waiting.push(waiting)
    journal.whenDurable(() => {
      waiting.isDurable = true
      this.#release()
    })
    return waiting
  }

  /** Writes all that is durable, the oldest first: a channel's frames never overtake each other. */
  #release(): void {
    if (this.#waiting[0]?.isDurable !== true) return
    const channelIds = new Set<number>()
    while (this.#waiting[0]?.isDurable) {
      const [{ frames, changeBytes }] = this.#waiting.splice(0, 1) as [HeldForCommit]
      this.#changeBytes -= changeBytes
      for (const held of frames) {
        this.#leave(held)
        channelIds.add(held.channelId)
      }
    }
    this.#onReleased(channelIds)
    if (!this.isEmpty || this.#afterAll.length === 0) return
    const acts = this.#afterAll
    this.#afterAll = []
    for (const act of acts) act()
  }

  #leave(frames: HeldFrames): void {
    const { channelId, bytes } = frames
    frames.moveTo(this.#output)
    this.frameBytes -= bytes
    if (this.#newest.get(channelId) === frames) this.#newest.delete(channelId)
    if (!frames.areBeforeDeliveries) return
    const left = (this.#beforeDeliveries.get(channelId) ?? 0) - 1
    if (left > 0) this.#beforeDeliveries.set(channelId, left)
    else this.#beforeDeliveries.delete(channelId)
  }
}
