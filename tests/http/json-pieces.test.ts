import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parsePiece, piecesOf } from '../../src/http/json-pieces.ts'
import { parseJson } from '../../src/lib/exact-json.ts'

/** The object again, of its pieces. */
function joined(bytes: Buffer): Record<string, unknown> {
  const found = new Map<string, unknown>()
  for (const { name, isElement, start, end } of piecesOf(bytes)) {
    const value = parsePiece(bytes, start, end)
    if (!isElement) found.set(name, value)
    else found.set(name, [...((found.get(name) as unknown[]) ?? []), value])
  }
  return Object.fromEntries(found)
}

test('the pieces of an object are its values and the elements of its lists, however it is written', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }),
      fc.constantFrom(undefined, 1, '\t\r\n '),
      (object, space) => {
        const text = JSON.stringify(object, undefined, space)
        const whole = Object.entries(parseJson(text) as object).filter(
          ([, value]) => !(Array.isArray(value) && value.length === 0),
        )
        expect(joined(Buffer.from(text))).toEqual(Object.fromEntries(whole))
      },
    ),
  )
})

test('what is cut off, or has one octet too many, is refused unless it is JSON', () => {
  const text = '{"a":[1,{"b":"\\"]"},[]],"c":"x","d":{"e":[null]} , "f":[]}'
  const whole = Buffer.from(text)
  for (let at = 0; at < whole.length; at++) {
    expect(() => joined(whole.subarray(0, at)), `cut at ${at}`).toThrow('not_json')
    for (const character of ',:"[]{} x') {
      const changed = Buffer.from(text.slice(0, at) + character + text.slice(at))
      let isJson = true
      try {
        JSON.parse(changed.toString())
      } catch {
        isJson = false
      }
      if (isJson) joined(changed)
      else expect(() => joined(changed), changed.toString()).toThrow('not_json')
    }
  }
})

test.each(['', ' ', '[]', '1', 'null', '"{}"', '{}{}', '{} x', '{"a":1,}', '{"a":[1,]}', '{"a"}', '{a:1}', '{1:1}'])(
  '%s is no JSON object',
  (text) => {
    expect(() => joined(Buffer.from(text))).toThrow('not_json')
  },
)
