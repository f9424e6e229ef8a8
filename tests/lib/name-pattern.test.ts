import { expect, test } from 'vitest'
import { compilePattern } from '../../src/lib/name-pattern.ts'

test.each(['(?:a?|b?){1000}', `(?:${'a?'.repeat(100)}){50}`, '^(?!x)(?:a?|b?){1000}$'])(
  '%s is refused: written out, it is too large',
  (pattern) => {
    expect(() => compilePattern(pattern)).toThrow('too large')
  },
)

test('the longest pattern of plain text is none of these', () => {
  const text = 'a'.repeat(1024)
  expect(compilePattern(text).test(text)).toBe(true)
})
