import { describe, expect, test } from 'vitest'
import type { MemoryFigures } from '../src/lib/memory-figures.ts'
import { programBytes } from '../src/server-memory.ts'

const MIB = 1024 * 1024
const FIGURES: MemoryFigures = {
  heapUsedBytes: 20 * MIB,
  heapReservedBytes: 30 * MIB,
  bufferBytes: 200 * MIB,
  residentBytes: 290 * MIB,
}

/** In MiB. */
function program(figures: Partial<MemoryFigures>, limitMib = 1000, untouchedMib = 0): number {
  return programBytes(limitMib * MIB, { ...FIGURES, ...figures }, untouchedMib * MIB) / MIB
}

describe('what the process takes beside its buffers', () => {
  test('is what the system says, with all that V8 keeps for objects', () => {
    expect(program({})).toBe(290 - 200)
    expect(program({ heapUsedBytes: 25 * MIB })).toBe(90)
  })

  test('has buffers in it that were not touched yet', () => {
    expect(program({}, 1000, 20)).toBe(290 - 180)
  })

  test('is never less than what a program takes, whatever the system says', () => {
    expect(program({ residentBytes: 100 * MIB })).toBe(50 + 30)
    expect(program({ residentBytes: undefined })).toBe(50 + 30)
  })

  test('leaves room for messages under a small limit: only objects count whatever they take', () => {
    expect(program({ residentBytes: 1000 * MIB, heapReservedBytes: 300 * MIB }, 100)).toBe(20 + 20 + 10)
    expect(program({ heapUsedBytes: 30 * MIB }, 1)).toBeCloseTo(30 + 0.2)
  })
})
