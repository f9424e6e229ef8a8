import { expect, test } from 'vitest'
import type { Block } from '../../src/lib/block.ts'
import { collectGarbage } from '../../src/lib/collect-garbage.ts'
import { SPAN_BYTES } from '../../src/lib/slab.ts'
import { SIZE_CLASSES, Slabs } from '../../src/lib/slabs.ts'

const SMALLEST = 0
const LARGEST = SIZE_CLASSES - 1
const BLOCKS_IN_SPAN = SPAN_BYTES / 1024
const SLAB_BYTES = 32 * 1024 * 1024
/** The one that a broker begins with. */
const FIRST_SLAB_BYTES = 1024 * 1024
const SPANS_IN_FIRST_SLAB = FIRST_SLAB_BYTES / SPAN_BYTES

test('an empty span gives way to another of its size, and its slab can go', () => {
  const slabs = new Slabs()
  const take = (count: number, sizeClass: number) => Array.from({ length: count }, () => slabs.take(sizeClass))
  const first = take(BLOCKS_IN_SPAN, SMALLEST)
  const rest = take(SPANS_IN_FIRST_SLAB - 1, LARGEST)
  // The first slab is full: these are in another one.
  const second = take(BLOCKS_IN_SPAN, SMALLEST)
  expect(slabs.mappedBytes).toBe(FIRST_SLAB_BYTES + SLAB_BYTES)
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

test('a slab that was given up is used again, unless it was collected by then', async () => {
  const slabs = new Slabs()
  const takeAndGive = (): WeakRef<ArrayBufferLike> => {
    const block = slabs.take(LARGEST)
    slabs.give(block)
    return new WeakRef(block.bytes.buffer)
  }
  const memory = takeAndGive()
  slabs.release(Number.POSITIVE_INFINITY)
  expect(slabs.mappedBytes).toBe(0)
  expect(takeAndGive().deref()).toBe(memory.deref())
  expect(slabs.mappedBytes).toBe(FIRST_SLAB_BYTES)
  slabs.release(Number.POSITIVE_INFINITY)
  // What a WeakRef was asked for stays until the turn is over.
  await new Promise((resolve) => setImmediate(resolve))
  collectGarbage()
  expect(memory.deref()).toBeUndefined()
  takeAndGive()
  expect(slabs.mappedBytes).toBe(FIRST_SLAB_BYTES)
})

test('a slab can be collected in the turn in which it is given up', async () => {
  const slabs = new Slabs()
  const takeAndGive = (): WeakRef<ArrayBufferLike> => {
    const block = slabs.take(LARGEST)
    slabs.give(block)
    return new WeakRef(block.bytes.buffer)
  }
  const memory = takeAndGive()
  await new Promise((resolve) => setImmediate(resolve))
  slabs.release(Number.POSITIVE_INFINITY)
  collectGarbage()
  expect(memory.deref()).toBeUndefined()
})

test('the first slab is small', () => {
  const slabs = new Slabs()
  const mapped = new Set<number>()
  const blocks = Array.from({ length: (1024 * 1024 * 1024) / SPAN_BYTES }, () => {
    mapped.add(slabs.mappedBytes)
    return slabs.take(LARGEST)
  })
  const all = [...mapped.add(slabs.mappedBytes)]
  const sizes = all.slice(1).map((bytes, i) => bytes - (all[i] as number))
  expect(sizes).toEqual([FIRST_SLAB_BYTES, ...Array.from({ length: 32 }, () => SLAB_BYTES)])
  for (const block of blocks.splice(1)) slabs.give(block)
  slabs.release(1)
  expect(slabs.mappedBytes - slabs.freeSlabBytes).toBe(FIRST_SLAB_BYTES)
  slabs.release(Number.POSITIVE_INFINITY)
  expect([slabs.mappedBytes, slabs.freeSlabBytes, slabs.takeUnusedBytes()]).toEqual([FIRST_SLAB_BYTES, 0, 0])
})

test('V8 counts no more than the first slabs, however many there are, and still they go', async () => {
  const slabs = new Slabs()
  collectGarbage()
  const counted = process.memoryUsage()
  const take = (): WeakRef<ArrayBufferLike> => {
    const blocks = Array.from({ length: (512 * 1024 * 1024) / SPAN_BYTES }, () => slabs.take(LARGEST))
    for (const block of blocks) slabs.give(block)
    return new WeakRef((blocks.at(-1) as Block).bytes.buffer)
  }
  const last = take()
  const now = process.memoryUsage()
  expect(now.external - counted.external).toBeLessThan(300 * 1024 * 1024)
  // What tells garbage from what is in use counts them all.
  expect(now.arrayBuffers - counted.arrayBuffers).toBeGreaterThanOrEqual(512 * 1024 * 1024)
  slabs.release(Number.POSITIVE_INFINITY)
  await new Promise((resolve) => setImmediate(resolve))
  collectGarbage()
  expect(last.deref()).toBeUndefined()
  expect(process.memoryUsage().arrayBuffers - counted.arrayBuffers).toBeLessThan(SLAB_BYTES)
})

test('the slabs of a backlog go when little is in use and always something', () => {
  const slabs = new Slabs()
  const blocks = Array.from({ length: (4 * 1024 * 1024 * 1024) / SPAN_BYTES }, () => slabs.take(LARGEST))
  const few = blocks.splice(0, 4)
  for (const block of blocks) slabs.give(block)
  for (let round = 0; round < 400; round++) {
    few.push(slabs.take(LARGEST))
    slabs.give(few.shift() as Block)
    if (round % 20 === 0) slabs.release(slabs.takeUnusedBytes())
  }
  expect(slabs.mappedBytes).toBeLessThanOrEqual(FIRST_SLAB_BYTES + 64 * 1024 * 1024)
  for (const block of few) slabs.give(block)
  expect(slabs.usedBytes).toBe(0)
})
