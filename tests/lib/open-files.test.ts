import { expect, test } from 'vitest'
import { connectionsWithin, openFilesMax } from '../../src/lib/open-files.ts'

test('connections leave the store and the logs a reserve, half of what there is when that is little', () => {
  expect(connectionsWithin(20_000, 40)).toBe(20_000 - 40 - 128)
  expect(connectionsWithin(1024, 40)).toBe(1024 - 40 - 128)
  expect(connectionsWithin(140, 40)).toBe(50)
})

test('one connection is always taken', () => {
  expect(connectionsWithin(30, 40)).toBe(1)
})

test('a system without a limit sets none', () => {
  expect(connectionsWithin(undefined)).toBe(Number.POSITIVE_INFINITY)
})

test.skipIf(process.platform === 'win32')('the limit is that of this process', () => {
  const { userLimits } = process.report.getReport() as unknown as { userLimits: { open_files: { soft: number } } }
  expect(openFilesMax()).toBe(userLimits.open_files.soft)
})
