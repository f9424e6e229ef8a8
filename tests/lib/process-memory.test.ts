import { totalmem } from 'node:os'
import { expect, test, vi } from 'vitest'
import { processMemoryBytes } from '../../src/lib/process-memory.ts'

test('the memory of the process is that of the machine, or what a container allows', () => {
  const constrained = vi.spyOn(process, 'constrainedMemory')
  try {
    constrained.mockReturnValue(1_000_000)
    expect(processMemoryBytes(Number.POSITIVE_INFINITY)).toBe(1_000_000)
    expect(processMemoryBytes(500_000)).toBe(500_000)
    for (const unlimited of [0, 2 ** 64, totalmem()]) {
      constrained.mockReturnValue(unlimited)
      expect(processMemoryBytes(Number.POSITIVE_INFINITY)).toBe(totalmem())
    }
  } finally {
    constrained.mockRestore()
  }
})
