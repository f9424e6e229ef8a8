import { expect, test } from 'vitest'
import { oldSpaceBytes } from '../../src/lib/old-space.ts'

const MEBIBYTE = 1024 * 1024

test.each([
  ['--max-old-space-size=128', undefined, 320, 128],
  ['--max_old_space_size=512 --max-old-space-size=256', undefined, 448, 256],
  ['--max-semi-space-size=64 --max-old-space-size 100', undefined, 292, 100],
  ['--max-old-space-size=256', 64, 320, 64],
  ['--max-old-space-size=4096', undefined, 448, 448],
  ['', undefined, 4288, 4096],
  ['--max-semi-space-size=64', undefined, 320, 160],
])('of a heap, objects that stay may take what V8 was told: "%s", %s MB in a worker', (flags, workerMb, limit, old) => {
  expect(oldSpaceBytes(limit * MEBIBYTE, flags, workerMb)).toBe(old * MEBIBYTE)
})
