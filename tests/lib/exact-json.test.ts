import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonText, parseJson } from '../../src/lib/exact-json.ts'
import { anyCharacter } from '../support/any-character.ts'

type Value = null | boolean | number | bigint | string | Value[] | { [key: string]: Value }

const { value: values } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, min: -(2 ** 52), max: 2 ** 52 }),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 70n }),
    fc.bigInt({ max: -(2n ** 53n), min: -(2n ** 70n) }),
    fc.string({ unit: anyCharacter }),
    fc.constantFrom('12345678901234567890', '"12345678901234567890"', '\\"12345678901234567890', '\\'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constant('12345678901234567890')), tie('value'), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
}))

test('what is written is read again, with all its digits', () => {
  fc.assert(
    fc.property(values, fc.constantFrom(undefined, 2), (value, indent) => {
      expect(parseJson(jsonText({ value }, indent))).toEqual({ value: withoutMinusZero(value) })
    }),
  )
})

/** JSON writes it as 0. */
function withoutMinusZero(value: Value): Value {
  if (value === 0) return 0
  if (Array.isArray(value)) return value.map(withoutMinusZero)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutMinusZero(one)]))
}

test.each([
  ['9007199254740991', 9_007_199_254_740_991],
  ['9007199254740993', 9_007_199_254_740_993n],
  ['-9007199254740993', -9_007_199_254_740_993n],
  [
    '[1.2345678901234567890, 12345678901234567890e2, 0.12345678901234567]',
    [Number('1.2345678901234567890'), Number('12345678901234567890e2'), Number('0.12345678901234567')],
  ],
  ['{"12345678901234567890": " 12345678901234567890"}', { '12345678901234567890': ' 12345678901234567890' }],
  [
    ' {"a" :12345678901234567890 , "b":[12345678901234567890]}',
    { a: 12_345_678_901_234_567_890n, b: [12_345_678_901_234_567_890n] },
  ],
])('%s', (text, value) => {
  expect(parseJson(text)).toEqual(value)
})

test.each([
  '{12345678901234567890:1}',
  '{12345678901234567890 :1}',
  '012345678901234567890',
  '12345678901234567890x',
  '1234567890123456 7',
  '--12345678901234567890',
  '"12345678901234567890',
  `[${'9'.repeat(101)}]`,
])('%s is no JSON', (text) => {
  expect(() => parseJson(text)).toThrow(SyntaxError)
})
