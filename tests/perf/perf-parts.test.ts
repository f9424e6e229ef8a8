import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeMethod } from '../../protocol/method-codec.ts'
import { decodeContentHeader } from '../../protocol/properties.ts'
import { ConfirmWindow } from '../../src/perf/confirm-window.ts'
import { Histogram } from '../../src/perf/histogram.ts'
import { MessageImage, type MessageShape } from '../../src/perf/message-image.ts'
import { Pacer } from '../../src/perf/pacer.ts'

describe('a histogram', () => {
  test('gives percentiles within a percent', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1e8, noNaN: true }), { minLength: 1, maxLength: 200 }),
        (values) => {
          const histogram = new Histogram()
          for (const value of values) histogram.add(value)
          const sorted = values.toSorted((a, b) => a - b)
          const found = histogram.percentiles()!
          expect(found.count).toBe(values.length)
          expect(found.max).toBe(sorted.at(-1))
          for (const [part, value] of [
            [0.5, found.p50],
            [0.9, found.p90],
            [0.99, found.p99],
          ] as const) {
            const exact = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)]!
            expect(Math.abs(value - exact)).toBeLessThanOrEqual(0.11 + exact * 0.01)
          }
        },
      ),
    )
  })

  test('merges what other processes counted', () => {
    const [one, other, both] = [new Histogram(), new Histogram(), new Histogram()]
    for (let us = 1; us <= 1000; us++) {
      ;(us % 2 === 0 ? one : other).add(us)
      both.add(us)
    }
    one.merge(structuredClone(other.counts()))
    expect(one.percentiles()).toEqual(both.percentiles())
  })

  test('has no percentiles when it is empty', () => {
    expect(new Histogram().percentiles()).toBeUndefined()
  })
})

describe('a confirm window', () => {
  test('counts every publish once, whatever the order and the form of its confirms', () => {
    const settle = fc.record({ tag: fc.integer({ min: 1, max: 200 }), isMultiple: fc.boolean() })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(settle, { maxLength: 100 }), (size, settles) => {
        const window = new ConfirmWindow(size, true)
        const open = new Set<number>()
        let sent = 0
        for (const { tag, isMultiple } of settles) {
          const room = window.room
          window.addSent(room, sent)
          for (let i = 0; i < room; i++) open.add(++sent)
          const expected = [...open].filter((each) => each === tag || (isMultiple && each <= tag && tag <= sent))
          const times: number[] = []
          expect(window.settle(tag, isMultiple, (sentAtUs) => times.push(sentAtUs))).toBe(expected.length)
          expect(times).toHaveLength(expected.length)
          for (const each of expected) open.delete(each)
          expect(window.unsettled).toBe(sent + 1 - Math.min(...open, sent + 1))
          expect(window.room).toBe(size - window.unsettled)
        }
      }),
    )
  })

  test('tells when each publish was sent', () => {
    const window = new ConfirmWindow(3, true)
    window.addSent(2, 100)
    window.addSent(1, 200)
    const times: number[] = []
    window.settle(3, false, (us) => times.push(us))
    window.settle(2, true, (us) => times.push(us))
    expect(times).toEqual([200, 100, 100])
  })
})

describe('a pacer', () => {
  test('lets messages go at the rate, the first one at once', () => {
    const pacer = new Pacer(1000, 5_000_000, 0)
    expect(pacer.dueBy(5_000_000)).toBe(1)
    expect(pacer.dueBy(5_000_999)).toBe(1)
    expect(pacer.dueBy(5_001_000)).toBe(2)
    expect(pacer.dueBy(6_000_000)).toBe(1001)
    expect(pacer.usUntil(2, 5_001_500)).toBe(500)
  })

  test('starts later in another phase', () => {
    const pacer = new Pacer(1000, 0, 0.5)
    expect(pacer.dueBy(499)).toBe(0)
    expect(pacer.dueBy(500)).toBe(1)
  })
})

describe('a message image', () => {
  const shape: MessageShape = {
    exchange: 'x',
    keys: ['a', 'bcd'],
    bodyBytes: 5000,
    isPersistent: true,
    frameMaxBytes: 4096,
    imageBytesMin: 20_000,
  }

  function frames(bytes: Buffer) {
    const found: { type: number; payload: Buffer }[] = []
    for (let at = 0; at < bytes.length; ) {
      const size = bytes.readUInt32BE(at + 3)
      expect(bytes.readUInt16BE(at + 1)).toBe(1)
      expect(bytes[at + 7 + size]).toBe(0xce)
      found.push({ type: bytes[at]!, payload: bytes.subarray(at + 7, at + 7 + size) })
      at += size + 8
    }
    return found
  }

  test('holds whole messages with the keys in turn', () => {
    const image = new MessageImage(shape)
    expect(image.bytes.length).toBeGreaterThanOrEqual(shape.imageBytesMin)
    expect(image.count % 2).toBe(0)
    for (let index = 0; index < image.count; index++) {
      const message = frames(image.bytes.subarray(image.startOf(index), image.startOf(index + 1)))
      expect(message.map(({ type }) => type)).toEqual([1, 2, 3, 3])
      expect(decodeMethod(message[0]!.payload)).toMatchObject({
        name: 'basic.publish',
        args: { exchange: 'x', routingKey: index % 2 === 0 ? 'a' : 'bcd' },
      })
      const header = decodeContentHeader(message[1]!.payload)
      expect(header).toEqual({ bodySize: 5000, properties: { deliveryMode: 2 } })
      expect(message[2]!.payload.length + message[3]!.payload.length).toBe(5000)
    }
    expect(image.startOf(image.count)).toBe(image.bytes.length)
  })

  test('gives each message a priority at random when it is told to', () => {
    const image = new MessageImage({ ...shape, bodyBytes: 16, imageBytesMin: 100_000, priorityMax: 3 })
    const seen = new Set<number | undefined>()
    for (let index = 0; index < image.count; index++) {
      const [, header, body] = frames(image.bytes.subarray(image.startOf(index), image.startOf(index + 1)))
      const { deliveryMode, priority, ...others } = decodeContentHeader(header!.payload).properties
      expect([deliveryMode, others, body!.payload.length]).toEqual([2, {}, 16])
      seen.add(priority)
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3])
  })

  test('has no body frame for an empty body', () => {
    const image = new MessageImage({ ...shape, bodyBytes: 0, keys: ['a'], imageBytesMin: 1 })
    expect(frames(image.bytes).map(({ type }) => type)).toEqual([1, 2])
  })

  test('puts the time into the bodies that are asked for and into no other byte', () => {
    const image = new MessageImage({ ...shape, bodyBytes: 16, imageBytesMin: 1000 })
    const before = Buffer.from(image.bytes)
    image.stamp(1, 3, 123_456.5)
    const bodies = frames(image.bytes).filter(({ type }) => type === 3)
    expect(bodies.map(({ payload }) => payload.readDoubleBE() === 123_456.5).slice(0, 4)).toEqual([
      false,
      true,
      true,
      false,
    ])
    expect(bodies[1]!.payload.subarray(8).toString()).toBe('ijklmnop')
    const changed = before.filter((byte, at) => byte !== image.bytes[at]).length
    expect(changed).toBeLessThanOrEqual(16)
  })

  test('is cut into batches that fit, of at least one message', () => {
    const image = new MessageImage({ ...shape, bodyBytes: 10, imageBytesMin: 5000 })
    fc.assert(
      fc.property(
        fc.nat(image.count - 1),
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 6000 }),
        (first, messagesMax, bytesMax) => {
          const end = image.endOfBatch(first, messagesMax, bytesMax)
          const bytes = (to: number): number => image.startOf(to) - image.startOf(first)
          expect(end).toBeGreaterThan(first)
          expect(end).toBeLessThanOrEqual(Math.min(image.count, first + messagesMax))
          if (end > first + 1) expect(bytes(end)).toBeLessThanOrEqual(bytesMax)
          if (end < Math.min(image.count, first + messagesMax)) expect(bytes(end + 1)).toBeGreaterThan(bytesMax)
        },
      ),
    )
  })

  test('refuses keys and sizes that need too much memory', () => {
    const keys = Array.from({ length: 300 }, (_, i) => `k${i}`)
    expect(() => new MessageImage({ ...shape, keys, bodyBytes: 1_000_000 })).toThrow('too many')
  })
})
