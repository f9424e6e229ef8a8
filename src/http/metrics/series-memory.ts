/**
 * The memory that answers about very many objects are made in. The next answer uses it again: what each of them takes anew would lie beside
 * V8's heap as garbage, tens of megabytes at a time, until all of the heap is looked through for it, while traffic waits.
 */
import { allocateBlock, type Block } from '../../lib/block.ts'

/** Objects whose figures lie together, at most. */
export const PAGE_OBJECTS = 1024
/** Their figures. */
export const PAGE_VALUES = 16 * 1024
/** Their labels. */
const PAGE_LABEL_BYTES = 64 * 1024
/** Bytes that are handed over at a time. */
const PIECE_BYTES = 64 * 1024
/** Pages that are kept: all of 100,000 queues, 62 MiB. None are, once no answer was made for so long. */
const KEPT_PAGES = 320
const KEEP_MS = 90_000

export interface Page {
  readonly labels: Block
  /** Where the labels of each object end. */
  readonly ends: Uint32Array
  /** All families of the first object, then those of the next. */
  readonly values: Float64Array
  count: number
}

export class SeriesMemory {
  #free: Page[] = []
  #used: Page[] = []
  #piece: Block | undefined
  #timer: NodeJS.Timeout | undefined

  /** An empty page with room for one object at least. */
  page(labelBytes: number, values: number): Page {
    if (labelBytes > PAGE_LABEL_BYTES || values > PAGE_VALUES) return newPage(labelBytes, values)
    const page = this.#free.pop() ?? newPage(PAGE_LABEL_BYTES, PAGE_VALUES)
    page.count = 0
    this.#used.push(page)
    return page
  }

  /** Where the next piece is written: the one before it must have gone. */
  piece(bytes: number): Block {
    if (bytes > PIECE_BYTES) return allocateBlock(bytes)
    this.#piece ??= allocateBlock(PIECE_BYTES)
    return this.#piece
  }

  /** Nothing of the last answer is needed any more. */
  reuse(): void {
    if (this.#used.length === 0) return
    this.#free = this.#free.concat(this.#used).slice(0, KEPT_PAGES)
    this.#used = []
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#free = []
      this.#piece = undefined
    }, KEEP_MS).unref()
  }
}

function newPage(labelBytes: number, values: number): Page {
  return {
    labels: allocateBlock(labelBytes),
    ends: new Uint32Array(PAGE_OBJECTS),
    values: new Float64Array(values),
    count: 0,
  }
}
