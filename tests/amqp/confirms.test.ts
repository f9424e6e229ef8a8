import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Confirms } from '../../src/amqp/confirms.ts'

function tellAll(confirms: Confirms): [sequence: number, isMultiple: boolean][] {
  const told: [number, boolean][] = []
  confirms.tell((sequence, isMultiple) => told.push([sequence, isMultiple]))
  return told
}

test('confirms are told once, together, by the number of the latest', () => {
  const confirms = new Confirms()
  expect(tellAll(confirms)).toEqual([])
  expect(confirms.hasNews).toBe(false)
  confirms.add()
  expect(confirms.hasNews).toBe(true)
  expect(tellAll(confirms)).toEqual([[1, false]])
  expect(tellAll(confirms)).toEqual([])
  for (let i = 0; i < 3; i++) confirms.add()
  expect(tellAll(confirms)).toEqual([[4, true]])
  expect(confirms.hasNews).toBe(false)
})

test('publishes of one commit are confirmed together when it is done', () => {
  const confirms = new Confirms()
  confirms.add()
  expect([confirms.addWaiting(7), confirms.addWaiting(7), confirms.addWaiting(8)]).toEqual([true, false, true])
  expect(tellAll(confirms)).toEqual([[1, false]])
  confirms.committed()
  expect(confirms.hasNews).toBe(true)
  expect(tellAll(confirms)).toEqual([[3, true]])
  confirms.committed()
  expect(tellAll(confirms)).toEqual([[4, false]])
})

test('what needs no disk does not wait for what does', () => {
  const confirms = new Confirms()
  confirms.addWaiting(1)
  confirms.add()
  confirms.addWaiting(2)
  confirms.add()
  expect(confirms.hasNews).toBe(true)
  expect(tellAll(confirms)).toEqual([
    [2, false],
    [4, false],
  ])
  expect(confirms.hasNews).toBe(false)
  confirms.committed()
  confirms.committed()
  expect(tellAll(confirms).at(-1)).toEqual([4, true])
})

test('nothing is confirmed before it is safe, everything is in the end, and singly at most once', () => {
  const event = fc.constantFrom('add', 'wait', 'commit', 'tell', 'turn')
  const property = fc.property(fc.array(event, { maxLength: 200 }), (events) => {
    const confirms = new Confirms()
    const confirmed = new Set<number>()
    const unsafe: number[][] = []
    let published = 0
    let batch = 0
    const told = (sequence: number, isMultiple: boolean): void => {
      const waiting = unsafe.flat()
      expect(isMultiple ? waiting.some((number) => number <= sequence) : waiting.includes(sequence)).toBe(false)
      if (!isMultiple) expect(confirmed.has(sequence)).toBe(false)
      expect(sequence).toBeLessThanOrEqual(published)
      for (let number = isMultiple ? 1 : sequence; number <= sequence; number++) confirmed.add(number)
    }
    const commit = (): void => {
      if (unsafe.shift() !== undefined) confirms.committed()
    }
    const steps = {
      add: () => {
        published++
        confirms.add()
      },
      wait: () => {
        published++
        if (confirms.addWaiting(batch)) unsafe.push([])
        unsafe.at(-1)?.push(published)
      },
      commit,
      tell: () => confirms.tell(told),
      // What is staged from now on is in the next commit.
      turn: () => void batch++,
    }
    for (const one of events) steps[one]()
    while (unsafe.length > 0) commit()
    confirms.tell(told)
    expect(confirms.hasNews).toBe(false)
    expect(confirmed.size).toBe(published)
  })
  fc.assert(property)
})
