import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Family, numberText } from '../../src/http/metrics/exposition.ts'
import { PIECE_BYTES, SeriesTable } from '../../src/http/metrics/series-table.ts'
import { allocateBlock } from '../../src/lib/block.ts'
import { anyCharacter } from '../support/any-character.ts'

interface Counted {
  readonly labels: string
  readonly first: number
  readonly second: number
}

const FAMILIES: readonly Family<Counted>[] = [
  { name: 'first', type: 'gauge', help: '', value: ({ first }) => first },
  { name: 'second', type: 'gauge', help: '', value: ({ second }) => second },
]

const values = fc.oneof(
  fc.nat(),
  fc.double(),
  fc.constantFrom(0, -0, 9, 10, 99, 2 ** 31 - 1, 2 ** 31, Number.MAX_SAFE_INTEGER, -1.7976931348623157e308),
)
const counted = fc.record({ labels: fc.string({ unit: anyCharacter, maxLength: 40 }), first: values, second: values })

test('each family has a line for each object, with any labels and numbers', () => {
  fc.assert(
    fc.property(fc.array(counted, { maxLength: 3000 }), (all) => {
      expectLines(all)
    }),
    { numRuns: 20 },
  )
})

test('labels as long as they may be, and very many objects, are written in pieces that are not long', () => {
  const all = Array.from({ length: 3000 }, (_, at) => ({
    labels: `{q="${'ü'.repeat(at % 400)}"}`,
    first: at,
    second: 0.5,
  }))
  const { pieces } = expectLines([...all, { labels: `{q="${'x'.repeat(200_000)}"}`, first: 1, second: 2 }, ...all])
  expect(pieces.filter((bytes) => bytes > 64 * 1024)).toHaveLength(1)
})

function expectLines(all: readonly Counted[]): { readonly pieces: readonly number[] } {
  const table = new SeriesTable(FAMILIES, allocateBlock(PIECE_BYTES))
  for (const one of all) table.add(one, one.labels)
  const text = (values: (of: Counted) => number): string =>
    all.map((one) => `name${one.labels} ${numberText(values(one))}\n`).join('')
  const [first = [], second = []] = [0, 1].map((family) =>
    Array.from(table.lines(family, 'name'), (piece) => Buffer.from(piece)),
  )
  expect(Buffer.concat(first).toString()).toBe(Buffer.from(text((one) => one.first)).toString())
  expect(Buffer.concat(second).toString()).toBe(Buffer.from(text((one) => one.second)).toString())
  return { pieces: first.map(({ length }) => length) }
}
