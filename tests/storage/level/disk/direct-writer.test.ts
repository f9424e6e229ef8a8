// A file that is written through, whichever way that is, holds exactly what was written.
import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { DataFile } from '../../../../storage/level/disk/data-file.ts'
import { DirectWriter } from '../../../../storage/level/disk/direct-writer.ts'
import { type Files, openFolder } from '../../../../storage/level/disk/files.ts'
import { diskFolder } from '../../../support/memory-folder.ts'

const MIB = 1024 * 1024

let folder: string
let files: Files
let file: DataFile

beforeEach(async () => {
  folder = mkdtempSync(join(diskFolder(), 'leveret-direct-'))
  files = await openFolder(folder)
  file = await files.open('file')
})

afterEach(async () => {
  await file.close()
  rmSync(folder, { recursive: true })
})

function bytes(length: number, seed: number): Buffer {
  const buffer = Buffer.alloc(length)
  for (let i = 0, x = seed; i < length; i++, x = (x * 69069 + 1) | 0) buffer[i] = x >>> 24
  return buffer
}

function written(name = 'file'): Buffer {
  return readFileSync(join(folder, name))
}

describe('a file that is written through', () => {
  test('holds what was written, however it is cut and wherever it begins', async () => {
    const write = fc.record({
      pieces: fc.array(fc.nat(9000), { maxLength: 5 }),
      /** How far behind the start of the last write, or at its end. */
      back: fc.option(fc.nat(3000)),
      isThrough: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.nat(10_000), fc.array(write, { maxLength: 12 }), async (start, writes) => {
        const model = Buffer.alloc(2 * MIB)
        const name = `file-${Math.random()}`
        const target = await files.open(name)
        await target.write([Buffer.alloc(start, 7)], 0)
        model.fill(7, 0, start)
        let end = start
        let seed = 1
        for (const { pieces, back, isThrough } of writes) {
          const offset = back === null ? end : Math.max(0, end - back)
          const data = pieces.map((length) => bytes(length, seed++))
          await (isThrough ? target.writeThrough(data, offset) : target.write(data, offset))
          const whole = Buffer.concat(data)
          whole.copy(model, offset)
          end = offset + whole.length
          expect(written(name).subarray(0, end).equals(model.subarray(0, end))).toBe(true)
        }
        await target.close()
      }),
      { numRuns: 60 },
    )
  })

  test('takes more than is written at a time', async () => {
    const pieces = [bytes(10, 1), bytes(2 * MIB + 5, 2), bytes(MIB, 3), bytes(3000, 4)]
    await file.write([Buffer.alloc(4120)], 0)
    await file.writeThrough(pieces, 4120)
    await file.writeThrough([bytes(100, 5)], 4120 + Buffer.concat(pieces).length)
    expect(
      written()
        .subarray(4120)
        .subarray(0, 3 * MIB + 3115)
        .equals(Buffer.concat([...pieces, bytes(100, 5)])),
    ).toBe(true)
  })

  test('keeps apart what is written to several files at once', async () => {
    const others = await Promise.all([1, 2, 3].map((number) => files.open(`other-${number}`)))
    for (let round = 0; round < 5; round++) {
      await Promise.all(others.map((other, at) => other.writeThrough([bytes(5000, at)], round * 5000)))
    }
    for (const [at, other] of others.entries()) {
      const expected = Buffer.concat(Array.from({ length: 5 }, () => bytes(5000, at)))
      expect(
        written(`other-${at + 1}`)
          .subarray(0, 25_000)
          .equals(expected),
      ).toBe(true)
      await other.close()
    }
  })

  test('is read while it is written', async () => {
    const read = Buffer.alloc(1000)
    for (let at = 0; at < 50; at++) {
      await file.writeThrough([bytes(1000, at)], at * 1000)
      await file.read(read, at * 1000)
      expect(read.equals(bytes(1000, at))).toBe(true)
    }
  })

  test('takes up again what another name or a truncation has left', async () => {
    await file.writeThrough([bytes(6000, 1)], 0)
    await file.rest()
    await file.rename('renamed')
    truncateSync(join(folder, 'renamed'), 6000)
    await file.writeThrough([bytes(100, 2)], 6000)
    expect(
      written('renamed')
        .subarray(0, 6100)
        .equals(Buffer.concat([bytes(6000, 1), bytes(100, 2)])),
    ).toBe(true)
  })
})

describe('where files cannot be written directly', () => {
  const synced: { bytes: Buffer; offset: number }[] = []
  const target = {
    readBack: () => Promise.reject(new Error('nothing to read')),
    writeSynced: (pieces: readonly Uint8Array[], offset: number) => {
      synced.push({ bytes: Buffer.concat(pieces), offset })
      return Promise.resolve()
    },
  }

  beforeEach(() => {
    synced.length = 0
  })

  test.runIf(process.platform === 'linux')('they are written another way from the first refusal on', async () => {
    const writer = new DirectWriter()
    expect(await writer.open((flags) => open('/dev/null', flags))).toBeUndefined()
    await writer.write(target, -1, [bytes(10, 1), bytes(5, 2)], 7)
    expect(synced).toEqual([{ bytes: Buffer.concat([bytes(10, 1), bytes(5, 2)]), offset: 7 }])
    expect(await writer.open((flags) => open(join(folder, 'file'), flags))).toBeUndefined()
  })

  test('they are written another way when there is no memory for it', async () => {
    const writer = new DirectWriter(() => {
      throw new RangeError('WebAssembly.Memory(): could not allocate memory')
    })
    expect(await writer.open((flags) => open(join(folder, 'file'), flags))).toBeUndefined()
    for (const offset of [0, 10]) await writer.write(target, -1, [bytes(10, 1)], offset)
    expect(synced.map(({ offset }) => offset)).toEqual([0, 10])
  })

  test.runIf(process.platform === 'linux')('what was refused in the middle is written again', async () => {
    const writer = new DirectWriter()
    // It takes numbers only: the system answers EINVAL, as it does when blocks or memory are not as the disk wants them.
    const handle = await open('/proc/self/oom_score_adj', 'r+')
    await writer.write(target, handle.fd, [bytes(10, 1)], 0)
    await handle.close()
    expect(synced).toEqual([{ bytes: bytes(10, 1), offset: 0 }])
  })

  test('what the disk fails to take is no refusal', async () => {
    const writer = new DirectWriter()
    await expect(writer.write(target, -1, [bytes(10, 1)], 0)).rejects.toThrow()
    expect(synced).toEqual([])
  })
})
