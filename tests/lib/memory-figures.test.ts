import { afterEach, expect, test, vi } from 'vitest'
import { memoryFigures } from '../../src/lib/memory-figures.ts'

const MIB = 1024 * 1024

afterEach(() => {
  vi.restoreAllMocks()
})

test('the figures are of this process', () => {
  const { heapUsedBytes, heapReservedBytes, bufferBytes, residentBytes = 0 } = memoryFigures()
  expect(heapUsedBytes).toBeGreaterThan(MIB)
  expect(heapReservedBytes).toBeGreaterThanOrEqual(heapUsedBytes)
  expect(bufferBytes).toBeGreaterThan(0)
  expect(residentBytes).toBeGreaterThan(10 * MIB)
})

test('without descriptors there is no resident size, and V8 says what buffers take', () => {
  vi.spyOn(process, 'memoryUsage').mockImplementation(() => {
    throw new Error('EMFILE: too many open files, uv_resident_set_memory')
  })
  const before = memoryFigures()
  expect(before.residentBytes).toBeUndefined()
  const buffer = Buffer.allocUnsafeSlow(20 * MIB)
  expect(memoryFigures().bufferBytes - before.bufferBytes).toBeGreaterThan(19 * MIB)
  expect(buffer.length).toBe(20 * MIB)
})
