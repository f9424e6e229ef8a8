/** The bytes of a frame, as the pieces that one write takes: what is copied lies in blocks of its own, the rest where it is. */
import { crc32 } from 'node:zlib'
import { allocateBlock, type Block, copyBytes } from '../../../src/lib/block.ts'
import { CRC_OFFSET, LOG_FRAME_HEADER_BYTES, writeFrameHeader } from './log-format.ts'

const FIRST_BYTES = 64 * 1024
/** The block that is kept for the next frame grows no larger than this. */
const KEPT_BYTES_MAX = 1024 * 1024
/** What it has no room for goes into blocks of this size, which are given back. */
const LENT_BYTES = 256 * 1024

/** Where blocks come from that are needed for one frame only. */
export interface BlockLender {
  lend(sizeBytes: number): Block
  takeBack(block: Block): void
}

const NEW_BLOCKS: BlockLender = { lend: allocateBlock, takeBack: () => {} }

export interface ClosedFrame {
  readonly pieces: readonly Uint8Array[]
  /** Those of them that the CRC of the frame covers: the others have their own. */
  readonly covered: readonly Uint8Array[]
  readonly bytes: number
}

export class FramePieces {
  readonly #lender: BlockLender
  #own: Block = allocateBlock(FIRST_BYTES)
  #lent: Block[] = []
  /** What is added next is copied here. */
  #block: Block = this.#own
  #length = 0
  /** Where what is not a piece yet begins in the block. */
  #start = 0
  #pieces: Uint8Array[] = []
  #piecesBytes = 0
  #covered: Uint8Array[] = []

  constructor(lender: BlockLender = NEW_BLOCKS) {
    this.#lender = lender
  }

  /** Nothing was added since `restart`. */
  get isEmpty(): boolean {
    return this.#length === 0
  }

  /** Bytes of the frame so far. */
  get bytes(): number {
    return this.#piecesBytes + this.#length - this.#start
  }

  /** Makes room for so many bytes that are added next. */
  reserve(bytes: number): void {
    if (this.#length + bytes <= this.#block.size) return
    this.#gather()
    // The old block stays with the pieces.
    this.#block = this.#nextBlock(bytes)
    this.#length = this.#start = 0
  }

  #nextBlock(bytes: number): Block {
    const ownBytes = Math.max(this.#own.size * 2, bytes)
    if (this.#lent.length === 0 && ownBytes <= KEPT_BYTES_MAX) {
      this.#own = allocateBlock(ownBytes)
      return this.#own
    }
    const block = this.#lender.lend(Math.max(LENT_BYTES, bytes))
    this.#lent.push(block)
    return block
  }

  u8(value: number): void {
    this.#block.view.setUint8(this.#length++, value)
  }

  u32(value: number): void {
    this.#block.view.setUint32(this.#length, value)
    this.#length += 4
  }

  u48(value: number): void {
    this.#block.bytes.writeUIntBE(value, this.#length, 6)
    this.#length += 6
  }

  raw(bytes: Uint8Array): void {
    this.#block.bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  copy(source: Block, start: number, end: number): void {
    copyBytes(this.#block, this.#length, source, start, end)
    this.#length += end - start
  }

  /** Adds bytes where they are, which have a CRC of their own. */
  refer(bytes: Uint8Array): void {
    this.#gather()
    this.#pieces.push(bytes)
    this.#piecesBytes += bytes.length
  }

  /** Ends the frame. Another one begins, in the same block. */
  close(): ClosedFrame {
    this.#gather()
    const frame = { pieces: this.#pieces, covered: this.#covered, bytes: this.#piecesBytes }
    this.#pieces = []
    this.#covered = []
    this.#piecesBytes = 0
    return frame
  }

  /** The pieces are to be written before anything is added again. */
  restart(): void {
    this.#length = this.#start = 0
  }

  /** The pieces were written: nothing refers to the blocks any more. */
  giveBack(): void {
    for (const block of this.#lent) this.#lender.takeBack(block)
    this.#lent = []
    this.#block = this.#own
  }

  #gather(): void {
    if (this.#length === this.#start) return
    const piece = this.#block.bytes.subarray(this.#start, this.#length)
    this.#pieces.push(piece)
    this.#covered.push(piece)
    this.#piecesBytes += this.#length - this.#start
    this.#start = this.#length
  }
}

/** Puts the frame behind the pieces, with its header in front. */
export function sealFrame(
  { pieces, covered, bytes }: ClosedFrame,
  mark: Uint8Array,
  commit: number,
  continues: boolean,
  part: number,
  sealed: Uint8Array[],
): void {
  const header = Buffer.alloc(LOG_FRAME_HEADER_BYTES)
  writeFrameHeader(header, mark, commit, bytes, continues, part)
  let crc = crc32(header.subarray(0, CRC_OFFSET))
  for (const piece of covered) crc = crc32(piece, crc)
  header.writeUInt32BE(crc, CRC_OFFSET)
  sealed.push(header)
  for (const piece of pieces) sealed.push(piece)
}
