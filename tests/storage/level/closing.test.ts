// Closing waits for all that was staged before its end, and gives back whatever it can.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Catalogue } from '../../../storage/level/catalogue/catalogue.ts'
import { openFolder } from '../../../storage/level/disk/files.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import { LogFiles } from '../../../storage/level/log/log-files.ts'
import { FaultyFiles } from './faulty-files.ts'

const KIND = 1
const VALUE = Buffer.alloc(100)

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-closing-'))
})

afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true, force: true })
})

/** The next one that is closed says that it failed. */
function failAtEnd(part: { close(): Promise<void> }, message: string): void {
  const { close } = part
  vi.spyOn(part, 'close').mockImplementationOnce(async function (this: typeof part) {
    await close.call(this)
    throw new Error(message)
  })
}

test('what those stage who are told during the end is on the disk when it is over', async () => {
  const files = new FaultyFiles(folder, () => openFolder(join(folder, 'log')))
  const told: string[] = []
  const fatal: Error[] = []
  const storage = new LevelStorage({ folder, files, onFatal: (error) => fatal.push(error) })
  await storage.open()
  const { journal } = storage
  const stage = (name: string): void => {
    journal.put(KIND, name, VALUE)
    journal.whenDurable(
      () => {
        told.push(name)
        if (name === 'first') stage('second')
        else if (name === 'second') stage('third')
      },
      () => told.push(`${name} is lost`),
    )
  }
  // A disk that takes some turns for each write.
  files.fault = async (operation) => {
    for (let turn = 0; operation === 'write' && turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  stage('first')
  await storage.close()
  expect(told).toEqual(['first', 'second', 'third'])
  const again = new LevelStorage({ folder })
  const { entities, problems } = await again.open()
  await again.close()
  expect([...entities].map(({ key }) => key).sort()).toEqual(['first', 'second', 'third'])
  expect(problems).toEqual([])
  expect(fatal).toEqual([])
})

test('a part that fails to close does not keep the others open', async () => {
  const storage = new LevelStorage({ folder })
  await storage.open()
  failAtEnd(LogFiles.prototype, 'the log is broken')
  failAtEnd(Catalogue.prototype, 'the catalogue is broken')
  await expect(storage.close()).rejects.toThrow('the log is broken')
  const again = new LevelStorage({ folder })
  expect(await again.open()).toMatchObject({ problems: [] })
  await again.close()
})
