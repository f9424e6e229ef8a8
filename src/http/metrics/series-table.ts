/**
 * The series of very many objects, as numbers and bytes outside V8's heap. Each answer reads all objects once and writes them once for
 * each family; kept as objects and texts until then, they would be copied by several garbage collections, and all traffic waits for those.
 */
import { allocateBlock, type Block, copyBytes } from '../../lib/block.ts'
import { type Family, numberText, type SeriesOfEach } from './exposition.ts'

/** Objects whose figures lie together. */
const PAGE_OBJECTS = 1024
/** Their labels, about. */
const PAGE_LABEL_BYTES = 64 * 1024
/** Bytes that are handed over at a time. */
export const PIECE_BYTES = 64 * 1024
/** A space, the longest number, and the end of the line. */
const NUMBER_BYTES_MAX = 32

const [SPACE, LINE_END, ZERO] = [0x20, 0x0a, 0x30] as const
const INT32_MAX = 0x7fffffff

interface Page {
  readonly labels: Block
  /** Where the labels of each object end. */
  readonly ends: Uint32Array
  /** All families of the first object, then those of the next. */
  readonly values: Float64Array
  count: number
}

export class SeriesTable<T> implements SeriesOfEach {
  readonly families: readonly Family<T>[]
  readonly #pages: Page[] = []
  readonly #piece: Block

  /** Lines are written into `piece`, those that are handed over next where the last ones were. */
  constructor(families: readonly Family<T>[], piece: Block) {
    this.families = families
    this.#piece = piece
  }

  /** The labels are as they are written: `{queue="q"}`. */
  add(object: T, labels: string): void {
    const page = this.#pageFor(Buffer.byteLength(labels))
    const at = page.count++
    const start = endBefore(page, at)
    page.ends[at] = start + page.labels.bytes.write(labels, start)
    let place = at * this.families.length
    for (const { value } of this.families) page.values[place++] = value(object)
  }

  /** The lines of one family, whose name is this in full. */
  *lines(family: number, name: string): Iterable<Uint8Array> {
    const start = blockOf(name)
    for (const page of this.#pages) yield* this.#linesOf(page, family, start)
  }

  *#linesOf(page: Page, family: number, name: Block): Iterable<Uint8Array> {
    const { labels, ends, values, count } = page
    const width = this.families.length
    let first = 0
    while (first < count) {
      const lineBytes = (ends[first] as number) - endBefore(page, first) + name.size + NUMBER_BYTES_MAX
      const block = lineBytes <= this.#piece.size ? this.#piece : allocateBlock(lineBytes)
      let at = 0
      for (; first < count; first++) {
        const start = endBefore(page, first)
        const end = ends[first] as number
        if (at + name.size + end - start + NUMBER_BYTES_MAX > block.size) break
        copyBytes(block, at, name, 0, name.size)
        at += name.size
        copyBytes(block, at, labels, start, end)
        at += end - start
        block.bytes[at++] = SPACE
        at = writeNumber(block.bytes, at, values[first * width + family] as number)
        block.bytes[at++] = LINE_END
      }
      yield block.bytes.subarray(0, at)
    }
  }

  #pageFor(labelBytes: number): Page {
    const last = this.#pages.at(-1)
    if (last !== undefined && last.count < PAGE_OBJECTS && endBefore(last, last.count) + labelBytes <= last.labels.size)
      return last
    const page: Page = {
      labels: allocateBlock(Math.max(PAGE_LABEL_BYTES, labelBytes)),
      ends: new Uint32Array(PAGE_OBJECTS),
      values: new Float64Array(PAGE_OBJECTS * this.families.length),
      count: 0,
    }
    this.#pages.push(page)
    return page
  }
}

function endBefore({ ends }: Page, at: number): number {
  return at === 0 ? 0 : (ends[at - 1] as number)
}

function blockOf(text: string): Block {
  const block = allocateBlock(Buffer.byteLength(text))
  block.bytes.write(text)
  return block
}

/** Returns where it ends. */
function writeNumber(bytes: Buffer, at: number, value: number): number {
  if (!(value >= 0 && value <= INT32_MAX && Number.isInteger(value)))
    return at + bytes.write(numberText(value), at, 'latin1')
  let end = at + 1
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) end++
  let rest = value
  for (let place = end - 1; place >= at; place--) {
    bytes[place] = ZERO + (rest % 10)
    rest = Math.floor(rest / 10)
  }
  return end
}
