import { expect, test } from 'vitest'
import { Line } from '../../src/http/line.ts'

test('a line lets so many in, then one for each that leaves, in their order', async () => {
  const line = new Line(2, 3)
  const inside: number[] = []
  const leave: (() => void)[] = []
  for (let at = 0; at < 5; at++) {
    void line.enter()?.then((left) => {
      inside.push(at)
      if (left !== undefined) leave[at] = left
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

test('who has gone gives up the place, and others move up', async () => {
  const line = new Line(1, 2)
  const leave = await line.enter()
  const [first, second] = [new AbortController(), new AbortController()]
  const places = [first, second].map(({ signal }) => line.enter(signal))
  expect(line.enter()).toBe(undefined)
  first.abort()
  expect(await places[0]).toBe(undefined)
  const third = line.enter()
  expect(third).toBeDefined()
  leave?.()
  const left = await places[1]
  expect(left).toBeTypeOf('function')
  // Whose turn it is keeps it: the work may be under way.
  second.abort()
  expect(line.enter(AbortSignal.abort())).toBe(undefined)
  left?.()
  expect(await third).toBeTypeOf('function')
})
