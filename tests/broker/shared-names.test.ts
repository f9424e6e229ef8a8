import { expect, test } from 'vitest'
import { SharedNames } from '../../src/broker/shared-names.ts'

test('names are as they are, however many there are', () => {
  const names = new SharedNames()
  expect(names.of(undefined)).toBeUndefined()
  for (let round = 0; round < 2; round++) {
    for (let at = 0; at < 5000; at++) expect(names.of(`user ${at}`)).toBe(`user ${at}`)
  }
  expect(names.of('')).toBe('')
  expect(names.of(undefined)).toBeUndefined()
})
