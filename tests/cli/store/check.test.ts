import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Catalogue } from '../../../storage/level/catalogue/catalogue.ts'
import { putMeta, putPage } from '../../../storage/level/catalogue/catalogue-records.ts'
import { openFolder } from '../../../storage/level/disk/files.ts'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import { NO_VISITOR } from '../../../storage/level/log/log-entries.ts'
import { scanLog } from '../../../storage/level/log/log-reader.ts'
import {
  damage,
  filesOf,
  fingerprintsOf,
  LARGE_BODY_BYTES,
  leveret,
  logFile,
  MESSAGES,
  makeStore,
  messagesIn,
  startBroker,
  temporaryFolder,
} from './store-folder.ts'

const ALL = 2 * MESSAGES - 10

async function check(folder: string, ...flags: string[]) {
  const { exitCode, printed, errors } = await leveret('check', '--data-dir', folder, '--json', ...flags)
  return { exitCode, errors, result: printed === '' ? undefined : JSON.parse(printed) }
}

async function putEntities(folder: string, ...entities: [kind: number, key: string, value: Buffer][]): Promise<void> {
  const storage = new LevelStorage({ folder })
  await storage.open()
  for (const [kind, key, value] of entities) storage.journal.put(kind, key, value)
  await storage.close()
}

async function startedUsers(folder: string): Promise<string[]> {
  const server = await startBroker(folder)
  const names = server.users.list().map(({ name }) => name)
  await server.shutdown()
  return names
}

describe('a store without damage', () => {
  test('is fine, and is not changed by looking at it', async () => {
    const folder = await makeStore()
    const before = fingerprintsOf(folder)
    const { exitCode, result } = await check(folder)
    expect(exitCode).toBe(0)
    expect(result).toMatchObject({ status: 'fine', messages: ALL, bodies: 1, lostMessages: 0, problems: [], notes: [] })
    expect(fingerprintsOf(folder)).toEqual(before)
    expect(readdirSync(folder).sort()).toEqual(['catalogue', 'entities', 'lock', 'log'])
  })

  test('is described in plain words', async () => {
    const folder = await makeStore()
    const { exitCode, printed } = await leveret('check', '--data-dir', folder)
    expect(exitCode).toBe(0)
    expect(printed).toMatch(/^store in .*\n {2}log .* MiB\n {2}entities +9\n {2}messages +190; .*\nnothing is wrong$/s)
  })

  test('is not touched by --repair either', async () => {
    const folder = await makeStore()
    expect((await check(folder, '--repair')).result).toMatchObject({ status: 'fine' })
    expect(existsSync(join(folder, 'quarantine'))).toBe(false)
  })
})

/** Writes what a killed process leaves of a commit. */
async function beginCommit(path: string): Promise<void> {
  const files = await openFolder(dirname(path))
  const file = await files.open(basename(path))
  const { end } = await scanLog(file, 0, NO_VISITOR)
  await file.write([Buffer.from('half a commit, which is longer than the header of one')], end)
  await file.close()
}

describe('damage', () => {
  test('in a page loses its messages, and repair keeps all others', async () => {
    const folder = await makeStore()
    damage(logFile(folder), 'message 50')
    const { exitCode, result } = await check(folder)
    expect(exitCode).toBe(1)
    expect(result.status).toBe('damaged')
    expect(result.lostMessages).toBeGreaterThan(0)
    expect(result.messages + result.lostMessages).toBe(ALL)

    const repaired = await check(folder, '--repair')
    expect(repaired.exitCode).toBe(1)
    expect(repaired.result).toMatchObject({ status: 'repaired', left: [], problems: result.problems })
    const kept = filesOf(repaired.result.quarantine)
    expect(kept.map(([name]) => name)).toContain('problems.txt')
    expect(kept.some(([, content]) => content.includes('message 49'))).toBe(true)

    expect(await check(folder)).toMatchObject({ exitCode: 0, result: { status: 'fine', messages: result.messages } })
    const { first, second } = await messagesIn(folder)
    expect(first!.length + second!.length).toBe(result.messages)
  })

  test('in a large body that queues share loses that message in both', async () => {
    const folder = await makeStore()
    damage(logFile(folder), 'largelarge')
    const { result } = await check(folder, '--repair')
    expect(result).toMatchObject({ status: 'repaired', lostMessages: 2 })
    const found = await messagesIn(folder)
    expect(found.second).toHaveLength(MESSAGES - 1)
    expect(found.second).not.toContain(String(Buffer.alloc(LARGE_BODY_BYTES, 'large')))
  })

  test('at the end of the log is an unfinished commit, which repair cuts off and keeps', async () => {
    const folder = await makeStore()
    await beginCommit(logFile(folder))
    const { exitCode, result } = await check(folder)
    expect(exitCode).toBe(1)
    expect(result).toMatchObject({ messages: ALL, lostMessages: 0 })
    expect(result.problems).toEqual([expect.stringContaining('unfinished commit')])
    const repaired = await check(folder, '--repair')
    expect(repaired.result).toMatchObject({ status: 'repaired' })
    expect(filesOf(repaired.result.quarantine).some(([, content]) => content.includes('half a commit'))).toBe(true)
    expect(await check(folder)).toMatchObject({ exitCode: 0 })
  })

  test('that took the log away is told of, and what is left works again', async () => {
    const folder = await makeStore()
    rmSync(logFile(folder))
    const { result } = await check(folder, '--repair')
    expect(result.problems.length).toBeGreaterThan(0)
    expect(result).toMatchObject({ status: 'repaired', messages: 0 })
    expect(await check(folder)).toMatchObject({ exitCode: 0 })
    expect(await messagesIn(folder)).toEqual({ first: [], second: [] })
  })

  test.each(['CURRENT', 'MANIFEST'])('of the %s file of LevelDB is repaired from its tables', async (name) => {
    const folder = await makeStore()
    const catalogue = join(folder, 'catalogue')
    for (const file of readdirSync(catalogue)) if (file.startsWith(name)) rmSync(join(catalogue, file))
    const before = fingerprintsOf(folder)
    const { exitCode, result } = await check(folder)
    expect(exitCode).toBe(1)
    expect(result.problems[0]).toContain('the catalogue was damaged')
    expect(fingerprintsOf(folder)).toEqual(before)
    expect((await check(folder, '--repair')).result).toMatchObject({ status: 'repaired' })
    expect(readdirSync(join(folder, 'quarantine'))).toContain('catalogue')
    expect((await messagesIn(folder)).second).toHaveLength(MESSAGES)
  })
})

describe("damage in LevelDB's own files", () => {
  /** A catalogue of many records in a table, so that one of them can be damaged without LevelDB noticing. */
  async function storeWithTables(): Promise<string> {
    const folder = await makeStore()
    const catalogue = await Catalogue.open(join(folder, 'catalogue'))
    const pages = Array.from({ length: 100 }, (_, at) => putPage(1_000_000 + at, Buffer.alloc(1000, `page ${at}`)))
    await catalogue.write(pages, true)
    await catalogue.close()
    return folder
  }

  test('is found although LevelDB skips it, and the log tells it all again', async () => {
    const folder = await storeWithTables()
    const catalogue = join(folder, 'catalogue')
    const log = readdirSync(catalogue).find((name) => name.endsWith('.log'))!
    damage(join(catalogue, log), 'page 5')
    const { exitCode, result } = await check(folder)
    expect(exitCode).toBe(1)
    expect(result.problems).toHaveLength(1)
    expect(result.problems[0]).toMatch(/the catalogue was damaged: its file \d+\.log is damaged at \d+/)
    expect(result.messages).toBe(ALL)
    expect((await check(folder, '--repair')).result).toMatchObject({ status: 'repaired' })
    expect(readdirSync(join(folder, 'quarantine'))).toContain('catalogue')
    expect(await check(folder)).toMatchObject({ exitCode: 0, result: { messages: ALL } })
  })

  test('is found in its tables', async () => {
    const folder = await storeWithTables()
    const catalogue = join(folder, 'catalogue')
    await (await Catalogue.open(catalogue)).close() // moves the records from its log to a table
    const table = readdirSync(catalogue)
      .filter((name) => name.endsWith('.ldb'))
      .sort()
      .at(-1)!
    damage(join(catalogue, table), 'page 5')
    const { result } = await check(folder)
    expect(result.problems[0]).toMatch(/its table \d+\.ldb is not what was written/)
    expect((await check(folder, '--repair')).result).toMatchObject({ status: 'repaired' })
    expect(await check(folder)).toMatchObject({ exitCode: 0, result: { messages: ALL } })
  })
})

describe('references', () => {
  test('to a queue that does not exist are taken out', async () => {
    const folder = await makeStore()
    await putEntities(folder, [4, '["/","news","lost"]', Buffer.from('00000000', 'hex')])
    const { exitCode, result } = await check(folder, '--repair')
    expect(exitCode).toBe(1)
    expect(result).toMatchObject({ status: 'repaired', entities: 10 })
    expect(result.problems).toEqual([expect.stringContaining('["/","news","lost"]')])
    expect(filesOf(result.quarantine).map(([name]) => name)).toContain('entities.jsonl')
    expect((await check(folder)).result).toMatchObject({ status: 'fine', entities: 9, messages: ALL })
  })

  test('that two queues share are told of', async () => {
    const folder = await makeStore()
    const storage = new LevelStorage({ folder })
    const { entities } = await storage.open()
    const first = [...entities].find(({ key }) => key === '["/","first"]')
    storage.journal.put(3, '["/","third"]', first!.value)
    await storage.close()
    const { result } = await check(folder)
    expect(result.problems).toEqual([expect.stringMatching(/third.*another queue has its number/)])
  })

  test('of messages to a queue that is not there are told of, and the messages go into the quarantine', async () => {
    const folder = await makeStore()
    const storage = new LevelStorage({ folder })
    await storage.open()
    storage.journal.remove(3, '["/","second"]')
    storage.journal.remove(4, '["/","news","queue second "]')
    await storage.close()
    const { result } = await check(folder, '--repair')
    expect(result.problems).toContainEqual(expect.stringContaining(`${MESSAGES} messages belong to queue`))
    expect(result.status).toBe('repaired')
    expect(filesOf(result.quarantine).some(([, content]) => content.includes('message 7'))).toBe(true)
    expect((await messagesIn(folder)).first).toHaveLength(MESSAGES - 10)
  })
})

test('a damaged user is taken out by a repair, and the next start makes the default one', async () => {
  const folder = await makeStore()
  await putEntities(folder, [5, '["guest"]', Buffer.from('00000000', 'hex')])
  expect(await startedUsers(folder)).toEqual([])
  const { result } = await check(folder, '--repair')
  expect(result).toMatchObject({ status: 'repaired', left: [] })
  expect(result.problems).toEqual(['user ["guest"] is left out: its tags are missing'])
  expect(await startedUsers(folder)).toEqual(['guest'])
  expect((await check(folder)).result).toMatchObject({ status: 'fine', entities: 9, messages: ALL })
})

describe('what cannot be checked', () => {
  test('ends with 3 and a sentence: no store', async () => {
    const folder = temporaryFolder()
    const { exitCode, errors } = await leveret('check', '--data-dir', folder)
    expect(exitCode).toBe(3)
    expect(errors).toBe(`leveret: there is no store in the folder ${folder}`)
    writeFileSync(join(folder, 'letter.txt'), 'Dear')
    expect((await leveret('check', '--data-dir', folder)).exitCode).toBe(3)
    expect(readdirSync(folder)).toEqual(['letter.txt'])
  })

  test('ends with 3 and a sentence: a newer format', async () => {
    const folder = await makeStore()
    const catalogue = await Catalogue.open(join(folder, 'catalogue'))
    const meta = await catalogue.meta()
    await catalogue.write([putMeta({ ...meta!, version: 99 })], true)
    await catalogue.close()
    const { exitCode, errors } = await leveret('check', '--data-dir', folder, '--repair')
    expect(exitCode).toBe(3)
    expect(errors).toContain('format version 99')
  })

  test('ends with 3 and says who has it: a store in use', async () => {
    const folder = await makeStore()
    const server = await startBroker(folder)
    const { exitCode, errors } = await leveret('check', '--data-dir', folder)
    await server.shutdown()
    expect(exitCode).toBe(3)
    expect(errors).toMatch(/is in use by this process since .*: stop it first/)
  })

  test('ends with 2: wrong use', async () => {
    expect((await leveret('check', '--date-dir', 'x')).exitCode).toBe(2)
  })
})

test('any changed byte and any cut is found or harmless, and the store works after a repair', {
  timeout: 60_000,
}, async () => {
  const pristine = filesOf(await makeStore()).filter(([, content]) => content.length > 0)
  const place = fc.nat({ max: pristine.length - 1 }).chain((file) =>
    fc.record({
      file: fc.constant(file),
      offset: fc.nat({ max: pristine[file]![1].length - 1 }),
      isCut: fc.boolean(),
    }),
  )
  await fc.assert(
    fc.asyncProperty(place, async ({ file, offset, isCut }) => {
      const folder = await makeStore()
      const names = filesOf(folder).filter(([, content]) => content.length > 0)
      const [name] = names[Math.min(file, names.length - 1)]!
      const path = join(folder, name)
      const bytes = readFileSync(path)
      const at = Math.min(offset, bytes.length - 1)
      if (isCut) truncateSync(path, at)
      else {
        bytes.writeUInt8(bytes.readUInt8(at) ^ 0x55, at)
        writeFileSync(path, bytes)
      }
      const { exitCode, result, errors } = await check(folder, '--repair')
      expect([0, 1], errors).toContain(exitCode)
      expect(['fine', 'repaired']).toContain(result.status)
      const after = await check(folder)
      expect(after.result).toMatchObject({ status: 'fine' })
      const found = Object.values(await messagesIn(folder)).reduce((sum, { length }) => sum + length, 0)
      expect(found).toBe(after.result.messages)
      if (result.status === 'fine') expect(found).toBe(ALL)
    }),
    { numRuns: 15 },
  )
})
