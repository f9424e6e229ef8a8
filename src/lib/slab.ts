/** A slab is memory from the system, a span of it is cut into blocks of one size: see `slabs.ts`. */
import { Block } from './block.ts'

export const SPAN_BYTES = 256 * 1024
export const SMALLEST_BYTES = 1024

export class Slab {
  readonly memory: Buffer
  /** Spans that were in use and are free. */
  readonly free: Span[] = []
  /** How many spans have been in use: the memory behind them was never written to. */
  begun = 0
  usedCount = 0
  /** Made here, since a new one keeps the slab until the turn is over: V8 may be asked to collect in the turn that gives it up. */
  readonly weak = new WeakRef(this)

  constructor(sizeBytes: number, isShared: boolean) {
    this.memory = isShared ? Buffer.from(new SharedArrayBuffer(sizeBytes)) : Buffer.allocUnsafeSlow(sizeBytes)
  }

  get sizeBytes(): number {
    return this.memory.length
  }

  /** Whether there is memory that was never in use. */
  get isFresh(): boolean {
    return this.begun * SPAN_BYTES < this.sizeBytes
  }

  open(): Span {
    this.usedCount++
    return this.free.pop() ?? new Span(this, this.begun++ * SPAN_BYTES)
  }
}

export class Span {
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
