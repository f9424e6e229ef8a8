import { beforeEach, expect, test } from 'vitest'
import { type InputKind, InputLine } from '../../src/amqp/input-line.ts'

let nowMs: number
let due: (() => void)[]
let line: InputLine
let went: string[]

beforeEach(() => {
  nowMs = 0
  due = []
  went = []
  line = new InputLine(
    (work) => due.push(work),
    () => nowMs,
  )
})

/** One that has so much to do, each time that its turn comes, so many times. */
function connection(name: string, ms: number, times = 1, kind: InputKind = 'busy'): { goOn(): void } {
  let left = times
  const self = {
    goOn: (): void => {
      went.push(name)
      nowMs += ms
      if (--left > 0) line.add(self, kind)
    },
  }
  return self
}

/** What is due in this turn of the event loop; who went on. */
function turn(): string[] {
  went = []
  const now = due
  due = []
  for (const work of now) work()
  return went
}

test('nothing goes on before the next turn', () => {
  line.add(connection('a', 0.1), 'busy')
  expect(went).toEqual([])
  expect(turn()).toEqual(['a'])
  expect(turn()).toEqual([])
  expect(due).toEqual([])
})

test('a turn lets as many go on as its time allows, the next one those behind them', () => {
  for (const name of ['a', 'b', 'c', 'd', 'e']) line.add(connection(name, 0.5), 'busy')
  expect(turn()).toEqual(['a', 'b'])
  expect(turn()).toEqual(['c', 'd'])
  expect(turn()).toEqual(['e'])
  expect(due).toEqual([])
})

test('however long one takes, another one has its turn in the next', () => {
  line.add(connection('slow', 100, 3), 'busy')
  line.add(connection('quick', 0.01), 'busy')
  expect([turn(), turn(), turn()]).toEqual([['slow'], ['quick', 'slow'], ['slow']])
})

test('one that joins the line again does so behind the others, and not in the same turn', () => {
  line.add(connection('a', 0.01, 3), 'busy')
  line.add(connection('b', 0.01, 2), 'busy')
  expect([turn(), turn(), turn(), turn()]).toEqual([['a', 'b'], ['a', 'b'], ['a'], []])
})

test('one that joins in the middle of a round comes after all who were there', () => {
  for (const name of ['a', 'b', 'c']) line.add(connection(name, 1, 2), 'busy')
  expect(turn()).toEqual(['a'])
  line.add(connection('late', 1), 'busy')
  expect([turn(), turn(), turn(), turn(), turn()]).toEqual([['b'], ['c'], ['a'], ['late'], ['b']])
})

test('those that have sent little, those that ask for something and the busy ones share the time of a turn', () => {
  for (let at = 0; at < 100; at++) line.add(connection('busy', 0.25), 'busy')
  for (let at = 0; at < 100; at++) line.add(connection('method', 0.1), 'method')
  for (let at = 0; at < 100; at++) line.add(connection('short', 0.02), 'short')
  const went = turn()
  const count = (kind: string): number => went.filter((name) => name === kind).length
  expect([count('short'), count('method'), count('busy')]).toEqual([13, 3, 2])
})

test('what is short waits for none of the others', () => {
  for (let at = 0; at < 1000; at++) line.add(connection('busy', 0.25, 100), 'busy')
  for (let at = 0; at < 1000; at++) line.add(connection('method', 0.1), 'method')
  turn()
  line.add(connection('short', 0.02), 'short')
  expect(turn()[0]).toBe('short')
})

test('however long those of one line take, one of each other line goes on in the same turn', () => {
  line.add(connection('short', 5, 100, 'short'), 'short')
  line.add(connection('method', 5, 100, 'method'), 'method')
  for (const name of ['a', 'b']) line.add(connection(name, 5), 'busy')
  expect(turn()).toEqual(['short', 'method', 'a'])
  expect(turn()).toEqual(['short', 'method', 'b'])
})

test('what is to be sent leaves before they go on, and it is known how long they took the last time', () => {
  const calls: (string | number)[] = []
  line.beforeTurn = (_, lastTookMs) => void calls.push(lastTookMs)
  const slow = (name: string) => ({
    goOn: () => {
      calls.push(name)
      nowMs += 60
    },
  })
  for (const name of ['a', 'b']) line.add(slow(name), 'busy')
  turn()
  turn()
  expect(calls).toEqual([0, 'a', 60, 'b'])
})
