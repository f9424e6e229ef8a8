import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expirationAt, expiresAtMs, parseExpiration } from '../../../src/broker/queues/expiry.ts'

function shortString(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.of(0xee, bytes.length), bytes, Buffer.from('9')])
}

/** The milliseconds, or why there are none. */
function answer(read: () => number): number | string {
  try {
    return read()
  } catch (error) {
    return (error as Error).message
  }
}

describe('an expiration', () => {
  const WRONG = {
    '': 'no_integer',
    soon: 'no_integer',
    ' 5': 'no_integer',
    '-': 'no_integer',
    '5 ': '{leftover_string," "}',
    '1.5': '{leftover_string,".5"}',
    '5é': '{leftover_string,[195,169]}',
    '-1': '{value_negative,-1}',
    '315360000001': '{value_too_large,315360000001}',
    [`1${'0'.repeat(40)}`]: `{value_too_large,1${'0'.repeat(40)}}`,
  }

  test.each(Object.entries(WRONG))('is refused in RabbitMQ’s words: "%s"', (text, why) => {
    const refusal = `invalid expiration '${text}': ${why}`
    expect(answer(() => parseExpiration(text))).toBe(refusal)
    expect(answer(() => expirationAt(shortString(text), 1))).toBe(refusal)
  })

  test.each([
    ['0', 0],
    ['+5', 5],
    ['-0', 0],
    ['007', 7],
    ['315360000000', 315_360_000_000],
    [`${'0'.repeat(30)}8`, 8],
  ])('is a whole number of milliseconds: %s', (text, ms) => {
    expect(parseExpiration(text)).toBe(ms)
    expect(expirationAt(shortString(text), 1)).toBe(ms)
  })

  test('is the same as bytes and as text', () => {
    const text = fc.oneof(fc.string({ maxLength: 20 }), fc.bigInt({ min: -(10n ** 16n), max: 10n ** 16n }).map(String))
    fc.assert(
      fc.property(text, (some) => {
        expect(answer(() => expirationAt(shortString(some), 1))).toBe(answer(() => parseExpiration(some)))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a message expires', () => {
  test('after the lower of the times of its queue and its publisher', () => {
    expect(expiresAtMs(1000)).toBeUndefined()
    expect(expiresAtMs(1000, 50)).toBe(1050)
    expect(expiresAtMs(1000, undefined, 0)).toBe(1000)
    expect(expiresAtMs(1000, 50, 60)).toBe(1050)
    expect(expiresAtMs(1000, 60, 50)).toBe(1050)
  })

  test('never too early', () => {
    expect(expiresAtMs(1000.25, 50)).toBe(1051)
  })

  test('after times beyond 2^31 and 2^32', () => {
    expect(expiresAtMs(1.8e12, 2 ** 32 + 1, 2 ** 33)).toBe(1.8e12 + 2 ** 32 + 1)
  })

  test('never when that is thousands of years away', () => {
    expect(expiresAtMs(1.8e12, 2 ** 63)).toBeUndefined()
    expect(expiresAtMs(0, 2 ** 48 - 1)).toBe(2 ** 48 - 1)
    expect(expiresAtMs(1, 2 ** 48 - 1)).toBeUndefined()
  })
})
