import { expect, test } from 'vitest'
import { Line } from '../../src/http/line.ts'

test('a line lets so many in, then one for each that leaves, in their order', async () => {
  const line = new Line(2, 3)
  const inside: number[] = []
  const leave: (() => void)[] = []
  for (let at = 0; at < 5; at++) {
    void line.enter()?.then((left) => {
      inside.push(at)
      leave[at] = left
    })
  }
  await new Promise(setImmediate)
  expect(inside).toEqual([0, 1])
  expect(line.enter()).toBe(undefined)
  leave[1]?.()
  leave[1]?.()
  await new Promise(setImmediate)
  expect(inside).toEqual([0, 1, 2])
  for (const at of [0, 2]) leave[at]?.()
  await new Promise(setImmediate)
  for (const at of [3, 4]) leave[at]?.()
  expect(inside).toEqual([0, 1, 2, 3, 4])
  for (let at = 0; at < 2; at++) await line.enter()
  let isIn = false
  void line.enter()?.then(() => {
    isIn = true
  })
  await new Promise(setImmediate)
  expect(isIn).toBe(false)
})
