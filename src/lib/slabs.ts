/**
 * Memory for blocks of a few sizes, taken from the system in large slabs:
 *
 *     slab 32 MiB = 128 spans of 256 KiB = blocks of one size per span
 *
 * A slab is as large as the C library maps on its own, whatever came and went before: it takes memory only as far as it was
 * written to, and it goes back to the system as a whole. Pieces of malloc's heap stay there as long as anything behind
 * them does. A span whose blocks are all free may be cut into blocks of another size, and a slab whose spans are all free may go.
 */
import { Block } from './block.ts'

export const SPAN_BYTES = 256 * 1024
const SMALLEST_BYTES = 1024
/** From glibc's largest threshold on, an allocation is a mapping of its own. */
const SLAB_BYTES = 32 * 1024 * 1024
const SPANS = SLAB_BYTES / SPAN_BYTES
export const SIZE_CLASSES = Math.log2(SPAN_BYTES / SMALLEST_BYTES) + 1

/** The class of the smallest blocks with room for so much; `SIZE_CLASSES` or more when there are none so large. */
export function sizeClassOf(sizeBytes: number): number {
  return sizeBytes <= SMALLEST_BYTES ? 0 : 32 - Math.clz32((sizeBytes - 1) >>> 10)
}

class Slab {
  readonly memory = Buffer.allocUnsafeSlow(SLAB_BYTES)
  /** Spans that were in use and are free. */
  readonly free: Span[] = []
  /** How many spans have been in use: the memory behind them was never written to. */
  begun = 0
  usedCount = 0
  /** Made here, since a new one keeps the slab until the turn is over: V8 may be asked to collect in the turn that gives it up. */
  readonly weak = new WeakRef(this)

  open(): Span {
    this.usedCount++
    return this.free.pop() ?? new Span(this, this.begun++ * SPAN_BYTES)
  }
}

class Span {
  readonly slab: Slab
  readonly start: number
  sizeClass = -1
  free: Block[] = []
  /** How many blocks it was cut into so far, from its beginning on. */
  cutCount = 0
  liveCount = 0
  /** Its neighbours among the spans with free blocks of this size. */
  previous: Span | undefined
  next: Span | undefined
  isListed = false

  constructor(slab: Slab, start: number) {
    this.slab = slab
    this.start = start
  }

  get blockBytes(): number {
    return SMALLEST_BYTES << this.sizeClass
  }

  get isFull(): boolean {
    return this.free.length === 0 && this.cutCount * this.blockBytes === SPAN_BYTES
  }

  /** Becomes one of blocks of this size. */
  use(sizeClass: number): void {
    if (this.sizeClass === sizeClass) return
    this.sizeClass = sizeClass
    this.free = []
    this.cutCount = 0
  }

  take(): Block {
    this.liveCount++
    const free = this.free.pop()
    if (free !== undefined) return free
    const start = this.start + this.cutCount++ * this.blockBytes
    const block = new Block(this.slab.memory.subarray(start, start + this.blockBytes))
    block.home = this
    return block
  }
}

export class Slabs {
  /** Bytes of the spans that have blocks in use. */
  usedBytes = 0
  /** Bytes of the blocks in use. */
  blockBytes = 0
  blockCount = 0
  readonly #slabs = new Set<Slab>()
  readonly #freeSlabs: Slab[] = []
  /** Those that were given up: as long as V8 has not collected one, it may as well be used again. */
  readonly #givenUp: WeakRef<Slab>[] = []
  /** The first of the spans with free blocks of each size. */
  readonly #listed: (Span | undefined)[] = Array.from({ length: SIZE_CLASSES }, () => undefined)
  /** Where the next span comes from. */
  #current: Slab | undefined
  /** The fewest free slabs there have been since `fewestFree` was asked last. */
  #fewestFree = 0

  /** Bytes of address space of all slabs. */
  get mappedBytes(): number {
    return this.#slabs.size * SLAB_BYTES
  }

  /** Bytes of memory that the system has given, for what is in use and for what is free. */
  get reservedBytes(): number {
    let bytes = 0
    for (const slab of this.#slabs) bytes += slab.begun * SPAN_BYTES
    return bytes
  }

  /** Bytes of the slabs that are free as a whole. */
  get freeSlabBytes(): number {
    return this.#freeSlabs.length * SLAB_BYTES
  }

  take(sizeClass: number): Block {
    const span = this.#listed[sizeClass] ?? this.#open(sizeClass)
    if (span.liveCount === 0) this.usedBytes += SPAN_BYTES
    const block = span.take()
    this.blockBytes += block.size
    this.blockCount++
    if (span.isFull) this.#unlist(span)
    return block
  }

  give(block: Block): void {
    const span = block.home as Span // `take` has set it
    span.free.push(block)
    this.blockBytes -= block.size
    this.blockCount--
    if (!span.isListed) this.#list(span)
    if (--span.liveCount > 0) return
    this.usedBytes -= SPAN_BYTES
    // The last one of its size stays: a queue that is filled and emptied in turn finds its block again.
    if (span.previous !== undefined || span.next !== undefined) this.#close(span)
  }

  /** Gives free slabs back to the system, at least so many bytes if there are so many. Collecting them is V8's business. */
  release(bytes: number): void {
    this.#closeUnused()
    const count = Math.min(this.#freeSlabs.length, Math.ceil(bytes / SLAB_BYTES))
    for (const slab of this.#freeSlabs.splice(this.#freeSlabs.length - count, count)) {
      this.#slabs.delete(slab)
      this.#givenUp.push(slab.weak)
      if (this.#current === slab) this.#current = undefined
    }
    this.#fewestFree = Math.min(this.#fewestFree, this.#freeSlabs.length)
  }

  /** Bytes of slabs that were free all the time since this was asked last. */
  takeUnusedBytes(): number {
    this.#closeUnused()
    const bytes = this.#fewestFree * SLAB_BYTES
    this.#fewestFree = this.#freeSlabs.length
    return bytes
  }

  #open(sizeClass: number): Span {
    const slab = this.#current !== undefined && this.#current.free.length > 0 ? this.#current : this.#nextSlab()
    this.#current = slab
    if (slab.usedCount === 0) this.#leaveFree(slab)
    const span = slab.open()
    span.use(sizeClass)
    this.#list(span)
    return span
  }

  /** The fullest slab with a free span, so that the others may run empty; if there is none, one with memory not used yet. */
  #nextSlab(): Slab {
    let fullest: Slab | undefined
    let fresh: Slab | undefined
    for (const slab of this.#slabs) {
      if (slab.free.length > 0 && (fullest === undefined || slab.usedCount > fullest.usedCount)) fullest = slab
      if (slab.begun < SPANS) fresh = slab
    }
    const found = fullest ?? fresh
    if (found !== undefined) return found
    const slab = this.#takeBack() ?? new Slab()
    this.#slabs.add(slab)
    return slab
  }

  #takeBack(): Slab | undefined {
    for (let weak = this.#givenUp.pop(); weak !== undefined; weak = this.#givenUp.pop()) {
      const slab = weak.deref()
      if (slab !== undefined) return slab
    }
    return undefined
  }

  #closeUnused(): void {
    for (const span of this.#listed) if (span?.liveCount === 0) this.#close(span)
  }

  #close(span: Span): void {
    this.#unlist(span)
    const { slab } = span
    slab.free.push(span)
    if (--slab.usedCount === 0) this.#freeSlabs.push(slab)
  }

  #leaveFree(slab: Slab): void {
    const index = this.#freeSlabs.lastIndexOf(slab)
    if (index < 0) return
    this.#freeSlabs.splice(index, 1)
    this.#fewestFree = Math.min(this.#fewestFree, this.#freeSlabs.length)
  }

  #list(span: Span): void {
    // An empty one stays only while it is the last of its size: another one takes its place.
    const last = this.#listed[span.sizeClass]
    if (last?.liveCount === 0) this.#close(last)
    const first = this.#listed[span.sizeClass]
    span.next = first
    if (first !== undefined) first.previous = span
    this.#listed[span.sizeClass] = span
    span.isListed = true
  }

  #unlist(span: Span): void {
    const { previous, next } = span
    if (previous === undefined) this.#listed[span.sizeClass] = next
    else previous.next = next
    if (next !== undefined) next.previous = previous
    span.previous = span.next = undefined
    span.isListed = false
  }
}
