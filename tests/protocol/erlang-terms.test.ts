import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { listBinary, printBinary, printDouble, printText } from '../../protocol/erlang-terms.ts'

describe('octets', () => {
  test.each([
    ['', '<<>>'],
    ['abc', '<<"abc">>'],
    [' ~', '<<" ~">>'],
    ['a"b\\c', '<<"a\\"b\\\\c">>'],
    ['\b\t\n\v\f\r\x1b', '<<"\\b\\t\\n\\v\\f\\r\\e">>'],
    ['abc\0', '<<97,98,99,0>>'],
    ['\x7f', '<<127>>'],
    ['é', '<<195,169>>'],
  ])('%j are printed as %s', (text, printed) => {
    expect(printBinary(Buffer.from(text))).toBe(printed)
  })

  test('are numbers where RabbitMQ lists them', () => {
    expect(listBinary(Buffer.from('abc'))).toBe('<<97,98,99>>')
  })

  test('that no reply text has room for are left out', () => {
    expect(listBinary(Buffer.alloc(100_000, 1)).length).toBeGreaterThan(255)
    expect(printBinary(Buffer.alloc(100_000, 1)).length).toBeLessThan(1000)
    expect(printText(Buffer.alloc(100_000, 1)).length).toBeLessThan(1000)
  })
})

test.each([
  ['', '[]'],
  ['abc', '"abc"'],
  ["say 'hello'", '"say \'hello\'"'],
  ['"', '"\\""'],
  ['a\0', '[97,0]'],
])('the text %j is printed as %s', (text, printed) => {
  expect(printText(text)).toBe(printed)
})

describe('a double', () => {
  // What Erlang/OTP 25 prints.
  test.each([
    [3, '3.0'],
    [-3.25, '-3.25'],
    [0, '0.0'],
    [-0, '-0.0'],
    [100, '100.0'],
    [1000, '1.0e3'],
    [12_000, '1.2e4'],
    [12_345, '12345.0'],
    [999_999, '999999.0'],
    [1e6, '1.0e6'],
    [100_000.5, '100000.5'],
    [123_456_789.125, '123456789.125'],
    [123_456_789_012, '123456789012.0'],
    [1_234_567_890_123_456, '1234567890123456.0'],
    [12_345_678_901_234_568, '1.2345678901234568e16'],
    [1e22, '1.0e22'],
    [1.5e300, '1.5e300'],
    [0.1, '0.1'],
    [0.001, '0.001'],
    [0.0001, '0.0001'],
    [0.000_12, '1.2e-4'],
    [1e-7, '1.0e-7'],
    [5e-324, '5.0e-324'],
    [Math.fround(0.1), '0.10000000149011612'],
  ])('%d is printed as %s', (value, printed) => {
    expect(printDouble(value)).toBe(printed)
  })

  test('has a point and is read back as the same', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(printDouble(value)).toMatch(/^-?\d+\.\d+(e-?\d+)?$/)
        expect(Number(printDouble(value))).toBe(value)
      }),
    )
  })
})
