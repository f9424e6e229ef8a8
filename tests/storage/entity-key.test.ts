import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { keyOf, keyText, PlainKeys } from '../../storage/entity-key.ts'
import { anyCharacter } from '../support/any-character.ts'

const names = fc.oneof(
  fc.string(),
  fc.string({ unit: anyCharacter }),
  fc.constantFrom('', '/', 'queue-1', 'with "quotes"', 'back\\slash', '","', '[', '\u007f', 'ключ'),
)

/** The names in a key, read in the one way and in the other: what of it is no key at all gives an Error. */
function readBothWays(keys: PlainKeys, text: string): readonly [fast: unknown, slow: unknown] {
  const bytes = Buffer.from(`in front${text}behind`)
  const slow = ((): unknown => {
    try {
      return keyOf({ kind: 1, key: text, value: Buffer.alloc(0) })
    } catch (error) {
      return String(error)
    }
  })()
  return [keys.parts(bytes, 8, bytes.length - 6), slow]
}

describe('the key of an entity', () => {
  test('is read where it lies as JSON reads it, or not at all', () => {
    const keys = new PlainKeys()
    fc.assert(
      fc.property(fc.array(names, { maxLength: 4 }), (parts) => {
        const [fast, slow] = readBothWays(keys, keyText(parts))
        expect(slow).toEqual(parts)
        if (fast !== undefined) expect(fast).toEqual(parts)
      }),
    )
  })

  test('is read where it lies when all of it is plain', () => {
    const keys = new PlainKeys()
    const plain = fc.string({ unit: fc.constantFrom(...'abc/.-_ []{}:,~!') })
    fc.assert(
      fc.property(fc.array(plain, { minLength: 1, maxLength: 4 }), (parts) => {
        expect(readBothWays(keys, keyText(parts))).toEqual([parts, parts])
      }),
    )
  })

  test('that is damaged is never read as another one than JSON reads', () => {
    const keys = new PlainKeys()
    const pieces = fc.array(fc.constantFrom('[', ']', '"', ',', 'a', 'bc', ' ', '\\', 'null', '1', '\n'), {
      maxLength: 12,
    })
    fc.assert(
      fc.property(pieces, (all) => {
        const [fast, slow] = readBothWays(keys, all.join(''))
        if (fast !== undefined) expect(fast).toEqual(slow)
      }),
      { numRuns: 2000 },
    )
  })

  test('shares the names that the last one had in the same places', () => {
    const keys = new PlainKeys()
    const [first, second] = ['["/","one"]', '["/","two"]'].map((text) => Buffer.from(text))
    expect(keys.parts(first as Buffer, 0, 11)).toEqual(['/', 'one'])
    expect(keys.parts(second as Buffer, 0, 11)).toEqual(['/', 'two'])
  })
})
