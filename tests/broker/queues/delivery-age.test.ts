import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DeliveryAge } from '../../../src/broker/queues/delivery-age.ts'

test('is never told higher than it is', () => {
  const step = fc.record({ delivered: fc.nat(3), settled: fc.nat(3), ms: fc.integer({ min: 1, max: 1000 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const age = new DeliveryAge()
      const deliveredAt: number[] = []
      let [nowMs, oldest] = [0, 1]
      for (const { delivered, settled, ms } of steps) {
        for (let i = 0; i < delivered; i++) deliveredAt.push(nowMs)
        nowMs += ms
        oldest = Math.min(oldest + settled, deliveredAt.length + 1)
        if (oldest > deliveredAt.length) {
          age.forget()
          continue
        }
        const told = age.look(nowMs, { newest: deliveredAt.length, oldest })
        const is = nowMs - (deliveredAt[oldest - 1] as number)
        expect(told).toBeLessThanOrEqual(is)
      }
    }),
  )
})

test('grows while nothing is settled, look by look', () => {
  const age = new DeliveryAge()
  expect(age.look(1000, { newest: 5, oldest: 1 })).toBe(0)
  expect(age.look(1500, { newest: 9, oldest: 1 })).toBe(500)
  expect(age.look(2000, { newest: 9, oldest: 5 })).toBe(1000)
  expect(age.look(2000, { newest: 9, oldest: 6 })).toBe(500)
  age.forget()
  expect(age.look(9000, { newest: 9, oldest: 6 })).toBe(0)
})

test('keeps few marks, and the age of the oldest one all the same', () => {
  const age = new DeliveryAge()
  for (let tag = 1; tag <= 10_000; tag++) age.look(tag * 500, { newest: tag, oldest: 1 })
  expect(age.look(5_000_500, { newest: 10_000, oldest: 1 })).toBe(5_000_000)
  const middle = age.look(5_000_500, { newest: 10_000, oldest: 5000 })
  expect(middle).toBeLessThanOrEqual(2_500_500)
  expect(middle).toBeGreaterThan(2_000_000)
})
