import { expect, test } from 'vitest'
import { LONG_WORK, Turn } from '../../src/lib/turn.ts'

function turnAt(clock: { ms: number; looks: number }): Turn {
  return new Turn(() => {
    clock.looks++
    return clock.ms
  })
}

test('a turn is over once its time is up, and stays so until another begins', () => {
  const clock = { ms: 10, looks: 0 }
  const turn = turnAt(clock)
  turn.begin(2)
  clock.ms = 11.9
  expect(turn.spend(LONG_WORK)).toBe(false)
  clock.ms = 12
  expect(turn.spend(LONG_WORK)).toBe(true)
  expect(turn.spend(1)).toBe(true)
  turn.begin(2)
  expect(turn.spend(LONG_WORK)).toBe(false)
  expect(turn.leftMs()).toBe(2)
})

test('short work looks at the clock now and then, long work each time', () => {
  const clock = { ms: 0, looks: 0 }
  const turn = turnAt(clock)
  turn.begin(1)
  clock.looks = 0
  for (let i = 0; i < LONG_WORK * 10; i++) turn.spend(1)
  expect(clock.looks).toBe(10)
  for (let i = 0; i < 10; i++) turn.spend(LONG_WORK)
  expect(clock.looks).toBe(20)
})
