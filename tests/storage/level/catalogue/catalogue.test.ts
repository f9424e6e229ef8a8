import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Catalogue } from '../../../../storage/level/catalogue/catalogue.ts'
import { putPage, removePage } from '../../../../storage/level/catalogue/catalogue-records.ts'

let folder: string
let catalogue: Catalogue

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-catalogue-'))
  catalogue = await Catalogue.open(folder)
})

afterEach(async () => {
  await catalogue.close()
  rmSync(folder, { recursive: true, force: true })
})

test('is read and written again after it was opened again, and reading waits for that', async () => {
  await catalogue.write([putPage(1, Buffer.from('one'))], true)
  const opened = catalogue.reopen()
  const page = catalogue.page(1)
  expect(catalogue.isBehind).toBe(false)
  await opened
  expect((await page)?.toString()).toBe('one')
  await catalogue.write([putPage(2, Buffer.from('two'))], true)
  expect((await catalogue.page(2))?.toString()).toBe('two')
})

test('takes batches of any length, in order', async () => {
  const puts = Array.from({ length: 1000 }, (_, id) => putPage(id, Buffer.from(`page ${id}`)))
  await catalogue.write([...puts, removePage(500), putPage(7, Buffer.from('seven'))], false)
  const ids: number[] = []
  for await (const id of catalogue.pageIds()) ids.push(id)
  expect(ids).toEqual(Array.from({ length: 1000 }, (_, id) => id).filter((id) => id !== 500))
  expect((await catalogue.page(7))?.toString()).toBe('seven')
  expect((await catalogue.page(999))?.toString()).toBe('page 999')
})

test('knows who needs an entry', async () => {
  const body = { index: 0, offset: 2, bytes: 10, crc: 0 }
  const pages = [1, 3, 4].map((offset) => ({ file: 0, offset, bytes: 5, first: 0, count: 1, crc: 0, bodies: [body] }))
  await catalogue.pagesFound(pages)
  const { entries } = catalogue
  expect(entries.liveBytes).toBe(3 * 5 + 10)
  const left = pages.map((page) => {
    entries.unneeded(page)
    return entries.takeUnneeded()
  })
  expect(left).toEqual([[1], [3], [4, 2]])
  entries.removed(2)
  expect([entries.liveBytes, entries.garbageBytes]).toEqual([3 * 5, 10])
  expect([1, 2, 5].map((id) => entries.isNeeded(id))).toEqual([true, false, false])
})
