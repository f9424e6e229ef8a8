import fc from 'fast-check'
import { expect, test } from 'vitest'

function examples(): number[] {
  const seen: number[] = []
  fc.assert(fc.property(fc.nat(), (value) => void seen.push(value)))
  return seen
}

test('a property that is tried again has the same examples', () => {
  expect(examples()).toEqual(examples())
})
