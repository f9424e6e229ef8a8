import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Block } from '../../../../src/lib/block.ts'
import { IndexRuns } from '../../../../storage/index-runs.ts'
import type { DataFile } from '../../../../storage/level/disk/data-file.ts'
import { openFolder } from '../../../../storage/level/disk/files.ts'
import { FrameBuilder } from '../../../../storage/level/log/frame-builder.ts'
import { type LogVisitor, NO_VISITOR } from '../../../../storage/level/log/log-entries.ts'
import {
  createEnd,
  createFileHeader,
  LOG_FILE_HEADER_BYTES,
  LOG_FRAME_HEADER_BYTES,
  logFileName,
  logFileNumber,
  markIn,
} from '../../../../storage/level/log/log-format.ts'
import { NewerFormatError, scanLog } from '../../../../storage/level/log/log-reader.ts'

const DIGITS = Buffer.from('0123456789')

let folder: string
let file: DataFile
let mark: Buffer
let bytes: number
let commit: number

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-log-'))
  file = await (await openFolder(folder)).open(logFileName(1))
  const header = createFileHeader()
  mark = markIn(header)
  await file.write([header], 0)
  bytes = header.length
  commit = 0
})

afterEach(async () => {
  await file.close()
  rmSync(folder, { recursive: true })
})

/** Writes one frame; where it begins. */
async function writeFrame(
  fill: (builder: FrameBuilder) => void,
  of: FrameBuilder = new FrameBuilder(),
): Promise<number> {
  fill(of)
  const offset = bytes
  const pieces = of.finish(++commit, mark)
  await file.write(pieces, offset)
  bytes += pieces.reduce((sum, piece) => sum + piece.length, 0)
  return offset
}

/** Tells what it is told, pages with their bytes. */
class Recorder implements LogVisitor {
  readonly told: unknown[] = []
  readonly pages: {
    offset: number
    bytes: number
    crc: number
    bodies: readonly { offset: number; bytes: number }[]
  }[] = []

  page: LogVisitor['page'] = (queue, segment, page) => {
    this.pages.push(page)
    const { first, count, bodies } = page
    this.told.push(['page', queue, segment, first, count, bodies.map(({ index }) => index)])
  }
  settle: LogVisitor['settle'] = (...told) => void this.told.push(['settle', ...told])
  returned: LogVisitor['returned'] = (...told) => void this.told.push(['returned', ...told])
  unsettledBytes: LogVisitor['unsettledBytes'] = (...told) => void this.told.push(['unsettledBytes', ...told])
  drop: LogVisitor['drop'] = (...told) => void this.told.push(['drop', ...told])
  cursor: LogVisitor['cursor'] = (...told) => void this.told.push(['cursor', ...told])
  dropQueue: LogVisitor['dropQueue'] = (...told) => void this.told.push(['dropQueue', ...told])
  put: LogVisitor['put'] = (kind, key, value) => void this.told.push(['put', kind, String(key), String(value)])
  remove: LogVisitor['remove'] = (kind, key) => void this.told.push(['remove', kind, String(key)])
}

async function scan(start = 0) {
  const recorder = new Recorder()
  return { ...(await scanLog(file, start, recorder)), ...recorder }
}

async function overwrite(offset: number, text = '?'): Promise<void> {
  await file.write([Buffer.from(text)], offset)
}

function indexRuns(indexes: readonly number[]): IndexRuns {
  const runs = new IndexRuns()
  for (const index of indexes) runs.add(index)
  return runs
}

const put = (key: string) => (builder: FrameBuilder) => builder.put(1, Buffer.from(key), Buffer.from('value'))

test('names of log files sort as their numbers do, and nothing else is one', () => {
  const numbers = [1, 9, 10, 123_456_789]
  expect(numbers.map(logFileName).sort()).toEqual(numbers.map(logFileName))
  expect(numbers.map(logFileName).map(logFileNumber)).toEqual(numbers)
  for (const name of ['1.log', '0000000000000001.log.gz', 'x000000000000001.log', 'owner']) {
    expect(logFileNumber(name)).toBeUndefined()
  }
})

describe('the log', () => {
  test('reads back what every entry said', async () => {
    const large = [new Block(Buffer.alloc(40_000, 'a')), new Block(Buffer.alloc(90_000, 'b'))] as const
    await writeFrame((builder) => {
      builder.put(3, Buffer.from('key'), Buffer.from('value'))
      builder.remove(4, Buffer.from('other'))
      const bodies = large.map((body, i) => ({ index: 8 + i, ...builder.body(body) }))
      builder.page(7, 2 ** 40, 8, 2, bodies, new Block(DIGITS), 2, 9)
      builder.page(8, 0, 8, 2, bodies, new Block(DIGITS), 0, 10)
    })
    await writeFrame((builder) => {
      builder.settle(7, 2 ** 40, indexRuns([1, 2, 3, 9]))
      builder.returned(7, 2 ** 40, [
        { first: 4, count: 5, times: 255 },
        { first: 11, count: 1, times: 1 },
      ])
      builder.cursor(7, 2 ** 40, 11)
      builder.unsettledBytes(7, 2 ** 40, 2 ** 47)
      builder.drop(8, 0)
      builder.dropQueue(2 ** 47)
    })
    const { told, pages, end, tornBytes, gaps, firstCommit, lastCommit } = await scan()
    expect(told).toEqual([
      ['put', 3, 'key', 'value'],
      ['remove', 4, 'other'],
      ['page', 7, 2 ** 40, 8, 2, [8, 9]],
      ['page', 8, 0, 8, 2, [8, 9]],
      ['settle', 7, 2 ** 40, 1, 3],
      ['settle', 7, 2 ** 40, 9, 1],
      ['returned', 7, 2 ** 40, 4, 5, 255],
      ['returned', 7, 2 ** 40, 11, 1, 1],
      ['cursor', 7, 2 ** 40, 11],
      ['unsettledBytes', 7, 2 ** 40, 2 ** 47],
      ['drop', 8, 0],
      ['dropQueue', 2 ** 47],
    ])
    expect({ end, tornBytes, gaps, firstCommit, lastCommit }).toEqual({
      end: bytes,
      tornBytes: 0,
      gaps: [],
      firstCommit: 1,
      lastCommit: 2,
    })
    const read = async ({ offset, bytes }: { offset: number; bytes: number }): Promise<string> => {
      const buffer = Buffer.alloc(bytes)
      await file.read(buffer, offset)
      return buffer.toString()
    }
    expect(await Promise.all(pages.map(read))).toEqual(['2345678', '0123456789'])
    for (const { bodies } of pages)
      expect(await Promise.all(bodies.map(read))).toEqual(large.map(({ bytes }) => `${bytes}`))
    // Written once, for both.
    expect(pages[0]?.bodies[1]?.offset).toBe(pages[1]?.bodies[1]?.offset)
  })

  test('reads back any entities, whatever the builder held before', async () => {
    const entity = fc.tuple(fc.nat(255), fc.string({ unit: 'grapheme' }), fc.string({ maxLength: 200 }))
    const builder = new FrameBuilder()
    const written: unknown[] = []
    const property = fc.asyncProperty(fc.array(entity, { minLength: 1 }), async (entities) => {
      await writeFrame((frame) => {
        for (const [kind, key, value] of entities) frame.put(kind, Buffer.from(key), Buffer.from(value))
      }, builder)
      written.push(...entities.map(([kind, key, value]) => ['put', kind, key, value]))
      expect((await scan()).told).toEqual(written)
    })
    await fc.assert(property, { numRuns: 30 })
  })

  test('starts behind what is known', async () => {
    await writeFrame(put('a'))
    const second = await writeFrame(put('b'))
    expect(await scan(second)).toMatchObject({ told: [['put', 1, 'b', 'value']], firstCommit: 2 })
    expect(await scan(bytes)).toMatchObject({ told: [], end: bytes, tornBytes: 0, firstCommit: 0 })
  })

  test('has nothing of a frame that was not finished, wherever it ends', async () => {
    await writeFrame(put('a'))
    const whole = bytes
    await writeFrame(put('b'))
    for (let length = whole; length < bytes; length++) {
      const copy = await (await openFolder(folder)).open(logFileName(2))
      const content = Buffer.alloc(length)
      await file.read(content, 0)
      await copy.truncate(0)
      await copy.write([content], 0)
      const recorder = new Recorder()
      const result = await scanLog(copy, 0, recorder)
      await copy.close()
      expect(recorder.told).toEqual([['put', 1, 'a', 'value']])
      expect(result).toMatchObject({ end: whole, tornBytes: length - whole, gaps: [] })
    }
  })

  test('goes on behind a damaged frame, and says where it was', async () => {
    const offsets: number[] = []
    for (const key of ['a', 'b', 'c', 'd']) offsets.push(await writeFrame(put(key)))
    const [, second = 0, third = 0] = offsets
    for (let at = second; at < third; at++) {
      const before = Buffer.alloc(1)
      await file.read(before, at)
      await file.write([Buffer.of(before.readUInt8() ^ 0x40)], at)
      const { told, gaps, end } = await scan()
      expect(told.map((one) => (one as string[])[2])).toEqual(['a', 'c', 'd'])
      expect(gaps).toEqual([{ offset: second, bytes: third - second }])
      expect(end).toBe(bytes)
      await file.write([before], at)
    }
  })

  test('is read in spite of a damaged header', async () => {
    await writeFrame(put('a'))
    for (let at = 0; at < 20; at++) {
      const before = Buffer.alloc(1)
      await file.read(before, at)
      await overwrite(at, String.fromCharCode(before.readUInt8() ^ 1))
      const { told, gaps } = await scan()
      expect(told).toEqual([['put', 1, 'a', 'value']])
      expect(gaps).toEqual([{ offset: 0, bytes: LOG_FILE_HEADER_BYTES }])
      await file.write([before], at)
    }
  })

  test('of a newer version is refused', async () => {
    await file.close()
    file = await (await openFolder(folder)).open(logFileName(3))
    const header = createFileHeader()
    header.writeUInt8(2, 4)
    header.writeUInt32BE(crc32(header.subarray(0, 16)), 16)
    await file.write([header], 0)
    await expect(scan()).rejects.toThrow(NewerFormatError)
  })

  test('keeps long pages and bodies as they are, and notices every flipped bit of them', async () => {
    const records = Buffer.alloc(20_000, 'records')
    const body = new Block(Buffer.alloc(50_000, 'body'))
    const source = new Block(Buffer.concat([records, Buffer.from('something else')]))
    await writeFrame((builder) => {
      const bodies = [{ index: 0, ...builder.body(body) }]
      builder.page(7, 1, 0, 1, bodies, source, 0, records.length)
    })
    expect(source.pins).toBe(1)
    const { told, pages } = await scan()
    expect(told).toEqual([['page', 7, 1, 0, 1, [0]]])
    const [page] = pages
    const read = Buffer.alloc(records.length)
    await file.read(read, page?.offset ?? 0)
    expect(read.equals(records)).toBe(true)
    for (const at of [page?.offset, page?.bodies[0]?.offset, bytes - 1]) {
      const before = Buffer.alloc(1)
      await file.read(before, at ?? 0)
      await file.write([Buffer.of(before.readUInt8() ^ 1)], at ?? 0)
      expect((await scan()).told).toEqual([])
      await file.write([before], at ?? 0)
    }
  })

  test('ends where it says, whatever an earlier life of the file has left behind', async () => {
    const stale: string[] = []
    for (let number = 0; number < 50; number++) {
      stale.push(`stale ${number}`)
      await writeFrame(put(`stale ${number}`))
    }
    const header = createFileHeader(true)
    mark = markIn(header)
    await file.write([header, createEnd(mark)], 0)
    bytes = header.length
    expect(await scan()).toMatchObject({ told: [], end: bytes, tornBytes: 0, gaps: [] })
    for (const key of ['a', 'b']) {
      const offset = await writeFrame(put(key))
      await file.write([createEnd(mark)], bytes)
      expect(await scan(offset)).toMatchObject({ told: [['put', 1, key, 'value']], end: bytes, tornBytes: 0, gaps: [] })
    }
    // A commit that was not finished: its header is there, what it says is not.
    const torn = await writeFrame(put('torn'))
    await overwrite(torn + LOG_FRAME_HEADER_BYTES + 3)
    const { told, end, tornBytes } = await scan()
    expect(told.map((one) => (one as string[])[2])).toEqual(['a', 'b'])
    expect({ end, tornBytes }).toEqual({ end: torn, tornBytes: bytes - torn })
  })

  test('a very large commit is several frames, and counts as a whole or not at all', async () => {
    const bodies = [
      new Block(Buffer.alloc(70 * 1024 * 1024, 'large')),
      new Block(Buffer.alloc(100_000, 'small')),
    ] as const
    const before = await writeFrame(put('before'))
    const large = await writeFrame((builder) => {
      builder.breakHere()
      builder.page(1, 1, 0, 1, [{ index: 0, ...builder.body(bodies[0]) }], new Block(DIGITS), 0, 4)
      builder.breakHere()
      builder.page(2, 1, 0, 1, [{ index: 0, ...builder.body(bodies[1]) }], new Block(DIGITS), 4, 8)
      builder.breakHere()
      builder.put(1, Buffer.from('last'), Buffer.from('value'))
    })
    const { told, pages, tornBytes, gaps, lastCommit } = await scan()
    expect(told.map((one) => (one as unknown[])[0])).toEqual(['put', 'page', 'page', 'put'])
    expect({ tornBytes, gaps, lastCommit }).toEqual({ tornBytes: 0, gaps: [], lastCommit: 2 })
    for (const [page, text] of [
      [pages[0], '0123large'],
      [pages[1], '4567small'],
    ] as const) {
      const buffer = Buffer.alloc(9)
      await file.read(buffer.subarray(0, 4), page?.offset ?? 0)
      await file.read(buffer.subarray(4), page?.bodies[0]?.offset ?? 0)
      expect(buffer.toString()).toBe(text)
    }
    const lost = { told: [['put', 1, 'before', 'value']], gaps: [], lastCommit: 1 }
    const byte = Buffer.alloc(1)
    await file.read(byte, large + 30)
    await file.write([Buffer.of(byte.readUInt8() ^ 1)], large + 30)
    expect(await scan(before)).toMatchObject(lost)
    await file.write([byte], large + 30)
    await file.truncate(bytes - 1)
    expect(await scan(before)).toMatchObject(lost)
  })

  test('cannot be told anything by what clients send', async () => {
    const forged = new FrameBuilder()
    forged.put(1, Buffer.from('forged'), Buffer.from('value'))
    const other = markIn(createFileHeader())
    const body = new Block(Buffer.concat(forged.finish(1, other)))
    await writeFrame((builder) => void builder.body(body))
    const torn = await writeFrame((builder) => void builder.body(body))
    await file.truncate(torn + LOG_FRAME_HEADER_BYTES + body.size - 1)
    expect((await scan()).told).toEqual([])
  })

  test('leaves out a whole frame that it does not understand', async () => {
    await writeFrame(put('a'))
    const start = await writeFrame((builder) => {
      builder.put(1, Buffer.from('not'), Buffer.from('this'))
      builder.settle(1, 1, indexRuns([]))
    })
    // An unknown kind, with the right CRC.
    const frame = Buffer.alloc(bytes - start)
    await file.read(frame, start)
    frame.writeUInt8(99, frame.length - 17)
    frame.writeUInt32BE(crc32(frame.subarray(24), crc32(frame.subarray(0, 20))), 20)
    await file.write([frame], start)
    await writeFrame(put('c'))
    const { told, gaps } = await scan()
    expect(told.map((one) => (one as string[])[2])).toEqual(['a', 'c'])
    expect(gaps).toEqual([{ offset: start, bytes: frame.length }])
  })

  test('may be empty, or end within its header', async () => {
    expect(await scan()).toMatchObject({ told: [], end: bytes, tornBytes: 0 })
    await file.truncate(7)
    expect(await scan()).toMatchObject({ told: [], end: 0, tornBytes: 7 })
    await file.truncate(0)
    expect(await scan()).toMatchObject({ told: [], end: 0, tornBytes: 0 })
  })
})

test('a log of any length is read through one and the same piece of memory', async () => {
  for (let frame = 0; frame < 6; frame++) {
    await writeFrame((builder) => builder.put(1, Buffer.from(`key ${frame}`), Buffer.alloc(3 * 1024 * 1024, frame)))
  }
  const rooms = new Set<ArrayBufferLike>()
  const watched: DataFile = {
    ...file,
    size: () => file.size(),
    read: (buffer, offset) => {
      rooms.add(buffer.buffer)
      return file.read(buffer, offset)
    },
  }
  const keys: string[] = []
  await scanLog(watched, 0, {
    ...NO_VISITOR,
    put: (_, key, value) => void keys.push(`${key}: ${value[value.length - 1]}`),
  })
  expect(keys).toEqual([0, 1, 2, 3, 4, 5].map((frame) => `key ${frame}: ${frame}`))
  expect(rooms.size).toBe(1)
})
