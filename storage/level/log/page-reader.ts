/** Reads segments back from their pages. */
import { crc32 } from 'node:zlib'
import { allocateBlock, Block } from '../../../src/lib/block.ts'
import { BodiesBeside } from '../../bodies-beside.ts'
import { RECORD_DURABLE, RECORD_PREFIX_BYTES, recordLength } from '../../record.ts'
import { type Segment, START_BYTES } from '../../segment.ts'
import type { SegmentPool } from '../../segment-pool.ts'
import { isDamage } from '../disk/damage.ts'
import { DisplacedError } from '../disk/disk-errors.ts'
import type { Page } from '../disk/places.ts'
import { ReadBodies } from './read-bodies.ts'
import { storedOf } from './stored-segment.ts'

/** How long to wait before a file is read again that is not where its name leads. */
const RETRY_MS = 500

/** Where the bytes of pages and bodies are. `file` 0 is the catalogue. See `isDamage` for what may be thrown. */
export interface PageSource {
  /** False when another file has its name now and was read instead, perhaps a copy of it. */
  read(file: number, buffer: Buffer, offset: number): Promise<boolean>
}

export class PageReader {
  readonly #source: PageSource
  readonly #pool: SegmentPool
  readonly #bodies = new ReadBodies()
  #isStopped = false

  constructor(source: PageSource, pool: SegmentPool) {
    this.#source = source
    this.#pool = pool
  }

  /** What waits for a file to be put back waits for ever: the storage closes. */
  stop(): void {
    this.#isStopped = true
  }

  /**
   * Calls `admitted` when the segment is in memory; returns the records that are not what was written: they are not in it.
   * A file that was moved away is waited for: it may be put back, and everything in it is there then.
   */
  async load(segment: Segment, admitted: () => void): Promise<DamagedRecords[]> {
    const stored = storedOf(segment)
    const gathered = stored?.gathered
    const plan = planOf(segment, this.#bodies)
    const read = async ({ page, buffer, offset, crc, known }: Read): Promise<void> => {
      if (known !== undefined || (await this.#source.read(page.file, buffer, offset))) return
      // A copy that was put back will do. What differs is no damage: the file itself may still come back.
      if (crc32(buffer) !== crc) throw new DisplacedError(`log file ${page.file}`)
    }
    let isDisplaced = false
    const failed = (one: Read, error: unknown): void => {
      if (error instanceof DisplacedError) isDisplaced = true
      else wipe(one, error)
    }
    await Promise.all(plan.reads.map((one) => read(one).catch((error: unknown) => failed(one, error))))
    if (isDisplaced) await this.#pause()
    // While the bytes were on their way, the segment may have become another one, or have been read, added to and evicted.
    if (storedOf(segment) !== stored) return []
    const isAsPlanned = !isDisplaced && stored?.gathered === gathered && segment.count === plan.count
    return isAsPlanned ? this.#admit(segment, plan, admitted) : this.load(segment, admitted)
  }

  async #pause(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref())
    if (this.#isStopped) await new Promise(() => {})
  }

  #admit(segment: Segment, plan: Plan, admitted: () => void): DamagedRecords[] {
    // It may have been read twice, or dropped.
    if (segment.isResident || segment.notes === undefined) return []
    const damaged = new Set(
      plan.reads.filter(({ known, isLost, buffer, crc }) => known === undefined && (isLost || crc32(buffer) !== crc)),
    )
    this.#pool.admit(segment, fill(segment, plan, damaged, this.#bodies))
    admitted()
    const damagedPages = new Set([...damaged].filter(({ bodyOf }) => bodyOf === undefined).map(({ page }) => page))
    return [...damaged].flatMap(({ page, bodyOf }) => {
      if (bodyOf === undefined) return [{ page, first: page.first, count: page.count }]
      return damagedPages.has(page) ? [] : [{ page, first: bodyOf, count: 1 }]
    })
  }
}

/** Records of a page that could not be read back. */
export interface DamagedRecords {
  readonly page: Page
  readonly first: number
  readonly count: number
}

function wipe(read: Read, error: unknown): void {
  if (!isDamage(error)) throw error
  read.isLost = true
}

interface Read {
  readonly page: Page
  readonly buffer: Buffer
  readonly offset: number
  readonly crc: number
  /** The record whose body this is, or undefined for the records of a page. */
  readonly bodyOf: number | undefined
  /** This body, which another queue has read. */
  readonly known: Block | undefined
  isLost: boolean
}

/** What has to be read: every page into one block, and the bodies of records that are not settled. */
interface Plan {
  readonly block: Block
  readonly count: number
  readonly reads: readonly Read[]
}

function planOf(segment: Segment, bodies: ReadBodies): Plan {
  const stored = storedOf(segment)
  if (stored === undefined) throw new Error('a segment without pages cannot be read back')
  const recordBytes = stored.pages.reduce((bytes, page) => bytes + page.bytes, 0)
  const { count } = segment
  const block = allocateBlock(recordBytes + count * START_BYTES)
  const reads: Read[] = []
  let at = 0
  for (const page of stored.pages) {
    reads.push({
      page,
      buffer: block.bytes.subarray(at, at + page.bytes),
      offset: page.offset,
      crc: page.crc,
      bodyOf: undefined,
      known: undefined,
      isLost: false,
    })
    at += page.bytes
    for (const body of page.bodies) {
      if (stored.isSettled(body.index)) continue
      const known = bodies.find(page.file, body.offset)
      reads.push({
        page,
        buffer: known?.bytes ?? allocateBlock(body.bytes).bytes,
        offset: body.offset,
        crc: body.crc,
        bodyOf: body.index,
        known,
        isLost: false,
      })
    }
  }
  return { block, count, reads }
}

/**
 * Puts what was read into the segment; the bytes of the bodies beside it. Records that are not on disk are settled and
 * take no room.
 */
function fill(segment: Segment, { block, reads }: Plan, damaged: ReadonlySet<Read>, bodies: ReadBodies): number {
  segment.block = block
  segment.length = block.size - segment.count * START_BYTES
  segment.mayHaveExtensions = true
  segment.bodies = undefined
  let index = 0
  let at = 0
  for (const read of reads) {
    const { page } = read
    if (read.bodyOf !== undefined) continue
    while (index < page.first) segment.setRecordStart(index++, at)
    const isDamaged = damaged.has(read)
    if (isDamaged) writeEmptyRecord(block, at)
    const pageEnd = at + page.bytes
    for (const end = page.first + page.count; index < end; index++) {
      segment.setRecordStart(index, at)
      if (!isDamaged) at += recordLength(block, at)
    }
    at = pageEnd
  }
  while (index < segment.count) segment.setRecordStart(index++, at)
  let besideBytes = 0
  for (const read of reads) {
    if (read.bodyOf === undefined || damaged.has(read)) continue
    segment.bodies ??= new BodiesBeside()
    // Another queue may have read it meanwhile.
    const body = read.known ?? bodies.find(read.page.file, read.offset) ?? new Block(read.buffer)
    besideBytes += segment.bodies.keep(read.bodyOf, body)
    bodies.keep(read.page.file, read.offset, body)
  }
  return besideBytes
}

/** In the place of a damaged page, for all of its records: they are left out, but what they were is known. */
function writeEmptyRecord({ bytes, view }: Block, at: number): void {
  bytes.fill(0, at, at + RECORD_PREFIX_BYTES)
  view.setUint16(at + 2, RECORD_DURABLE)
}
