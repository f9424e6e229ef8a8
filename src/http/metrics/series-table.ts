/**
 * The series of very many objects, as numbers and bytes outside V8's heap. Each answer reads all objects once and writes them once for
 * each family; kept as objects and texts until then, they would be copied by several garbage collections, and all traffic waits for those.
 */
import { allocateBlock, type Block, copyBytes } from '../../lib/block.ts'
import { type Family, numberText, type SeriesOfEach } from './exposition.ts'
import { PAGE_OBJECTS, PAGE_VALUES, type Page, type SeriesMemory } from './series-memory.ts'

/** A space, the longest number, and the end of the line. */
const NUMBER_BYTES_MAX = 32

const [SPACE, LINE_END, ZERO] = [0x20, 0x0a, 0x30] as const
const INT32_MAX = 0x7fffffff

export class SeriesTable<T> implements SeriesOfEach {
  readonly families: readonly Family<T>[]
  readonly #pages: Page[] = []
  readonly #memory: SeriesMemory
  readonly #objectsMax: number

  constructor(families: readonly Family<T>[], memory: SeriesMemory) {
    this.families = families
    this.#memory = memory
    this.#objectsMax = Math.max(1, Math.min(PAGE_OBJECTS, Math.floor(PAGE_VALUES / families.length)))
  }

  /** Families from the one of this number on, as many, which are told apart from the others. */
  part(first: number, count: number): SeriesOfEach {
    return {
      families: this.families.slice(first, first + count),
      lines: (family, name) => this.lines(first + family, name),
    }
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

  /** The lines of one family, whose name is this in full. Each piece is written where the last one was. */
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
      const block = this.#memory.piece(lineBytes)
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
    const hasRoom =
      last !== undefined &&
      last.count < this.#objectsMax &&
      endBefore(last, last.count) + labelBytes <= last.labels.size
    if (hasRoom) return last
    const page = this.#memory.page(labelBytes, this.families.length)
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
