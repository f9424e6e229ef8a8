import { expect, test } from 'vitest'
import { BodyPool } from '../../../../src/lib/body-pool.ts'
import { FrameBuilder } from '../../../../storage/level/log/frame-builder.ts'

test('a body is not used again while a frame with it is on its way to the disk', () => {
  const pool = new BodyPool()
  const builder = new FrameBuilder()
  const body = pool.take(100_000)
  builder.body(body)
  builder.body(body)
  body.release()
  builder.finish(1, Buffer.alloc(16))
  expect(pool.freeBytes).toBe(0)
  builder.written()
  expect(pool.freeBytes).toBeGreaterThan(100_000)
})
