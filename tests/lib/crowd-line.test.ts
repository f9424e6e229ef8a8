import { beforeEach, expect, test } from 'vitest'
import { collectGarbage } from '../../src/lib/collect-garbage.ts'
import { CrowdLine } from '../../src/lib/crowd-line.ts'

let nowMs: number
let turns: (() => void)[]
let line: CrowdLine
let done: number[]

beforeEach(() => {
  nowMs = 0
  turns = []
  done = []
  line = new CrowdLine(
    (work) => void turns.push(work),
    () => nowMs,
  )
})

function add(number: number, takesMs: number): void {
  line.add(() => {
    done.push(number)
    nowMs += takesMs
  })
}

function nextTurn(): void {
  for (const work of turns.splice(0)) work()
}

test('one client alone need not wait', () => {
  add(1, 0.1)
  expect(done).toEqual([1])
})

test('a crowd has a millisecond of each turn, in order', () => {
  for (let number = 0; number < 10; number++) add(number, 0.3)
  expect(done).toEqual([0, 1, 2, 3])
  nextTurn()
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  nextTurn()
  expect(done).toHaveLength(10)
})

test('one that comes while others wait stands behind them', () => {
  for (let number = 0; number < 5; number++) add(number, 1)
  nextTurn()
  add(5, 0.1)
  expect(done).toEqual([0, 1])
  for (let turn = 0; turn < 10; turn++) nextTurn()
  expect(done).toEqual([0, 1, 2, 3, 4, 5])
})

test('once the crowd has gone, no turn is asked for, and one alone need not wait again', () => {
  for (let number = 0; number < 3; number++) add(number, 1)
  while (turns.length > 0) nextTurn()
  expect(done).toHaveLength(3)
  add(3, 0.1)
  expect(done).toHaveLength(4)
})

test('what was done is not kept while the crowd goes on coming', async () => {
  const kept: WeakRef<object>[] = []
  const addOne = (): void => {
    const client = { bytes: new Uint8Array(1000) }
    kept.push(new WeakRef(client))
    line.add(() => {
      nowMs += client.bytes.length / 1000
    })
  }
  for (let number = 0; number < 100; number++) addOne()
  for (let turn = 0; turn < 1000; turn++) {
    addOne()
    nextTurn()
  }
  await new Promise((resolve) => setImmediate(resolve))
  collectGarbage()
  expect(kept.filter((client) => client.deref() !== undefined).length).toBeLessThan(300)
})
