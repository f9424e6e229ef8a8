import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readTar, tarEnd, tarHeader, tarPadding } from '../../src/lib/tar.ts'

function archive(files: readonly (readonly [name: string, content: Buffer])[]): Buffer {
  const pieces = files.flatMap(([name, content]) => [
    tarHeader(name, content.length, 1),
    content,
    tarPadding(content.length),
  ])
  return Buffer.concat([...pieces, tarEnd()])
}

async function* inChunks(bytes: Buffer, chunkBytes: number): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes)
}

async function filesIn(bytes: Buffer, chunkBytes = 1000): Promise<[string, Buffer][]> {
  const files: [string, Buffer][] = []
  for await (const { name, content } of readTar(inChunks(bytes, chunkBytes))) {
    const pieces: Buffer[] = []
    for await (const piece of content) pieces.push(piece)
    files.push([name, Buffer.concat(pieces)])
  }
  return files
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-tar-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

describe('an archive', () => {
  test('is read as it was written, however it arrives', async () => {
    const content = fc.uint8Array({ maxLength: 1500 }).map((bytes) => Buffer.from(bytes))
    await fc.assert(
      fc.asyncProperty(
        fc.array(content, { maxLength: 4 }),
        fc.integer({ min: 1, max: 700 }),
        async (contents, chunk) => {
          const files = contents.map((bytes, at) => [`folder/${at}.bin`, bytes] as const)
          expect(await filesIn(archive(files), chunk)).toEqual(files)
        },
      ),
    )
  })

  test('is understood by tar, and the other way round', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'a.tar'), archive([['deep/letter.txt', Buffer.from('Dear')]]))
    execFileSync('tar', ['-xf', 'a.tar'], { cwd: folder })
    expect(readFileSync(join(folder, 'deep', 'letter.txt'), 'utf8')).toBe('Dear')
    execFileSync('tar', ['--format=pax', '-cf', 'b.tar', 'deep'], { cwd: folder })
    expect(await filesIn(readFileSync(join(folder, 'b.tar')))).toEqual([['deep/letter.txt', Buffer.from('Dear')]])
  })

  test('skips what is not read', async () => {
    const bytes = archive([
      ['one', Buffer.alloc(2000)],
      ['two', Buffer.alloc(1)],
    ])
    const names: string[] = []
    for await (const { name } of readTar(inChunks(bytes, 100))) names.push(name)
    expect(names).toEqual(['one', 'two'])
  })

  test('that is cut or damaged is refused', async () => {
    const bytes = archive([['one', Buffer.alloc(2000)]])
    await expect(filesIn(bytes.subarray(0, 1500))).rejects.toThrow('ends too early')
    bytes.writeUInt8(1, 3)
    await expect(filesIn(bytes)).rejects.toThrow('damaged')
  })
})

test('a header holds sizes of more than eight gigabytes', async () => {
  const sizeBytes = 5 * 1024 ** 4
  const header = tarHeader('large', sizeBytes, 0)
  for await (const file of readTar(inChunks(header, 512))) {
    expect(file.sizeBytes).toBe(sizeBytes)
    break
  }
})

test('a name that does not fit is refused', () => {
  expect(() => tarHeader('x'.repeat(101), 0, 0)).toThrow(RangeError)
})
