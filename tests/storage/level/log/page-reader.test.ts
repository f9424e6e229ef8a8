// A place on the disk that cannot be read costs what was in it and nothing else, however it is read.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isDamage } from '../../../../storage/level/disk/damage.ts'
import type { QueueLog } from '../../../../storage/queue-log.ts'
import { committed, drain, durable, readable } from '../../contract-model.ts'
import { systemError } from '../faulty-files.ts'
import { FaultyStore } from '../faulty-store.ts'

const PER_PAGE = 5

let store: FaultyStore
let log: QueueLog

beforeEach(async () => {
  store = await FaultyStore.open()
  log = store.storage.createQueueLog(1)
  for (let number = 0; number < 3 * PER_PAGE; number++) {
    log.append(durable(number, number === 12 ? 40_000 : 100))
    if (number % PER_PAGE === PER_PAGE - 1) await committed(store.storage)
  }
  await store.reopen()
  log = store.storage.createQueueLog(1)
})

afterEach(async () => {
  await store.remove()
})

/** The disk fails at this one of the places that are read: the pages in order, then the body of the last. */
function failAt(place: number): void {
  let reads = 0
  store.files.fault = (operation) => {
    if (operation === 'read' && reads++ === place) throw systemError('EIO')
  }
}

const READERS: Record<string, () => Promise<void>> = {
  'ahead of need': () => new Promise((resolve) => void (log.isReadable(resolve) && resolve())),
  'when it is due': () => readable(log),
}

for (const [name, read] of Object.entries(READERS)) {
  test(`a page that cannot be read ${name} is left out`, async () => {
    failAt(1)
    await read()
    expect(await drain(log)).toEqual([0, 1, 2, 3, 4, 10, 11, 12, 13, 14])
    expect(store.damage).toEqual([expect.stringMatching(/^5 messages of queue 1 in log file 1 at \d+ are damaged/)])
    await committed(store.storage)
    expect(store.fatal).toEqual([])
  })

  test(`a body that cannot be read ${name} is left out`, async () => {
    failAt(3)
    await read()
    expect(await drain(log)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14])
    expect(store.damage).toHaveLength(1)
    expect(store.fatal).toEqual([])
  })
}

test('errors of one place are told from those of everything', () => {
  const error = (code: string, text = ''): Error => Object.assign(new Error(text), { code })
  expect(isDamage(new RangeError('the file ends 7 bytes too early'))).toBe(true)
  expect(isDamage(error('EIO'))).toBe(true)
  expect(isDamage(error('LEVEL_CORRUPTION', 'Corruption: block checksum mismatch'))).toBe(true)
  expect(isDamage(error('LEVEL_IO_ERROR', 'IO error: 000007.ldb: Input/output error'))).toBe(true)
  expect(isDamage(error('LEVEL_IO_ERROR', 'IO error: 000007.ldb: Too many open files'))).toBe(false)
  expect(isDamage(error('EBADF'))).toBe(false)
  expect(isDamage(error('LEVEL_DATABASE_NOT_OPEN'))).toBe(false)
  expect(isDamage(new Error('bug'))).toBe(false)
})
