import { expect, test } from 'vitest'
import { longObject } from '../../src/http/long-object.ts'

test('a long object is the same text as in one piece', async () => {
  const object = {
    name: 'é"\n',
    none: undefined,
    empty: [],
    list: Array.from({ length: 3000 }, (_, at) => ({
      at,
      large: 2n ** 63n,
      text: 'ü'.repeat(at % 50),
      none: undefined,
    })),
    nested: { list: [1, [2], { a: null }] },
  }
  const text = await longObject(object).text()
  const whole = JSON.stringify(object, (_, part) => (typeof part === 'bigint' ? Number(part) : part))
  expect(JSON.parse(text)).toEqual(JSON.parse(whole))
  expect(text).toContain('"large":9223372036854775808,')
  expect(await longObject({}).text()).toBe('{}')
  expect(await longObject({ values: new Set([1, 'two']).values(), none: new Map() }).text()).toBe(
    '{"values":[1,"two"],"none":[]}',
  )
})

test('others are served while a long object is written', async () => {
  const list = Array.from({ length: 200_000 }, (_, at) => ({
    name: `queue ${at}`,
    arguments: { 'x-queue-type': 'classic' },
  }))
  const answer = longObject({ list })
  let turns = 0
  const count = setInterval(() => turns++, 1)
  expect((await answer.text()).length).toBeGreaterThan(10_000_000)
  clearInterval(count)
  expect(turns).toBeGreaterThan(10)
})
