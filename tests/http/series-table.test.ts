import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Family, numberText } from '../../src/http/metrics/exposition.ts'
import { SeriesMemory } from '../../src/http/metrics/series-memory.ts'
import { SeriesTable } from '../../src/http/metrics/series-table.ts'
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

const memory = new SeriesMemory()

function expectLines(all: readonly Counted[]): { readonly pieces: readonly number[] } {
  const table = new SeriesTable(FAMILIES, memory)
  for (const one of all) table.add(one, one.labels)
  const text = (values: (of: Counted) => number): string =>
    all.map((one) => `name${one.labels} ${numberText(values(one))}\n`).join('')
  const [first = [], second = []] = [0, 1].map((family) =>
    Array.from(table.lines(family, 'name'), (piece) => Buffer.from(piece)),
  )
  expect(Buffer.concat(first).toString()).toBe(Buffer.from(text((one) => one.first)).toString())
  expect(Buffer.concat(second).toString()).toBe(Buffer.from(text((one) => one.second)).toString())
  memory.reuse()
  return { pieces: first.map(({ length }) => length) }
}

test('the next answer is made in the memory of the last one, and after some time there is none', () => {
  vi.useFakeTimers()
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const used = new SeriesMemory()
  const [piece, pages] = [used.piece(10), Array.from({ length: 400 }, () => used.page(10, 2))]
  expect(new Set(pages).size).toBe(400)
  used.reuse()
  const next = Array.from({ length: 400 }, () => used.page(10, 2))
  expect(next.filter((page) => pages.includes(page))).toHaveLength(320)
  expect(used.piece(1000)).toBe(piece)
  used.reuse()
  vi.advanceTimersByTime(120_000)
  expect(next.includes(used.page(10, 2))).toBe(false)
  expect(used.piece(10)).not.toBe(piece)
})
