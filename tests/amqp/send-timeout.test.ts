import { beforeEach, describe, expect, test } from 'vitest'
import type { Outbox } from '../../src/amqp/outbox.ts'
import { SendTimeout } from '../../src/amqp/send-timeout.ts'

const TICK_MS = 500
const TIMEOUT_MS = 3000

let outbox: { hasUntaken: boolean; bytesTaken: number }
let nowMs: number

beforeEach(() => {
  outbox = { hasUntaken: true, bytesTaken: 0 }
  nowMs = 1000
})

/** Ticks for so long; when it gave up on the client, in milliseconds from the start, or undefined. */
function run(timeoutMs: number, onTick: () => void = () => {}): number | undefined {
  const timeout = new SendTimeout(outbox as Outbox, timeoutMs, nowMs) // all that SendTimeout looks at
  for (const startMs = nowMs; nowMs < startMs + 60_000; ) {
    nowMs += TICK_MS
    onTick()
    if (!timeout.tick(nowMs)) return nowMs - startMs
  }
  return undefined
}

describe('SendTimeout', () => {
  test('gives up on a client that takes nothing for so long, and not before', () => {
    expect(run(TIMEOUT_MS)).toBe(TIMEOUT_MS)
  })

  test('counts from the last byte that was taken', () => {
    let left = 10
    expect(run(TIMEOUT_MS, () => left-- > 0 && outbox.bytesTaken++)).toBe(10 * TICK_MS + TIMEOUT_MS)
  })

  test('does not mind a client for which nothing waits', () => {
    outbox.hasUntaken = false
    expect(run(TIMEOUT_MS)).toBeUndefined()
  })

  test('does not blame the client for a tick that comes late', () => {
    let isLate = true
    const late = (): void => {
      if (isLate) nowMs += 20_000
      isLate = false
    }
    expect(run(TIMEOUT_MS, late)).toBeGreaterThan(20_000 + TIMEOUT_MS - 1000)
  })

  test('is off with 0', () => {
    expect(run(0)).toBeUndefined()
  })
})
