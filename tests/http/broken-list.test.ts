import { expect, test } from 'vitest'
import type { Call } from '../../src/http/call.ts'
import { list } from '../../src/http/lists/list.ts'
import { ListTurns } from '../../src/http/lists/list-turns.ts'

test('a list that cannot be made to its end leaves room for others', async () => {
  const call = { query: new URLSearchParams(), listTurns: new ListTurns() } as Call // a list asks for no more
  const numbers = Array.from({ length: 1001 }, (_, number) => number)
  const source = {
    rows: () => numbers,
    name: String,
    object: () => {
      throw new Error('a defect')
    },
  }
  for (let left = 100; left > 0; left--) {
    const answer = await list(call, source)
    await expect(answer.text()).rejects.toThrow('a defect')
  }
})

test('a list rests while it looks at what has no row', async () => {
  const call = { query: new URLSearchParams(), listTurns: new ListTurns() } as Call // a list asks for no more
  let turns = 0
  const count = setInterval(() => turns++, 1)
  function* rows(): Iterable<undefined> {
    for (const endMs = performance.now() + 100; performance.now() < endMs; ) yield undefined
  }
  const answer = await list(call, { rows, name: String, object: () => ({}) })
  clearInterval(count)
  expect(await answer.json()).toEqual([])
  expect(turns).toBeGreaterThan(2)
})

test('a list whose client goes while it waits is not looked through', async () => {
  const listTurns = new ListTurns()
  let goOn = (): void => {}
  const gate = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const others = Array.from({ length: 8 }, () => listTurns.take(() => gate))
  const leaving = new AbortController()
  const call = { query: new URLSearchParams(), listTurns, gone: leaving.signal } as Call // a list asks for no more
  let looks = 0
  const rows = (): number[] => {
    looks++
    return []
  }
  const waiting = list(call, { rows, name: String, object: () => ({}) })
  leaving.abort()
  await expect(waiting).rejects.toThrow('The client has gone')
  goOn()
  await Promise.all(others)
  expect(looks).toBe(0)
})
