import { describe, expect, test } from 'vitest'
import { Undecided } from '../../../src/broker/access/undecided.ts'
import { LongWork } from '../../../src/broker/scheduling/long-work.ts'
import { Removals } from '../../../src/broker/scheduling/removals.ts'

const NOTHING = { atOnce: 1, perStep: 1 }

/** Removals that go when `run` is called. */
function make(): { removals: Removals; other: Removals; defects: string[]; runOne: () => void; run: () => void } {
  const turns: (() => void)[] = []
  const defects: string[] = []
  let nowMs = 0
  // A turn has one step.
  const longWork = new LongWork(
    (work) => turns.push(work),
    () => nowMs++,
    (error) => defects.push((error as Error).message),
  )
  const all = new Removals(longWork)
  const runOne = (): void => turns.shift()?.()
  const run = (): void => {
    while (turns.length > 0) runOne()
  }
  return { removals: new Removals(longWork, all), other: new Removals(longWork, all), defects, runOne, run }
}

/** One that takes so many steps. */
function stepsOf(count: number): () => boolean {
  let left = count
  return () => --left <= 0
}

function waitOf(act: () => void): Promise<unknown> | undefined {
  try {
    act()
  } catch (error) {
    if (error instanceof Undecided) return error.settled
  }
  return undefined
}

function full(): never {
  throw new Error('full')
}

describe('a removal', () => {
  test('whose end fails has ended all the same', async () => {
    const { removals, defects, run } = make()
    const onEnd = (): void => {
      throw new Error('it cannot end')
    }
    removals.begin({ ...NOTHING, step: stepsOf(3), onEnd })
    const wait = waitOf(() => removals.requireNone())
    run()
    await wait
    expect([removals.isEmpty, defects]).toEqual([true, ['it cannot end']])
    expect(() => removals.begin({ ...NOTHING, step: () => true, onEnd })).toThrow('it cannot end')
    expect(removals.isEmpty).toBe(true)
  })

  test('goes on behind a step that fails, also the first one', async () => {
    const { removals, defects, run } = make()
    let [at, ends] = [0, 0]
    const step = (): boolean => {
      if (at++ % 2 === 0) throw new Error(`not ${at}`)
      return at > 4
    }
    expect(() => removals.begin({ ...NOTHING, step, onEnd: () => ends++ })).toThrow('not 1')
    const wait = waitOf(() => removals.requireNone())
    run()
    await wait
    expect([at, ends, defects, removals.isEmpty]).toEqual([6, 1, ['not 3', 'not 5'], true])
  })

  test('goes at once where that is asked for, and what it leads to', () => {
    const { removals, other, run } = make()
    const ends: string[] = []
    const step = (name: string) => (units: number) => units === Number.POSITIVE_INFINITY && ends.push(name) > 0
    other.begin({ ...NOTHING, step: step('other') })
    removals.begin({
      ...NOTHING,
      step: step('first'),
      onEnd: () => removals.begin({ ...NOTHING, step: step('second') }),
    })
    removals.finish()
    expect([ends, removals.isEmpty, other.isEmpty]).toEqual([['first', 'second'], true, false])
    removals.finish(true)
    run()
    expect([ends, other.isEmpty]).toEqual([['first', 'second', 'other'], true])
  })
})

describe('who finds no room', () => {
  test('waits for what went when it asked first, and no longer', async () => {
    const { removals, other, runOne, run } = make()
    const asker = { waitsFor: undefined }
    const ask = (): void => removals.checkRoom(asker, { ofVhost: full, ofAll: full })
    removals.begin({ ...NOTHING, step: stepsOf(4) })
    const first = waitOf(ask)
    expect(first).toBeDefined()
    for (let i = 0; i < 2; i++) removals.begin({ ...NOTHING, step: stepsOf(100) })
    other.begin({ ...NOTHING, step: stepsOf(100) })
    let isOver = false
    void first?.then(() => {
      isOver = true
    })
    while (!isOver) {
      runOne()
      await Promise.resolve()
    }
    expect(removals.isEmpty).toBe(false)
    expect(ask).toThrow('full')
    // It asks for something else.
    expect(waitOf(ask)).toBeDefined()
    run()
    expect(ask).toThrow('full')
  })

  test('does not wait for what goes elsewhere, unless that counts for it', () => {
    const { removals, other } = make()
    const asker = { waitsFor: undefined }
    other.begin({ ...NOTHING, step: stepsOf(100) })
    expect(() => removals.checkRoom(asker, { ofVhost: full, ofAll: () => {} })).toThrow('full')
    expect(waitOf(() => removals.checkRoom(asker, { ofVhost: () => {}, ofAll: full }))).toBeDefined()
    removals.checkRoom(asker, { ofAll: () => {} })
    expect(asker.waitsFor).toBeUndefined()
  })
})
