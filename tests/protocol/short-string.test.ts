import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Reader } from '../../protocol/reader.ts'
import { isEscaped, nameText, shortstrBytes, shortstrText } from '../../protocol/short-string.ts'
import { Writer } from '../../protocol/writer.ts'

function written(text: string): Buffer {
  const writer = new Writer()
  writer.shortstr(text)
  return writer.take()
}

// Bytes near the borders of UTF-8's sequences, which random bytes hardly ever form.
const trickyByte = fc.constantFrom(
  0x00,
  0x41,
  0x7f,
  0x80,
  0x8f,
  0x90,
  0x9f,
  0xa0,
  0xbf,
  0xc1,
  0xc2,
  0xdf,
  0xe0,
  0xed,
  0xef,
  0xf0,
  0xf4,
  0xf5,
  0xff,
)
const anyBytes = fc
  .oneof(
    fc.uint8Array({ maxLength: 255 }),
    fc.array(trickyByte, { maxLength: 60 }).map((bytes) => Uint8Array.from(bytes)),
  )
  .map((bytes) => Buffer.from(bytes))

test('any bytes come back from the string that a short string decodes to', () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const encoded = Buffer.concat([Buffer.of(bytes.length), bytes])
      expect(written(new Reader(encoded).shortstr())).toEqual(encoded)
    }),
    { numRuns: 1000 },
  )
})

test('a string is escaped exactly when its bytes are not UTF-8', () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const text = shortstrText(bytes, 0, bytes.length)
      expect(isEscaped(text)).toBe(!isUtf8(bytes))
      if (isUtf8(bytes)) expect(text).toBe(bytes.toString())
    }),
    { numRuns: 1000 },
  )
})

test('a replacement character that was really sent stays one', () => {
  const bytes = Buffer.from('a\ufffdb')
  expect(shortstrText(bytes, 0, bytes.length)).toBe('a\ufffdb')
})

test('valid characters beside a stray byte stay readable', () => {
  const bytes = Buffer.concat([Buffer.from('grün'), Buffer.of(0xff), Buffer.from('日🐇')])
  expect(shortstrText(bytes, 0, bytes.length)).toBe('grün\udcff日🐇')
})

test('a name is the same string as any short string, whatever names were read before it', () => {
  const shortBytes = fc.array(fc.oneof(trickyByte, fc.constantFrom(0x61, 0x62, 0xe9)), { maxLength: 40 })
  fc.assert(
    fc.property(shortBytes.map(Buffer.from), (bytes) => {
      for (let round = 0; round < 2; round++)
        expect(nameText(bytes, 0, bytes.length)).toBe(shortstrText(bytes, 0, bytes.length))
    }),
    { numRuns: 5000 },
  )
})

test('a name in Latin-1 is not taken for the same name in UTF-8', () => {
  const letter = fc.constantFrom('a', 'b', 'c', '\u00e9', '\u00df', '\u00fc')
  fc.assert(
    fc.property(fc.array(letter, { minLength: 2, maxLength: 20 }), (letters) => {
      const text = letters.join('')
      for (const bytes of [Buffer.from(text), Buffer.from(text, 'latin1')]) {
        expect(nameText(bytes, 0, bytes.length)).toBe(shortstrText(bytes, 0, bytes.length))
      }
    }),
    { numRuns: 10_000 },
  )
})

test('any bytes are the same again when their text is made bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (array) => {
      const bytes = Buffer.from(array)
      expect(shortstrBytes(shortstrText(bytes, 0, bytes.length))).toEqual(bytes)
    }),
  )
})
