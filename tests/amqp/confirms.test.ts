import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Confirms } from '../../src/amqp/confirms.ts'

function tellAll(confirms: Confirms): [sequence: number, isMultiple: boolean][] {
  const told: [number, boolean][] = []
  confirms.tell((isAck, sequence, isMultiple) => {
    expect(isAck).toBe(true)
    told.push([sequence, isMultiple])
  })
  return told
}

/** `ack 3` for one, `nack ..3` for all up to 3. */
function tellBoth(confirms: Confirms): string[] {
  const told: string[] = []
  confirms.tell((isAck, sequence, isMultiple) =>
    told.push(`${isAck ? 'ack' : 'nack'} ${isMultiple ? '..' : ''}${sequence}`),
  )
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

test('what a queue refused is a nack, and no ack for many goes past it before', () => {
  const confirms = new Confirms()
  confirms.addRefused()
  expect(confirms.hasNews).toBe(true)
  expect(tellBoth(confirms)).toEqual(['nack 1'])
  expect(confirms.hasNews).toBe(false)
  for (let i = 0; i < 2; i++) confirms.add()
  confirms.addRefused()
  for (let i = 0; i < 2; i++) confirms.add()
  confirms.addRefused()
  expect(tellBoth(confirms)).toEqual(['ack ..3', 'nack 4', 'ack ..6', 'nack 7'])
})

test('several that were refused one after another are one nack', () => {
  const confirms = new Confirms()
  confirms.add()
  for (let i = 0; i < 3; i++) confirms.addRefused()
  confirms.add()
  expect(tellBoth(confirms)).toEqual(['ack 1', 'nack ..4', 'ack 5'])
})

test('what is refused behind publishes that wait for the disk does not wait, and stands for none of them', () => {
  const confirms = new Confirms()
  confirms.addWaiting(1)
  for (let i = 0; i < 2; i++) confirms.addRefused()
  confirms.add()
  expect(tellBoth(confirms)).toEqual(['nack 2', 'nack 3', 'ack 4'])
  confirms.addWaiting(1)
  confirms.committed()
  expect(tellBoth(confirms)).toEqual(['ack ..5'])
})

test('a commit that ends before a refusal is told changes nothing about it', () => {
  const confirms = new Confirms()
  confirms.addWaiting(1)
  confirms.addRefused()
  confirms.addWaiting(1)
  confirms.committed()
  expect(tellBoth(confirms)).toEqual(['ack 1', 'nack 2', 'ack 3'])
})

test('nothing is confirmed before it is safe, everything is answered in the end, the right way, and singly at most once', () => {
  const event = fc.constantFrom('add', 'refuse', 'wait', 'commit', 'tell', 'turn')
  const property = fc.property(fc.array(event, { maxLength: 200 }), (events) => {
    const confirms = new Confirms()
    /** What was told of each: true is an ack. */
    const answers = new Map<number, boolean>()
    const refused = new Set<number>()
    const unsafe: number[][] = []
    let published = 0
    let commitsBegun = 0
    const told = (isAck: boolean, sequence: number, isMultiple: boolean): void => {
      const waiting = unsafe.flat()
      expect(isMultiple ? waiting.some((number) => number <= sequence) : waiting.includes(sequence)).toBe(false)
      if (!isMultiple) expect(answers.has(sequence)).toBe(false)
      expect(sequence).toBeLessThanOrEqual(published)
      for (let number = isMultiple ? 1 : sequence; number <= sequence; number++) {
        if (answers.has(number)) continue
        expect(isAck).toBe(!refused.has(number))
        answers.set(number, isAck)
      }
    }
    const commit = (): void => {
      if (unsafe.shift() !== undefined) confirms.committed()
    }
    const steps = {
      add: () => {
        published++
        confirms.add()
      },
      refuse: () => {
        refused.add(++published)
        confirms.addRefused()
      },
      wait: () => {
        published++
        if (confirms.addWaiting(commitsBegun)) unsafe.push([])
        unsafe.at(-1)?.push(published)
      },
      commit,
      tell: () => confirms.tell(told),
      // What is staged from now on is in the next commit.
      turn: () => void commitsBegun++,
    }
    for (const one of events) steps[one]()
    while (unsafe.length > 0) commit()
    confirms.tell(told)
    expect(confirms.hasNews).toBe(false)
    expect(answers.size).toBe(published)
  })
  fc.assert(property)
})
