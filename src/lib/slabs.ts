/**
 * Memory for blocks of a few sizes, taken from the system in large slabs:
 *
 *     slab of 32 MiB = spans of 256 KiB = blocks of one size per span
 *
 * The first slab is small, for a broker that holds little. Any other is as large as the C library maps on its own, whatever came and
 * went before: it takes memory only as far as it was written to, and it goes back to the system as a whole. Pieces of malloc's heap stay
 * there as long as anything behind them does. A span whose blocks are all free may be cut into blocks of another size, and a slab whose
 * spans are all free may go.
 *
 * V8 looks through its whole heap for every 64 MiB of new array buffers: for a backlog that grows by hundreds of megabytes a second,
 * again and again, and others wait meanwhile. It does not count shared ones, so a backlog that grows large is in those. A small one is
 * not: Node.js 20 and 22 take longer to copy to and from shared memory.
 */

import { AS_DOUBLE } from './as-double.ts'
import type { Block } from './block.ts'
import { Slab, SMALLEST_BYTES, SPAN_BYTES, type Span } from './slab.ts'

/** From glibc's largest threshold on, an allocation is a mapping of its own. */
const SLAB_BYTES = 32 * 1024 * 1024
/** The first one: V8 collects garbage for the length of an array buffer, and many brokers in a program of tests never need more. */
const FIRST_SLAB_BYTES = 1024 * 1024
/** Once there are slabs of so many bytes, more of them are shared memory. */
const UNSHARED_BYTES_MAX = 256 * 1024 * 1024
export const SIZE_CLASSES = Math.log2(SPAN_BYTES / SMALLEST_BYTES) + 1

/** The class of the smallest blocks with room for so much; `SIZE_CLASSES` or more when there are none so large. */
export function sizeClassOf(sizeBytes: number): number {
  return sizeBytes <= SMALLEST_BYTES ? 0 : 32 - Math.clz32((sizeBytes - 1) >>> 10)
}

export class Slabs {
  /** Bytes of the spans that have blocks in use. */
  usedBytes = AS_DOUBLE
  /** Bytes of the blocks in use. */
  blockBytes = AS_DOUBLE
  blockCount = 0
  /** Bytes of address space of all slabs. */
  mappedBytes = AS_DOUBLE
  /** Bytes of the slabs that are free as a whole. */
  freeSlabBytes = AS_DOUBLE
  readonly #slabs = new Set<Slab>()
  readonly #freeSlabs: Slab[] = []
  /** Those that were given up: as long as V8 has not collected one, it may as well be used again. */
  readonly #givenUp: WeakRef<Slab>[] = []
  /** The first of the spans with free blocks of each size. */
  readonly #listed: (Span | undefined)[] = Array.from({ length: SIZE_CLASSES }, () => undefined)
  /** Where the next span comes from. */
  #current: Slab | undefined
  /** The fewest bytes of free slabs there have been since `takeUnusedBytes` was asked last. */
  #fewestFreeBytes = AS_DOUBLE

  constructor() {
    this.usedBytes = this.blockBytes = this.mappedBytes = this.freeSlabBytes = 0
    this.#fewestFreeBytes = 0
  }

  /** Bytes of memory that the system has given, for what is in use and for what is free. */
  get reservedBytes(): number {
    let bytes = 0
    for (const slab of this.#slabs) bytes += slab.begun * SPAN_BYTES
    return bytes
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
    for (let left = bytes; left > 0; ) {
      const slab = this.#freeSlabs.pop()
      if (slab === undefined) break
      left -= slab.sizeBytes
      this.freeSlabBytes -= slab.sizeBytes
      this.mappedBytes -= slab.sizeBytes
      this.#slabs.delete(slab)
      this.#givenUp.push(slab.weak)
      if (this.#current === slab) this.#current = undefined
    }
    this.#fewestFreeBytes = Math.min(this.#fewestFreeBytes, this.freeSlabBytes)
  }

  /** Bytes of slabs that were free all the time since this was asked last. */
  takeUnusedBytes(): number {
    this.#closeUnused()
    const bytes = this.#fewestFreeBytes
    this.#fewestFreeBytes = this.freeSlabBytes
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
      if (slab.isFresh) fresh = slab
    }
    const found = fullest ?? fresh
    if (found !== undefined) return found
    const slab = this.#takeBack() ?? this.#newSlab()
    this.#slabs.add(slab)
    this.mappedBytes += slab.sizeBytes
    return slab
  }

  #newSlab(): Slab {
    const sizeBytes = this.mappedBytes === 0 ? FIRST_SLAB_BYTES : SLAB_BYTES
    return new Slab(sizeBytes, this.mappedBytes >= UNSHARED_BYTES_MAX)
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
    if (--slab.usedCount > 0) return
    this.#freeSlabs.push(slab)
    this.freeSlabBytes += slab.sizeBytes
  }

  #leaveFree(slab: Slab): void {
    const index = this.#freeSlabs.lastIndexOf(slab)
    if (index < 0) return
    this.#freeSlabs.splice(index, 1)
    this.freeSlabBytes -= slab.sizeBytes
    this.#fewestFreeBytes = Math.min(this.#fewestFreeBytes, this.freeSlabBytes)
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
