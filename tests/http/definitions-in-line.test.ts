// Exports and imports of definitions take their turn: a few at a time, and some more wait.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Pacer } from '../../src/lib/pacer.ts'
import { ApiClient, type Reply } from './api-client.ts'

const AT_ONCE = 4
const WAITING_MAX = 64
const MEBIBYTE = 1024 * 1024

let api: ApiClient
/** Those who have their turn wait for it. */
let goOn: () => void
let rest: ReturnType<typeof vi.fn>

beforeEach(async () => {
  api = await ApiClient.start({ passwordHashing: 'sha256' })
  api.started.broker.declareQueue('q')
  const gate = new Promise<void>((resolve) => {
    goOn = resolve
  })
  for (const due of ['isDue', 'isLate'] as const) vi.spyOn(Pacer.prototype, due, 'get').mockReturnValue(true)
  rest = vi.spyOn(Pacer.prototype, 'rest').mockReturnValue(gate)
})

afterEach(async () => {
  goOn()
  vi.restoreAllMocks()
  await api.stop()
})

/** So long, by spaces. */
const definitions = (bytes = 0): string => `${'{"queues":[{"name":"q","vhost":"/"}]'.padEnd(bytes - 1)}}`
const raised = (): number => rest.mock.calls.length

type Ask = (signal?: AbortSignal) => Promise<Reply>

const asks: readonly (readonly [string, Ask, number])[] = [
  ['exports', (signal) => api.get('/definitions', signal && { signal }), 200],
  ['imports', (signal) => api.post('/definitions', undefined, { raw: definitions(), ...(signal && { signal }) }), 204],
]

describe.each(asks)('%s', (what, ask, good) => {
  test('are made a few at a time, the others wait, and more than that are refused', async () => {
    const replies = Array.from({ length: AT_ONCE + WAITING_MAX }, () => ask())
    await expect.poll(raised).toBe(AT_ONCE)
    const refusal = async () => (await Promise.race([ask(), ...replies])).body?.reason
    await expect.poll(refusal).toBe(`Too many ${what} at a time`)
    expect(raised()).toBe(AT_ONCE)
    goOn()
    expect(new Set((await Promise.all(replies)).map(({ status }) => status))).toEqual(new Set([good]))
    expect((await ask()).status).toBe(good)
  })

  test('that wait for a client that has gone leave their place to others', async () => {
    const replies = Array.from({ length: AT_ONCE }, () => ask())
    await expect.poll(raised).toBe(AT_ONCE)
    const leaving = new AbortController()
    const gone = Array.from({ length: WAITING_MAX }, () => ask(leaving.signal).catch(() => 'gone'))
    await expect.poll(async () => (await Promise.race([ask(), ...gone])) as Reply).toMatchObject({ status: 503 })
    leaving.abort()
    expect(new Set(await Promise.all(gone))).toEqual(new Set(['gone']))
    let refusals = 0
    const untilTaken = async (): Promise<Reply> => {
      for (;;) {
        const reply = await ask()
        if (reply.status !== 503) return reply
        refusals++
      }
    }
    const others = Array.from({ length: WAITING_MAX }, untilTaken)
    // Once the places are free, all of them wait.
    const newRefusals = async (): Promise<number> => {
      const before = refusals
      await api.get('/whoami')
      return refusals - before
    }
    await expect.poll(newRefusals).toBe(0)
    const before = refusals
    goOn()
    const taken = await Promise.all([...others, ...replies])
    expect(new Set(taken.map(({ status }) => status))).toEqual(new Set([good]))
    expect(refusals).toBe(before)
  })
})

test('bodies that wait to be imported count with those that are read', async () => {
  const raw = definitions(17 * MEBIBYTE)
  const post = () => api.post('/definitions', undefined, { raw })
  // Who is refused while it sends may see the connection end before the answer.
  const outcomes = Array.from({ length: 4 }, () =>
    post().then(
      ({ status }) => status,
      () => 'cut off',
    ),
  )
  expect([400, 'cut off']).toContain(await Promise.race(outcomes))
  goOn()
  const good = (await Promise.all(outcomes)).filter((outcome) => outcome === 204)
  expect(good.length).toBeGreaterThan(0)
  expect(good.length).toBeLessThan(4)
  expect((await post()).status).toBe(204)
})
