import { expect, test } from 'vitest'
import { InputShares } from '../../src/amqp/input-shares.ts'

const one = {}
const other = {}
let turn = 0

/** In a turn of its own. */
function shareMs(shares: InputShares, sender: object, ms: number): number {
  return shares.shareMs(sender, ++turn, ms)
}

/** Every millisecond `sender` sends something; what share of the turn each piece gets. */
function sharesOf(shares: InputShares, sender: object, fromMs: number, toMs: number): Set<number> {
  const found = new Set<number>()
  for (let ms = fromMs; ms < toMs; ms++) found.add(shareMs(shares, sender, ms))
  return found
}

test('the only one to send for a while gets a longer share, and keeps it', () => {
  const shares = new InputShares()
  const [atFirst] = sharesOf(shares, one, 0, 100)
  const [later] = sharesOf(shares, one, 100, 500)
  expect(later).toBeGreaterThan(atFirst as number)
  expect(later).toBeLessThanOrEqual(2)
  expect(sharesOf(shares, one, 500, 2000)).toEqual(new Set([later]))
})

test('as soon as another one sends, both have short shares, for as long as both send', () => {
  const shares = new InputShares()
  const [short] = sharesOf(shares, one, 0, 100)
  sharesOf(shares, one, 100, 500)
  for (let ms = 500; ms < 1500; ms += 50) {
    expect(shareMs(shares, other, ms)).toBe(short)
    expect(sharesOf(shares, one, ms, ms + 50)).toEqual(new Set([short]))
  }
  expect(shareMs(shares, one, 1549)).toBe(short)
  expect(shareMs(shares, one, 1550)).toBeGreaterThan(short as number)
})

test('one that comes after a silence begins with a short share', () => {
  const shares = new InputShares()
  const [short] = sharesOf(shares, one, 0, 100)
  expect(shareMs(shares, other, 10_000)).toBe(short)
  shares.forget(other)
  expect(shareMs(shares, other, 20_000)).toBe(short)
})

test('in a turn that is long already, a connection has little time, and its whole share in the next one', () => {
  const shares = new InputShares()
  const whole = shares.shareMs(one, ++turn, 0)
  expect(shares.shareMs(other, turn, 1)).toBe(whole)
  const late = shares.shareMs(other, turn, 5)
  expect(late).toBeGreaterThan(0)
  expect(late).toBeLessThan(whole / 5)
  expect(shares.shareMs(one, ++turn, 6)).toBe(whole)
})
