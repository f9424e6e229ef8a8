/** Messages on their way from a log file into the catalogue, as one batch of operations. A body that several have moves once. */
import { crc32 } from 'node:zlib'
import { Block } from '../../../src/lib/block.ts'
import { recordLength } from '../../record.ts'
import { type CatalogueOperation, putPage } from '../catalogue/catalogue.ts'
import type { Page, PlacedBytes, StoredBody, StoredSegment } from '../log/stored-segment.ts'
import type { CatalogueIds } from './catalogue-update.ts'

/** What there was to move of a page between two commits. */
export interface PlannedMove {
  readonly page: Page
  readonly stored: StoredSegment
  /** Runs of records that are not settled. */
  readonly runs: readonly (readonly [first: number, count: number])[]
  /** Their bodies. */
  readonly bodies: readonly StoredBody[]
}

export interface MovedPage {
  readonly page: Page
  readonly stored: StoredSegment
  /** What is to take its place. */
  readonly moved: readonly Page[]
}

export class MoveBatch {
  readonly operations: CatalogueOperation[] = []
  readonly moved: MovedPage[] = []
  /** Entries with bodies, once for each message but the first that has it. */
  readonly sharedBodies: number[] = []
  readonly #ids: CatalogueIds
  /** Entries by the offsets of their bodies in the log file. */
  readonly #bodies = new Map<number, number>()

  constructor(ids: CatalogueIds) {
    this.#ids = ids
  }

  /** `found` has the bytes of the page, if anything in it is needed, and of the bodies. */
  add({ page, stored, runs, bodies }: PlannedMove, found: ReadonlyMap<PlacedBytes, Buffer>): void {
    const bytes = found.get(page)
    if (bytes === undefined) {
      this.moved.push({ page, stored, moved: [] })
      return
    }
    const places = bodies.map((body) => this.#body(body, found.get(body)))
    const block = new Block(bytes)
    const moved: Page[] = []
    let at = 0
    let index = page.first
    const skip = (count: number): void => {
      for (const end = index + count; index < end; index++) at += recordLength(block, at)
    }
    for (const [first, count] of runs) {
      skip(first - index)
      const start = at
      skip(count)
      const isIn = (body: StoredBody): boolean => body.index >= first && body.index < first + count
      moved.push({ ...this.#put(bytes.subarray(start, at)), file: 0, first, count, bodies: places.filter(isIn) })
    }
    this.moved.push({ page, stored, moved })
  }

  #body(body: StoredBody, bytes: Buffer | undefined): StoredBody {
    const known = this.#bodies.get(body.offset)
    if (known !== undefined) {
      this.sharedBodies.push(known)
      return { ...body, offset: known }
    }
    const { offset } = this.#put(bytes as Buffer) // whoever adds a page has found its bodies
    this.#bodies.set(body.offset, offset)
    return { ...body, offset }
  }

  #put(bytes: Buffer): PlacedBytes {
    const offset = this.#ids.nextPageId++
    this.operations.push(putPage(offset, bytes))
    return { offset, bytes: bytes.length, crc: crc32(bytes) }
  }
}
