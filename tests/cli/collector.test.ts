import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { collectLessOften } from '../../src/cli/collector.ts'

const MIB = 1024 * 1024

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

test('a small heap may grow to a multiple between collections, a large one as V8 wants, and it is told of changes only', () => {
  const flags: string[] = []
  let heapBytes = 12 * MIB
  collectLessOften(
    (flag) => flags.push(flag),
    () => heapBytes,
  )
  vi.advanceTimersByTime(5000)
  expect(flags).toEqual(['--heap-growing-percent=800'])
  heapBytes = 70 * MIB
  vi.advanceTimersByTime(5000)
  expect(flags).toEqual(['--heap-growing-percent=800', '--heap-growing-percent=0'])
  heapBytes = 60 * MIB
  vi.advanceTimersByTime(1000)
  expect(flags.at(-1)).toBe('--heap-growing-percent=800')
})

test('this V8 knows the flag', () => {
  const setFlag = "require('node:v8').setFlagsFromString('--heap-growing-percent=800')"
  const { stderr } = spawnSync(process.execPath, ['-e', setFlag], { encoding: 'utf8' })
  expect(stderr).toBe('')
})
