import { expect, test } from 'vitest'
import { isPrintable, printable, printableJson } from '../../src/lib/printable.ts'

const HOSTILE: readonly (readonly [what: string, text: string, shown: string])[] = [
  ['a line of its own', 'q\n{"level":"info"}\r\n', 'q\\n{"level":"info"}\\r\\n'],
  ['a sequence for the terminal', '\u001b[2Jgone\u001b]0;title\u0007', '\\u001b[2Jgone\\u001b]0;title\\u0007'],
  ['one in the other set of controls', '\u009b31mred\u0085next', '\\u009b31mred\\u0085next'],
  ['text in another direction', 'a\u202etxt.exe\u2066b\u200f', 'a\\u202etxt.exe\\u2066b\\u200f'],
  ['separators of lines', 'a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
  ['characters that cannot be seen', 'ad\u200bmin\ufeff\u00ad', 'ad\\u200bmin\\ufeff\\u00ad'],
  ['half a character', 'x\ud800', 'x\\ud800'],
  ['deletion', 'abc\u007f\b', 'abc\\u007f\\b'],
]

test.each(HOSTILE)('%s cannot be smuggled in', (_, text, shown) => {
  expect(printable(text)).toBe(shown)
  expect(isPrintable(text)).toBe(false)
  const json = JSON.stringify({ text })
  expect(JSON.parse(printableJson(json))).toEqual({ text })
  expect(isPrintable(printableJson(json))).toBe(true)
})

test('what people write stays as it is', () => {
  const text = 'größe заказы 注文 🐇 a "b" \\ c'
  expect(printable(text)).toBe(text)
  expect(isPrintable(text)).toBe(true)
})
