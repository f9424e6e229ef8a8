/** The publish that comes to a channel in pieces: its bytes count with what the connection takes in. */
import { FrameError } from '../../protocol/errors.ts'
import type { Block } from '../lib/block.ts'
import type { BodyPool } from '../lib/body-pool.ts'
import { ContentAssembly } from './content-assembly.ts'
import type { Intake } from './intake.ts'
import type { ReadPlace } from './read-place.ts'

export class ChannelContent {
  readonly #intake: Intake
  readonly #bodies: BodyPool
  /** The content that is in progress. */
  #open: ContentAssembly | undefined
  /** What puts contents together, once one came in pieces. */
  #assembly: ContentAssembly | undefined

  constructor(intake: Intake, bodies: BodyPool) {
    this.#intake = intake
    this.#bodies = bodies
  }

  /** Of the content that came last: the octet of mandatory and immediate. */
  get bits(): number {
    return this.#assembly?.bits ?? 0
  }

  /** A method, or a publish in one piece, must not come between the frames of a content. */
  expectMethod(): void {
    if (this.#open !== undefined) throw this.#open.interrupted()
  }

  begin(block: Block, keyStart: number, keyEnd: number): void {
    this.#assembly ??= new ContentAssembly(this.#bodies)
    this.#assembly.begin(block, keyStart, keyEnd)
    this.#open = this.#assembly
    this.#intake.contentAllocated(this.#open.allocatedBytes)
  }

  /** Takes the header; returns the content when it is complete without a body. A body of more than `bodyBytesMax` will be thrown away. */
  header(block: Block, start: number, end: number, bodyBytesMax: number): ContentAssembly | undefined {
    const content = this.#open
    if (content === undefined) throw methodExpected()
    this.#intake.hasPublished = true
    const before = content.allocatedBytes
    content.header(block, start, end, bodyBytesMax)
    this.#intake.contentAllocated(content.allocatedBytes - before)
    return content.isComplete ? this.take() : undefined
  }

  /** Takes a piece of the body; returns the content when that was the last one. */
  body(block: Block, start: number, end: number): ContentAssembly | undefined {
    const content = this.#open
    if (content === undefined) throw methodExpected()
    this.#intake.hasPublished = true
    const before = content.allocatedBytes
    content.body(block, start, end, this.#intake.contentBytes === before)
    if (content.allocatedBytes !== before) this.#intake.contentAllocated(content.allocatedBytes - before)
    return content.isComplete ? this.take() : undefined
  }

  /** Tells where the rest of the body frame at hand is to be read to, so many bytes; false when that is nowhere. */
  place(frameBytes: number, place: ReadPlace): boolean {
    return this.#open?.place(frameBytes, place) ?? false
  }

  /** The content that is in progress, which is so no longer and counts no longer. */
  take(): ContentAssembly | undefined {
    const content = this.#open
    if (content !== undefined) this.#intake.contentAllocated(-content.allocatedBytes)
    this.#open = undefined
    return content
  }
}

/** A content frame that no publish announced. */
export function methodExpected(): FrameError {
  return new FrameError(505, 'expected method frame, got non method frame instead')
}
