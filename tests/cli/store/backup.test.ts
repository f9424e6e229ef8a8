import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { claimFolder } from '../../../storage/level/recovery/data-folder.ts'
import {
  damage,
  fingerprintsOf,
  leveret,
  logFile,
  makeStore,
  messagesIn,
  startBroker,
  temporaryFolder,
} from './store-folder.ts'

async function backup(folder: string, name: string) {
  const to = join(temporaryFolder(), name)
  return { to, ...(await leveret('backup', '--data-dir', folder, '--to', to)) }
}

async function restore(from: string, folder = join(temporaryFolder(), 'restored')) {
  return { folder, ...(await leveret('restore', '--from', from, '--data-dir', folder)) }
}

/** Changes a byte in the middle of a file, or of the only file below a folder that matches. */
function damageMiddle(path: string): void {
  const bytes = readFileSync(path)
  const at = Math.floor(bytes.length / 2)
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at)
  writeFileSync(path, bytes)
}

describe.each(['archive.tar', 'copies/today'])('a backup as %s', (name) => {
  test('brings back every message', async () => {
    const store = await makeStore()
    const { to, exitCode, printed } = await backup(store, name)
    expect(printed).toMatch(/has 190 messages: \d+ files, /)
    expect(exitCode).toBe(0)
    const restored = await restore(to)
    expect(restored.errors).toBe('')
    expect(restored.exitCode).toBe(0)
    expect((await leveret('check', '--data-dir', restored.folder)).exitCode).toBe(0)
    expect(await messagesIn(restored.folder)).toEqual(await messagesIn(store))
  })

  test.skipIf(process.platform === 'win32')('is for its owner alone: it has password hashes', async () => {
    const { to } = await backup(await makeStore(), name)
    const within = statSync(to).isDirectory() ? readdirSync(to, { recursive: true, encoding: 'utf8' }) : []
    for (const path of [to, ...within.map((inner) => join(to, inner))]) {
      const found = statSync(path)
      expect((found.mode & 0o777).toString(8), path).toBe(found.isDirectory() ? '700' : '600')
    }
  })

  test('changes nothing in the store, and leaves nothing half done', async () => {
    const store = await makeStore()
    const before = fingerprintsOf(store)
    const { to } = await backup(store, name)
    expect(fingerprintsOf(store)).toEqual(before)
    expect(existsSync(`${to}.part`)).toBe(false)
    const { folder } = await restore(to)
    expect(readdirSync(folder).sort()).toEqual(['catalogue', 'lock', 'log'])
  })

  test('never takes the place of another one', async () => {
    const store = await makeStore()
    const { to } = await backup(store, name)
    const again = await leveret('backup', '--data-dir', store, '--to', to)
    expect(again.exitCode).toBe(3)
    expect(again.errors).toContain('is there already')
  })
})

describe('a restore', () => {
  test('refuses a folder that is not empty', async () => {
    const store = await makeStore()
    const { to } = await backup(store, 'archive.tar')
    const onTop = await restore(to, store)
    expect(onTop).toMatchObject({ exitCode: 3, errors: expect.stringContaining('is not empty') })
    const foreign = temporaryFolder()
    writeFileSync(join(foreign, 'letter.txt'), 'Dear')
    expect((await restore(to, foreign)).exitCode).toBe(3)
    expect(readdirSync(foreign)).toEqual(['letter.txt'])
  })

  test('may use an empty folder that is there', async () => {
    const { to } = await backup(await makeStore(), 'archive.tar')
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'lost+found'))
    expect((await restore(to, folder)).exitCode).toBe(0)
  })

  test('finds damage in an archive and leaves nothing but the lock', async () => {
    const { to } = await backup(await makeStore(), 'archive.tar')
    damageMiddle(to)
    const { exitCode, errors, folder } = await restore(to)
    expect(exitCode).toBe(3)
    expect(errors).toMatch(/is damaged: .* is not as it was/)
    expect(readdirSync(folder)).toEqual(['lock'])
  })

  test.each([
    ['a changed file', (to: string) => damageMiddle(join(to, 'catalogue', '000001.records'))],
    ['a file too few', (to: string) => rmSync(join(to, 'log'), { recursive: true })],
    ['a file too many', (to: string) => writeFileSync(join(to, 'log', '0000000000000009.log'), 'x')],
    ['a foreign file', (to: string) => writeFileSync(join(to, 'letter.txt'), 'Dear')],
    ['no manifest', (to: string) => rmSync(join(to, 'manifest.json'))],
    ['a broken manifest', (to: string) => appendFileSync(join(to, 'manifest.json'), '}')],
    ['a manifest that says nothing', (to: string) => writeFileSync(join(to, 'manifest.json'), 'null')],
    [
      'a manifest of other things',
      (to: string) => {
        const path = join(to, 'manifest.json')
        writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), files: [null] }))
      },
    ],
    [
      'a newer format',
      (to: string) => {
        const path = join(to, 'manifest.json')
        writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), logVersion: 99 }))
      },
    ],
  ])('refuses a folder with %s', async (_, harm) => {
    const { to } = await backup(await makeStore(), 'copy')
    harm(to)
    const { exitCode, errors, folder } = await restore(to)
    expect(exitCode).toBe(3)
    expect(errors).toMatch(/^leveret: \S+/)
    expect(errors).toContain(to)
    expect(readdirSync(folder)).toEqual(['lock'])
  })

  test('says that there is no backup', async () => {
    expect(await restore('/no/such/backup')).toMatchObject({
      exitCode: 3,
      errors: 'leveret: there is no backup at /no/such/backup',
    })
  })
})

/** The folder as a restore leaves it that is killed when it has moved these to where they belong. */
async function cutOffRestore(from: string, moved: readonly string[]): Promise<string> {
  const { folder } = await restore(from)
  mkdirSync(join(folder, '.restore'))
  for (const name of ['catalogue', 'log']) {
    if (!moved.includes(name)) renameSync(join(folder, name), join(folder, '.restore', name))
  }
  return folder
}

describe.each([[[]], [['catalogue']], [['catalogue', 'log']]])(
  'a restore that was cut off with %j in place',
  (moved) => {
    test('is not opened as a store', async () => {
      const { to } = await backup(await makeStore(), 'copy')
      const folder = await cutOffRestore(to, moved)
      const before = fingerprintsOf(folder)
      const said = `a restore into the folder ${folder} was cut off before its end: restore the backup again`
      await expect(startBroker(folder)).rejects.toThrow(said)
      expect(await leveret('check', '--data-dir', folder)).toMatchObject({ exitCode: 3, errors: `leveret: ${said}` })
      expect((await backup(folder, 'other')).errors).toContain(said)
      expect(fingerprintsOf(folder)).toEqual(before)
    })

    test('is done again from the beginning', async () => {
      const store = await makeStore()
      const { to } = await backup(store, 'copy')
      const folder = await cutOffRestore(to, moved)
      expect(await restore(to, folder)).toMatchObject({ exitCode: 0, errors: '' })
      expect(readdirSync(folder).sort()).toEqual(['catalogue', 'lock', 'log'])
      expect(await messagesIn(folder)).toEqual(await messagesIn(store))
    })

    test('leaves nothing when it fails the next time', async () => {
      const { to } = await backup(await makeStore(), 'copy')
      const folder = await cutOffRestore(to, moved)
      rmSync(join(to, 'log'), { recursive: true })
      expect((await restore(to, folder)).exitCode).toBe(3)
      expect(readdirSync(folder)).toEqual(['lock'])
    })
  },
)

test('a restore never removes a store that it has not made', async () => {
  const { to } = await backup(await makeStore(), 'copy')
  const store = await makeStore()
  for (const name of ['catalogue', 'log']) mkdirSync(join(store, '.restore', name), { recursive: true })
  const before = fingerprintsOf(store)
  expect(await restore(to, store)).toMatchObject({ exitCode: 3, errors: expect.stringContaining('is not empty') })
  expect(fingerprintsOf(store)).toEqual(before)
})

test('a folder is restored by one process at a time', async () => {
  const { to } = await backup(await makeStore(), 'copy')
  const folder = temporaryFolder()
  const claimed = await claimFolder(folder)
  expect(await restore(to, folder)).toMatchObject({ exitCode: 3, errors: expect.stringContaining('is in use by') })
  await claimed.release()
})

test.each(['archive.tar', 'copy'])('what has the name of a backup that is being made stays (%s)', async (name) => {
  const store = await makeStore()
  const to = join(temporaryFolder(), name)
  mkdirSync(`${to}.part`)
  writeFileSync(join(`${to}.part`, 'letter.txt'), 'Dear')
  const { exitCode, errors } = await leveret('backup', '--data-dir', store, '--to', to)
  expect(exitCode).toBe(3)
  expect(errors).toContain(`${to}.part is there already`)
  expect(readdirSync(`${to}.part`)).toEqual(['letter.txt'])
})

describe('a store', () => {
  test('that is damaged is copied as it is, and the command fails', async () => {
    const store = await makeStore()
    damage(logFile(store), 'message 50')
    const { to, exitCode, errors } = await backup(store, 'archive.tar')
    expect(exitCode).toBe(1)
    expect(errors).toContain('cannot be read')
    expect(errors).toContain('--repair')
    expect(existsSync(to)).toBe(true)
  })

  test('in use is not copied', async () => {
    const store = await makeStore()
    const server = await startBroker(store)
    const { to, exitCode, errors } = await backup(store, 'archive.tar')
    await server.shutdown()
    expect(exitCode).toBe(3)
    expect(errors).toContain('in use')
    expect(existsSync(to)).toBe(false)
  })
})

test('wrong use ends with 2', async () => {
  expect((await leveret('backup', '--data-dir', 'x')).exitCode).toBe(2)
  expect((await leveret('restore', '--data-dir', 'x')).exitCode).toBe(2)
})
