// No other user of the system may look into a store: it has messages and password hashes. What takes things out of it makes
// its folders so that others may not, either, also where the folder of the store itself is open to all.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import { backupStore } from '../../../storage/level/offline/backup.ts'
import { checkStore } from '../../../storage/level/offline/offline-store.ts'
import { restoreStore } from '../../../storage/level/offline/restore.ts'
import { committed, durable } from '../contract-model.ts'

const KIND = 1

let place: string
let folder: string

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'leveret-private-'))
  folder = join(place, 'store')
  mkdirSync(folder, { mode: 0o755 })
})

afterEach(() => rmSync(place, { recursive: true, force: true }))

/** Every folder in it that other users may look into. */
function openFolders(of = folder): string[] {
  return readdirSync(of, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .filter((name) => (statSync(join(of, name)).mode & 0o077) !== 0)
}

function namesIn(of: string): string[] {
  return readdirSync(of).sort()
}

async function withStorage(use: (storage: LevelStorage) => Promise<void> | void): Promise<void> {
  const storage = new LevelStorage({ folder })
  await storage.open()
  await use(storage)
  await storage.close()
}

test.skipIf(process.platform === 'win32')(
  'no folder of a store is open to others, whatever was done with it',
  async () => {
    await withStorage(async (storage) => {
      storage.journal.put(KIND, 'refused', Buffer.from('hash'))
      storage.createQueueLog(1).append(durable(1, 100))
      await committed(storage)
    })
    await withStorage(
      (storage) => void storage.dropUnclaimed([{ kind: KIND, key: 'refused', value: Buffer.from('hash') }]),
    )
    expect(namesIn(join(folder, 'quarantine'))).toHaveLength(2)
    const current = join(folder, 'catalogue', 'CURRENT')
    expect(readFileSync(current, 'utf8')).toContain('MANIFEST')
    writeFileSync(current, 'MANIFEST-000000')
    await withStorage(() => {})
    expect(namesIn(join(folder, 'quarantine'))).toContain('catalogue')
    expect(openFolders()).toEqual([])
    expect(openFolders(join(folder, 'quarantine'))).toEqual([])
  },
)

test.skipIf(process.platform === 'win32')('nor while it is checked, nor after a restore', async () => {
  await withStorage((storage) => storage.journal.put(KIND, 'user', Buffer.from('hash')))
  let seen: string[] | undefined
  const checkEntities = () => {
    expect(namesIn(folder)).toContain('.check')
    seen = [...openFolders(), ...openFolders(join(folder, '.check'))]
    return { problems: [], refused: [], queueIds: new Set<number>() }
  }
  await checkStore(folder, { checkEntities })
  expect(seen).toEqual([])
  await backupStore(folder, join(place, 'backup'), { checkEntities })
  rmSync(folder, { recursive: true })
  mkdirSync(folder, { mode: 0o755 })
  await restoreStore(join(place, 'backup'), folder)
  expect(namesIn(folder)).toContain('catalogue')
  expect(openFolders()).toEqual([])
})
