import { allocateBlock, type Block, copyBytes, EMPTY_BLOCK } from '../../lib/block.ts'
import type { Range } from './encoded-table.ts'

const FIRST_BYTES = 16 * 1024
const LENGTH_BYTES = 4

/** Bytes in AMQP's encoding that are written from the front, in a block that is used again for the next ones. */
export class Draft {
  block: Block = EMPTY_BLOCK
  length = 0

  /** Begins anew. No more than so many bytes will be written. */
  begin(roomBytes: number): void {
    this.length = 0
    if (roomBytes > this.block.size) this.block = allocateBlock(Math.max(FIRST_BYTES, roomBytes))
  }

  copy(source: Block, { start, end }: Range): void {
    this.copyPart(source, start, end)
  }

  copyPart(source: Block, start: number, end: number): void {
    copyBytes(this.block, this.length, source, start, end)
    this.length += end - start
  }

  add(source: Block): void {
    copyBytes(this.block, this.length, source, 0, source.size)
    this.length += source.size
  }

  octet(value: number): void {
    this.block.view.setUint8(this.length++, value)
  }

  long(value: number): void {
    this.block.view.setUint32(this.length, value)
    this.length += LENGTH_BYTES
  }

  /** Leaves room for a length, and returns its place for `patchLength`. */
  skipLength(): number {
    this.length += LENGTH_BYTES
    return this.length - LENGTH_BYTES
  }

  /** Writes how many bytes came behind the length that `skipLength` left room for. */
  patchLength(at: number): void {
    this.block.view.setUint32(at, this.length - at - LENGTH_BYTES)
  }

  /** The octets of that range as a long string. */
  text(source: Block, range: Range): void {
    this.long(range.end - range.start)
    this.copy(source, range)
  }
}
