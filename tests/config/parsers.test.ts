import { describe, expect, test } from 'vitest'
import {
  boolean,
  byteSize,
  choice,
  hostAddress,
  hostNames,
  integer,
  memoryLimit,
  memoryLimitBytes,
  nameList,
  type Parser,
  text,
} from '../../config/parsers.ts'

function parsed<T>(parser: Parser<T>, ...texts: string[]): (T | undefined)[] {
  return texts.map((one) => parser.parse(one))
}

describe('integer', () => {
  test('takes what is in its range', () => {
    expect(parsed(integer(0, 65_535), '0', '5672', '65535')).toEqual([0, 5672, 65_535])
  })

  test('refuses what is outside, not whole or no number', () => {
    const refused = ['65536', '-1', '1.5', '', ' ', '1e3', '0x10', 'NaN', '9'.repeat(400), '1 ']
    expect(parsed(integer(0, 65_535), ...refused).filter((value) => value !== undefined)).toEqual([])
  })

  test('says its range', () => {
    expect(integer(1, 9).allowed).toBe('an integer from 1 to 9')
  })
})

describe('a size', () => {
  const size = byteSize(10, 536_870_912)

  test('may have a unit', () => {
    expect(parsed(size, '4096', '4k', '4KiB', '4kB', '16MiB', '16M', '16mb', '512 MiB')).toEqual([
      4096, 4096, 4096, 4000, 16_777_216, 16_777_216, 16_000_000, 536_870_912,
    ])
  })

  test('is refused outside its range or with an unknown unit', () => {
    expect(parsed(size, '9', '513MiB', '1G', '4x', 'MiB', '1.5M', '-4k').every((value) => value === undefined)).toBe(
      true,
    )
  })
})

describe('a memory limit', () => {
  const limit = memoryLimit(1_048_576)

  test('is a fraction up to 1, or a size', () => {
    expect(parsed(limit, '0.6', '.5', '1', '1.0')).toEqual([
      { fraction: 0.6 },
      { fraction: 0.5 },
      { fraction: 1 },
      { fraction: 1 },
    ])
    expect(parsed(limit, '512MiB', '1048576')).toEqual([{ bytes: 536_870_912 }, { bytes: 1_048_576 }])
  })

  test('is refused when it would block everything or makes no sense', () => {
    expect(parsed(limit, '0', '0.0', '2', '1.5', '1024', '', 'half', '-0.5').every((one) => one === undefined)).toBe(
      true,
    )
  })

  test('in bytes depends on the memory of the process only as a fraction', () => {
    expect(memoryLimitBytes({ fraction: 0.5 }, 1001)).toBe(500)
    expect(memoryLimitBytes({ bytes: 7 }, 1001)).toBe(7)
  })
})

describe('other values', () => {
  test('text is counted in bytes and never empty', () => {
    expect(parsed(text(4), 'abcd', 'ää', 'äää', '', 'abcde')).toEqual(['abcd', 'ää', undefined, undefined, undefined])
  })

  test('an address is an IP address or a host name', () => {
    expect(parsed(hostAddress(), '0.0.0.0', '::1', 'broker.example', 'fe80::1%eth0')).not.toContain(undefined)
    expect(parsed(hostAddress(), '', 'a b', 'a/b', '*').every((value) => value === undefined)).toBe(true)
  })

  test('names of hosts have no scheme and no port: no request would name them', () => {
    expect(hostNames().parse('broker.example, BROKER')).toEqual(['broker.example', 'BROKER'])
    expect(hostNames().parse('none')).toEqual([])
    for (const text of ['https://broker.example', 'broker.example:15672', 'a,,b', '*'])
      expect([text, hostNames().parse(text)]).toEqual([text, undefined])
  })

  test('a boolean is true or false', () => {
    expect(parsed(boolean(), 'true', 'on', 'false', 'off', '1', 'TRUE', '')).toEqual([
      true,
      true,
      false,
      false,
      undefined,
      undefined,
      undefined,
    ])
  })

  test('a choice is one of its names, and nothing that objects inherit', () => {
    expect(
      parsed(choice({ warn: 'warn', warning: 'warn' }), 'warning', 'toString', '__proto__', 'constructor'),
    ).toEqual(['warn', undefined, undefined, undefined])
    expect(choice({ a: 1, b: 2 }).allowed).toBe('one of a, b')
  })

  test('a list has commas, and `none` is the empty one', () => {
    expect(parsed(nameList(), 'guest, admin', 'none', 'a,,b', '')).toEqual([
      ['guest', 'admin'],
      [],
      undefined,
      undefined,
    ])
  })
})
