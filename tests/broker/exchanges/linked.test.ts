import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Linked, LinkedList } from '../../../src/broker/exchanges/linked.ts'

class One implements Linked<One> {
  next: One | undefined
  previous: One | undefined
}

function all(list: LinkedList<One>): One[] {
  const found: One[] = []
  list.each((one) => found.push(one))
  return found
}

test('a linked list has those that came and have not gone', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9)), (moves) => {
      const ones = Array.from({ length: 10 }, () => new One())
      const list = new LinkedList<One>()
      const there = new Set<One>()
      for (const move of moves) {
        const one = ones[move] as One
        if (there.delete(one)) list.remove(one)
        else {
          there.add(one)
          list.add(one)
        }
        expect(new Set(all(list))).toEqual(there)
        expect(all(list)).toHaveLength(there.size)
      }
    }),
  )
})

test('those of a linked list may leave it while it is walked', () => {
  const list = new LinkedList<One>()
  for (let n = 0; n < 5; n++) list.add(new One())
  list.each((one) => list.remove(one))
  expect(all(list)).toEqual([])
})
