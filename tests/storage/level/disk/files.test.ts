import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeFolder } from '../../../../storage/level/disk/files.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-files-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

test('a folder is made with those it is in, and may be there already', async () => {
  const deep = join(folder, 'a', 'b', 'c')
  await makeFolder(deep)
  await makeFolder(deep)
  expect(statSync(deep).isDirectory()).toBe(true)
})

test('a file in its place, or in the way, is an error', async () => {
  writeFileSync(join(folder, 'file'), '')
  await expect(makeFolder(join(folder, 'file'))).rejects.toThrow('EEXIST')
  await expect(makeFolder(join(folder, 'file', 'inside'))).rejects.toThrow('ENOTDIR')
})

test.runIf(process.platform === 'linux')('where nothing can be made, it ends with an error', async () => {
  await expect(makeFolder('/proc/leveret')).rejects.toThrow('ENOENT')
  await expect(makeFolder('/proc/leveret/deeper')).rejects.toThrow('ENOENT')
})
