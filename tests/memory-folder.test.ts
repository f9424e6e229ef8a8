import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { removeLeftovers } from './support/memory-folder.ts'

test('what a run of the tests has left that was killed goes with the next run', () => {
  const place = mkdtempSync(join(tmpdir(), 'leveret-leftovers-'))
  onTestFinished(() => rmSync(place, { recursive: true }))
  const { pid: gone } = spawnSync('true')
  const others = [`leveret-tests-${process.pid}-b`, 'leveret-tests-c', 'others-1-d']
  for (const name of [`leveret-tests-${gone}-a`, ...others]) mkdirSync(join(place, name, 'deep'), { recursive: true })
  removeLeftovers(place)
  expect(readdirSync(place).sort()).toEqual(others.sort())
})
