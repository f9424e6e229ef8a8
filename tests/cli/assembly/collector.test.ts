import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { collectLessOften } from '../../../src/cli/assembly/collector.ts'

const MIB = 1024 * 1024

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

/** Flags that are set as the heap takes these sizes, one after the other. */
function flagsFor(memoryLimitBytes: number, sizes: readonly number[]): string[] {
  const flags: string[] = []
  let heapBytes = 0
  const setFlags = (flag: string): void => void flags.push(flag.replace('--heap-growing-percent=', ''))
  for (const [at, size] of sizes.entries()) {
    heapBytes = size
    if (at === 0)
      collectLessOften({ memoryBytes: 24 * 1024 * MIB, memoryLimitBytes, setFlags, heapBytes: () => heapBytes })
    else vi.advanceTimersByTime(3000)
  }
  return flags
}

test('a small heap may grow to a multiple between collections, a large one as V8 wants', () => {
  const sizes = [12, 12, 20, 40, 100, 60, 12].map((size) => size * MIB)
  expect(flagsFor(14 * 1024 * MIB, sizes)).toEqual(['800', '400', '200', '0', '800'])
})

test('where the limit is small, V8 decides', () => {
  expect(flagsFor(320 * MIB, [12 * MIB, 6 * MIB, 3 * MIB])).toEqual(['200'])
})

test('the heap may grow more while the server starts, also when that fails', async () => {
  const flags: string[] = []
  const setFlags = (flag: string): void => void flags.push(flag.replace('--heap-growing-percent=', ''))
  const memoryBytes = 24 * 1024 * MIB
  const parts = { memoryBytes, memoryLimitBytes: memoryBytes, setFlags, heapBytes: () => 100 * MIB }
  const collector = collectLessOften(parts)
  const start = async (): Promise<void> => {
    expect(flags.at(-1)).toBe('800')
    throw new Error('it does not start')
  }
  await expect(collector.whileStarting(start)).rejects.toThrow('it does not start')
  expect(flags).toEqual(['800', '0'])
})

test('this V8 knows the flag', () => {
  const setFlag = "require('node:v8').setFlagsFromString('--heap-growing-percent=800')"
  const { stderr } = spawnSync(process.execPath, ['-e', setFlag], { encoding: 'utf8' })
  expect(stderr).toBe('')
})
