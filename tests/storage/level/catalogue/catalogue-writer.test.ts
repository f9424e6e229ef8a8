// A catalogue that cannot be written because the disk is full is tried again until it can; other errors are final.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { CatalogueOperation } from '../../../../storage/level/catalogue/catalogue-records.ts'
import { CatalogueWriter } from '../../../../storage/level/catalogue/catalogue-writer.ts'

const MIB = 1024 * 1024
const OPERATIONS: CatalogueOperation[] = [{ type: 'del', key: Buffer.from('p12') }]

/** As classic-level has them. */
function levelError(text: string, code = 'LEVEL_IO_ERROR'): Error {
  return Object.assign(new Error(`IO error: /somewhere/000005.log: ${text}`), { code })
}

const FULL = levelError('No space left on device')

let events: string[]
/** What the next writes and openings throw, if anything. */
let writeErrors: (Error | undefined)[]
let openErrors: (Error | undefined)[]
let freeBytes: number
let writer: CatalogueWriter

beforeEach(() => {
  vi.useFakeTimers()
  events = []
  writeErrors = []
  openErrors = []
  freeBytes = 1024 * MIB
  const catalogue = {
    write: async (operations: readonly CatalogueOperation[], isSynced: boolean): Promise<void> => {
      expect(operations).toBe(OPERATIONS)
      const error = writeErrors.shift()
      events.push(`write ${isSynced ? 'synced' : 'unsynced'} ${error === undefined ? 'done' : 'failed'}`)
      if (error !== undefined) throw error
    },
    reopen: async (): Promise<void> => {
      const error = openErrors.shift()
      events.push(`open ${error === undefined ? 'done' : 'failed'}`)
      if (error !== undefined) throw error
    },
  }
  const journal = {
    catalogueTrouble: (trouble: string | undefined): void => void events.push(trouble ?? 'no trouble'),
    catalogueFailed: (error: unknown): void => void events.push(`failed: ${(error as Error).message}`),
  }
  writer = new CatalogueWriter(catalogue, journal, async () => freeBytes)
})

afterEach(() => vi.useRealTimers())

const TROUBLE = `the catalogue cannot be written (${FULL.message}): make room on the disk or make it writable`

test('a batch is synced', async () => {
  expect(await writer.write(OPERATIONS)).toBe(true)
  expect(events).toEqual(['write synced done', 'no trouble'])
})

test('the same batch is written again, to a catalogue that was opened again, until it is there', async () => {
  writeErrors = [FULL, FULL, undefined]
  openErrors = [undefined, Object.assign(new Error('Database failed to open'), { cause: FULL })]
  const written = writer.write(OPERATIONS)
  await vi.advanceTimersByTimeAsync(5000)
  expect(await written).toBe(true)
  expect(events).toEqual([
    'write synced failed',
    TROUBLE,
    'open done',
    'write synced failed',
    TROUBLE,
    'open failed',
    TROUBLE,
    'open done',
    'write synced done',
    'no trouble',
  ])
})

test('the catalogue stays open for readers while there is no room to open it again', async () => {
  writeErrors = [FULL]
  freeBytes = MIB
  const written = writer.write(OPERATIONS)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(events).toEqual(['write synced failed', TROUBLE])
  freeBytes = 100 * MIB
  await vi.advanceTimersByTimeAsync(1000)
  expect(await written).toBe(true)
})

test('what the system says in other words is want of room when there is none', async () => {
  const odd = levelError('Kein Platz')
  writeErrors = [odd]
  freeBytes = 1000
  const written = writer.write(OPERATIONS)
  await vi.advanceTimersByTimeAsync(1)
  expect(events[1]).toContain('Kein Platz')
  freeBytes = 100 * MIB
  await vi.advanceTimersByTimeAsync(1000)
  expect(await written).toBe(true)
})

for (const [name, error] of Object.entries({
  'a broken disk': levelError('Input/output error'),
  'a broken catalogue': levelError('bad block', 'LEVEL_CORRUPTION'),
})) {
  test(`${name} is final`, async () => {
    writeErrors = [error]
    expect(await writer.write(OPERATIONS)).toBe(false)
    expect(events).toEqual(['write synced failed', `failed: ${error.message}`])
  })
}

test('the writer does not wait for room once it was stopped', async () => {
  writeErrors = [FULL, FULL]
  const written = writer.write(OPERATIONS)
  await vi.advanceTimersByTimeAsync(1)
  writer.stop()
  expect(await written).toBe(false)
  expect(await writer.write(OPERATIONS)).toBe(false)
  expect(await writer.write(OPERATIONS)).toBe(true)
})
