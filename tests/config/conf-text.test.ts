import fc from 'fast-check'
import { expect, test } from 'vitest'
import { confLine, parseConfText } from '../../config/conf-text.ts'
import { anyCharacter } from '../support/any-character.ts'

function pairs(source: string): (readonly [string, string])[] {
  return parseConfText(source).entries.map(({ key, value }) => [key, value] as const)
}

test('reads keys and values around comments, blank lines and any line ending', () => {
  const source = '\uFEFF# a comment\n\nheartbeat = 30\r\n  frame_max=8192 # a word\rdefault_user   =   someone else  \n'
  expect(pairs(source)).toEqual([
    ['heartbeat', '30'],
    ['frame_max', '8192'],
    ['default_user', 'someone else'],
  ])
})

test('takes everything between single quotes as it is', () => {
  expect(pairs("default_pass = 'a#b = \\'c\\''   # comment")).toEqual([['default_pass', "a#b = 'c'"]])
})

test('knows an empty value and a value that contains =', () => {
  expect(pairs('a =\nb = c=d\nc = ==')).toEqual([
    ['a', ''],
    ['b', 'c=d'],
    ['c', '=='],
  ])
})

test('numbers the lines of entries and of what it cannot read', () => {
  const source = "a = 1\nnonsense\n# fine\nb = 'open\n[section]\nc = 2"
  const { entries, unreadableLines } = parseConfText(source)
  expect(entries.map(({ line }) => line)).toEqual([1, 6])
  expect(unreadableLines).toEqual([2, 4, 5])
})

test('gives back any value that was put in quotes', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: anyCharacter }).filter((value) => !/[\r\n\\]/.test(value)),
      (value) => {
        expect(pairs(`key = '${value.replaceAll("'", "\\'")}'`)).toEqual([['key', value]])
      },
    ),
  )
})

test('reads any text in time that grows with its length', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("'", '\\', '=', '#', ' ', 'a', '\n'), maxLength: 200 }), (source) => {
      const { entries, unreadableLines } = parseConfText(source)
      expect(entries.length + unreadableLines.length).toBeLessThanOrEqual(source.split('\n').length)
    }),
  )
  const startMs = performance.now()
  parseConfText(`key = ${' a'.repeat(20_000)}\nkey = '${"\\'".repeat(20_000)}`)
  expect(performance.now() - startMs).toBeLessThan(2000)
})

test('a line is written for every value that a file can have', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: fc.constantFrom(...`'\\#= \t\n\ra`) }), fc.string({ unit: 'binary' })),
      (value) => {
        const line = confLine('key', value)
        if (/[\r\n]/.test(value)) expect(line).toBeUndefined()
        else expect(pairs(line ?? '')).toEqual([['key', value]])
      },
    ),
    { numRuns: 2000 },
  )
  expect(confLine('key', 'plain value')).toBe('key = plain value')
})
