import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ReadProgress } from '../../../../storage/level/disk/read-progress.ts'
import { LevelStorage } from '../../../../storage/level/level-storage.ts'
import type { RecoveryProgress } from '../../../../storage/storage.ts'
import { HandClock } from '../../../support/hand-clock.ts'
import { committed, durable } from '../../contract-model.ts'
import { copyAsKilled } from '../killed-copy.ts'

test('nothing is said within the first second, and then one thing a second', () => {
  const clock = new HandClock()
  const said: RecoveryProgress[] = []
  const progress = new ReadProgress((one) => said.push(one), clock)
  progress.begin('reading', 100)
  for (let part = 0; part < 10; part++) {
    clock.turn(250)
    progress.read(10)
  }
  expect(said).toEqual([
    { step: 'reading', readBytes: 40, totalBytes: 100 },
    { step: 'reading', readBytes: 80, totalBytes: 100 },
  ])
  progress.begin('reading more', 7)
  clock.turn(500)
  progress.read(7)
  expect(said.at(-1)).toEqual({ step: 'reading more', readBytes: 7, totalBytes: 7 })
})

test('a storage that takes long to open says how much it has read of how much', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-progress-'))
  const first = new LevelStorage({ folder: join(folder, 'store'), logFileBytes: 100_000, durability: 'os' })
  await first.open()
  // The catalogue does not get ahead of what it is never told of: one big commit after the other.
  const log = first.createQueueLog(first.newQueueId())
  for (let number = 0; number < 50; number++) {
    log.append(durable(number, 10_000))
    await committed(first)
  }
  copyAsKilled(join(folder, 'store'), join(folder, 'killed'))
  await first.close()
  // Every look at the clock finds that more than a second has passed.
  const clock = new HandClock()
  clock.monotonicMs = () => (clock.nowMs += 1001)
  const said: RecoveryProgress[] = []
  const second = new LevelStorage({ folder: join(folder, 'killed') })
  await second.open({ onProgress: (progress) => said.push(progress), clock })
  await second.close()
  expect(new Set(said.map(({ step }) => step))).toEqual(new Set(['checking the catalogue', 'reading the log']))
  for (const step of ['checking the catalogue', 'reading the log']) {
    const ofStep = said.filter((one) => one.step === step)
    const { readBytes, totalBytes } = ofStep.at(-1) ?? { readBytes: 0, totalBytes: -1 }
    expect(readBytes).toBe(totalBytes)
    expect(ofStep.every((one, at) => one.readBytes >= (ofStep[at - 1]?.readBytes ?? 0))).toBe(true)
  }
  rmSync(folder, { recursive: true })
})
