// What belongs together is in one commit, though it is staged over several turns.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LevelStorage } from '../../../storage/level/level-storage.ts'

const KIND = 1
const VALUE = Buffer.alloc(10)

let folder: string
let storage: LevelStorage

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-hold-'))
  storage = new LevelStorage({ folder, onFatal: (error) => expect.fail(error.message) })
  await storage.open()
})

afterEach(async () => {
  await storage.close()
  rmSync(folder, { recursive: true, force: true })
})

function durable(): Promise<void> {
  return new Promise((resolve) => storage.journal.whenDurable(resolve))
}

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate)
}

test('nothing is committed while commits are held, and then all of it at once', async () => {
  const { journal } = storage
  const before = journal.commit
  const release = journal.holdCommits()
  journal.put(KIND, 'first', VALUE)
  let isDurable = false
  const told = durable().then(() => {
    isDurable = true
  })
  await turns()
  expect([journal.commit, isDurable]).toEqual([before, false])
  journal.put(KIND, 'second', VALUE)
  release?.()
  await told
  expect(journal.commit).toBe(before + 1)
})

test('a commit that is on its way already goes on', async () => {
  const { journal } = storage
  const before = journal.commit
  journal.put(KIND, 'first', VALUE)
  const first = durable()
  while (journal.commit === before) await turns()
  const release = journal.holdCommits()
  journal.put(KIND, 'second', VALUE)
  await first
  await turns()
  expect(journal.commit).toBe(before + 1)
  release?.()
  await durable()
  expect(journal.commit).toBe(before + 2)
})

test('commits are held for one at a time', async () => {
  const { journal } = storage
  const release = journal.holdCommits()
  expect(journal.holdCommits()).toBeUndefined()
  release?.()
  const again = journal.holdCommits()
  expect(again).toBeDefined()
  again?.()
  journal.put(KIND, 'key', VALUE)
  await durable()
})
