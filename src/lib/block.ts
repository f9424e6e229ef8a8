/**
 * A block is a piece of memory together with the view that reads and writes numbers in it. The hot path moves short
 * runs of bytes between blocks all the time: for those, copying word by word through the views is several times
 * faster than `TypedArray.set`, which has to make an object for the source range first.
 */
export class Block {
  readonly bytes: Buffer
  readonly view: DataView
  readonly size: number
  /** Where its bytes lie: to ask `bytes` for it takes as long as to copy a hundred of them. */
  readonly #memory: ArrayBufferLike
  readonly #start: number
  /** How many segments keep it by reference: it counts once, however many there are. */
  keepers = 0
  /** How many writes to the disk that are under way refer to it: it must not change meanwhile. */
  pins = 0
  /** Who is told when it is not held any more; without an owner, the collector finds out. */
  owner: BlockOwner | undefined = undefined
  /** What it is the beginning of, if there is room behind it. */
  memory: Block | undefined = undefined
  /** The span of a slab that it is a part of; undefined when it has its memory for itself. */
  home: object | undefined = undefined
  #holders = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.#memory = bytes.buffer
    this.#start = bytes.byteOffset
    this.view = new DataView(this.#memory, this.#start, bytes.byteLength)
    this.size = bytes.byteLength
  }

  /** Copies so many of its bytes into `target`, at `at`. */
  copyTo(target: Uint8Array, at: number, start: number, length: number): void {
    setBytes.call(target, new Uint8Array(this.#memory, this.#start + start, length), at)
  }

  /** Its bytes stay as they are until the holder releases it. */
  hold(): void {
    this.#holders++
  }

  release(): void {
    if (--this.#holders === 0) this.owner?.released(this)
  }
}

/** Looked up once: `Buffer.prototype` has so much in it that each look takes as long as to copy a hundred bytes. */
const setBytes = Uint8Array.prototype.set

/** Takes memory back that was held. */
export interface BlockOwner {
  released(block: Block): void
}

export const EMPTY_BLOCK = new Block(Buffer.alloc(0))

/** Up to this length a loop over words beats one native call. */
const LOOP_BYTES_MAX = 128

export function allocateBlock(sizeBytes: number): Block {
  return new Block(Buffer.allocUnsafeSlow(sizeBytes))
}

/**
 * Copies `source[start, end)` to `target` at `at`. The ranges must not overlap; both must exist.
 *
 * It writes with `setUint32`, never with `setInt32`: V8 13 (Node.js 24) compiles that so that it gives up for good when
 * fewer than eight bytes are left in the view, and a copy to the end of a block then makes all later copies slow.
 */
export function copyBytes(target: Block, at: number, source: Block, start: number, end: number): void {
  const length = end - start
  if (length > LOOP_BYTES_MAX) {
    source.copyTo(target.bytes, at, start, length)
    return
  }
  const to = target.view
  const from = source.view
  if (length >= 8) {
    const last = end - 8
    let read = start
    let write = at
    for (; read < last; read += 8, write += 8) {
      to.setUint32(write, from.getInt32(read, true), true)
      to.setUint32(write + 4, from.getInt32(read + 4, true), true)
    }
    // The last eight bytes in one piece, though some of them may be there already: no loop over single bytes.
    write -= read - last
    to.setUint32(write, from.getInt32(last, true), true)
    to.setUint32(write + 4, from.getInt32(last + 4, true), true)
  } else copyFew(to, at, from, start, length)
}

function copyFew(to: DataView, at: number, from: DataView, start: number, length: number): void {
  if (length >= 4) {
    to.setUint32(at, from.getInt32(start, true), true)
    to.setUint32(at + length - 4, from.getInt32(start + length - 4, true), true)
  } else {
    for (let i = 0; i < length; i++) to.setUint8(at + i, from.getUint8(start + i))
  }
}

/** True when the two ranges of the same length hold the same bytes. */
export function equalBytes(a: Block, aStart: number, b: Block, bStart: number, length: number): boolean {
  const left = a.view
  const right = b.view
  if (length < 4) {
    for (let i = 0; i < length; i++) if (left.getUint8(aStart + i) !== right.getUint8(bStart + i)) return false
    return true
  }
  const last = length - 4
  for (let i = 0; i < last; i += 4) {
    if (left.getInt32(aStart + i, true) !== right.getInt32(bStart + i, true)) return false
  }
  // The last four bytes in one piece, though some of them were compared already.
  return left.getInt32(aStart + last, true) === right.getInt32(bStart + last, true)
}

/**
 * A hash of the bytes for in-memory tables: FNV-1a over 32-bit words, the last of which may have bytes of the one before; of fewer than
 * four bytes, over each. With a secret seed, no client can tell which keys share a slot; but there are keys that have the same hash
 * whatever the seed, and a table must expect them.
 */
export function hashBytes(block: Block, start: number, end: number, seed: number): number {
  const view = block.view
  const last = end - 4
  let hash = seed
  if (last < start) for (let i = start; i < end; i++) hash = Math.imul(hash ^ view.getUint8(i), 0x01000193)
  else {
    for (let i = start; i < last; i += 4) hash = Math.imul(hash ^ view.getInt32(i, true), 0x01000193)
    hash = Math.imul(hash ^ view.getInt32(last, true), 0x01000193)
  }
  return hash ^ (hash >>> 15)
}
