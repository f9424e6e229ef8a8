import { expect, test } from 'vitest'
import { SIZE_CLASSES, Slabs, SPAN_BYTES } from '../../src/lib/slabs.ts'

const SMALLEST = 0
const LARGEST = SIZE_CLASSES - 1
const BLOCKS_IN_SPAN = SPAN_BYTES / 1024
const SLAB_BYTES = 32 * 1024 * 1024
const SPANS_IN_SLAB = SLAB_BYTES / SPAN_BYTES

test('an empty span gives way to another of its size, and its slab can go', () => {
  const slabs = new Slabs()
  const take = (count: number, sizeClass: number) => Array.from({ length: count }, () => slabs.take(sizeClass))
  const first = take(BLOCKS_IN_SPAN, SMALLEST)
  const rest = take(SPANS_IN_SLAB - 1, LARGEST)
  // The first slab is full: these are in another one.
  const second = take(BLOCKS_IN_SPAN, SMALLEST)
  expect(slabs.mappedBytes).toBe(2 * SLAB_BYTES)
  for (const block of [...first, ...rest]) slabs.give(block)
  for (const block of second.splice(0, 1)) slabs.give(block)
  slabs.release(Number.POSITIVE_INFINITY)
  expect(slabs.mappedBytes).toBe(SLAB_BYTES)
  expect(slabs.blockCount).toBe(BLOCKS_IN_SPAN - 1)
  expect(slabs.usedBytes).toBe(SPAN_BYTES)
  for (const block of second) slabs.give(block)
  slabs.release(Number.POSITIVE_INFINITY)
  expect(slabs.mappedBytes).toBe(0)
})
