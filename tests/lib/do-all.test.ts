import { expect, test } from 'vitest'
import { doAll, doForEach } from '../../src/lib/do-all.ts'

const fail = (text: string) => (): void => {
  throw new Error(text)
}

test('all steps are taken, and the first error comes out behind them', () => {
  const taken: number[] = []
  const take = (step: number) => () => void taken.push(step)
  expect(() => doAll(take(1), fail('first'), take(2), fail('second'), take(3))).toThrow('first')
  expect(taken).toEqual([1, 2, 3])
})

test('what is added meanwhile has its turn, too', () => {
  const all = [1, 2]
  doForEach(all, (one) => {
    if (one < 3) all.push(one + 2)
  })
  expect(all).toEqual([1, 2, 3, 4])
})
