import { expect, test } from 'vitest'
import { Segment } from '../../storage/segment.ts'
import { SegmentChain } from '../../storage/segment-chain.ts'
import { SegmentPool } from '../../storage/segment-pool.ts'
import { HandClock } from '../support/hand-clock.ts'
import { numbered, source } from './sources.ts'

/** Appends records with such bodies until so many segments were made; the last one. */
function appendSegments(chain: SegmentChain, segments: number, bodyBytes: number): Segment {
  const record = source(numbered(1, bodyBytes))
  const bytes = Segment.roomFor(record)
  for (let made = 0; ; ) {
    let { open } = chain
    if (open === undefined || open.usedBytes + bytes > open.block.size) {
      const before = open
      open = chain.makeRoom(bytes)
      if (open !== before && ++made === segments) return open
    }
    open.append(record)
  }
}

test('all that a queue with many small and large records takes is counted, and given back', () => {
  const clock = new HandClock()
  const pool = new SegmentPool(undefined, clock)
  const chain = new SegmentChain(pool, false)
  const many = appendSegments(chain, 40, 10)
  expect(many.previous?.count).toBeGreaterThan(2000)
  const bytes = pool.bytesInUse + pool.slackBytes
  appendSegments(chain, 100, 20_000)
  expect(pool.bytesInUse + pool.slackBytes - bytes).toBeLessThan(101 * 256 * 1024)
  chain.clear()
  clock.turn(600_000)
  expect([pool.bytesInUse, pool.slackBytes, pool.bufferBytes]).toEqual([0, 0, 0])
})

test('a log begins with as much room as a segment grows to, after a burst that took more than one', () => {
  const chain = new SegmentChain(new SegmentPool(), false)
  const record = source(numbered(1, 1024))
  const drain = (): void => {
    while (chain.head !== undefined) chain.remove(chain.head)
  }
  const blockOfFirst = (): number => chain.makeRoom(Segment.roomFor(record)).block.size
  appendSegments(chain, 3, 1024)
  drain()
  expect(blockOfFirst()).toBe(32 * 1024)
  drain()
  // That one held nothing.
  expect(blockOfFirst()).toBe(2048)
})
