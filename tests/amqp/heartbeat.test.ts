import { beforeEach, describe, expect, test } from 'vitest'
import { Heartbeat } from '../../src/amqp/heartbeat.ts'
import type { Transport } from '../../src/amqp/transport.ts'

/** Half of a one-second interval, and as often as the listener ticks. */
const TICK_MS = 500

let transport: {
  bytesRead: number
  outbox: {
    bytesWritten: number
    bytesTaken: number
    isBlocked: boolean
    pendingBytes: number
    write(bytes: Uint8Array): void
  }
}
let sent: number[]
let nowMs: number
let heartbeat: Heartbeat

beforeEach(() => {
  sent = []
  nowMs = 1000
  const outbox = {
    bytesWritten: 0,
    bytesTaken: 0,
    isBlocked: false,
    pendingBytes: 0,
    write: (bytes: Uint8Array) => {
      expect([...bytes]).toEqual([8, 0, 0, 0, 0, 0, 0, 0xce])
      outbox.bytesWritten += bytes.length
      sent.push(nowMs - 1000)
    },
  }
  transport = { bytesRead: 0, outbox }
  heartbeat = new Heartbeat(transport as unknown as Transport, nowMs) // all that Heartbeat looks at
})

/** Ticks for so long; when it gave up on the client, in milliseconds from the start, or undefined. */
function run(forMs: number, onTick: () => void = () => {}, isWaiting = false): number | undefined {
  for (const endMs = nowMs + forMs; nowMs < endMs; ) {
    nowMs += TICK_MS
    onTick()
    if (!heartbeat.tick(nowMs, isWaiting)) return nowMs - 1000
  }
  return undefined
}

describe('Heartbeat', () => {
  test('is sent every half interval when nothing else is', () => {
    heartbeat.intervalMs = 2000
    run(4000, () => transport.bytesRead++)
    expect(sent.length).toBeGreaterThanOrEqual(3)
    expect(sent.length).toBeLessThanOrEqual(4)
  })

  test('is not sent while other bytes are', () => {
    heartbeat.intervalMs = 2000
    run(10_000, () => {
      transport.bytesRead++
      transport.outbox.bytesWritten += 10
    })
    expect(sent).toEqual([])
  })

  test('does not pile up behind bytes that the client does not take', () => {
    heartbeat.intervalMs = 1000
    transport.outbox.pendingBytes = 1
    run(10_000, () => transport.bytesRead++)
    expect(sent).toEqual([])
  })

  test('gives up on a client that is silent for two intervals, and not before', () => {
    heartbeat.intervalMs = 2000
    expect(run(20_000)).toBe(4500)
  })

  test('takes any byte for a sign of life', () => {
    heartbeat.intervalMs = 1000
    expect(run(1500)).toBeUndefined()
    transport.bytesRead++
    expect(run(2000)).toBeUndefined()
    expect(run(20_000)).toBe(4500)
  })

  test('holds no silence against a client that is not read from', () => {
    heartbeat.intervalMs = 1000
    expect(run(60_000, () => {}, true)).toBeUndefined()
    expect(run(20_000)).toBe(62_500)
  })

  test('is off with an interval of 0', () => {
    expect(run(600_000)).toBeUndefined()
    expect(sent).toEqual([])
  })

  test('counts from the moment it is turned on', () => {
    run(60_000)
    heartbeat.intervalMs = 1000
    expect(run(60_000)).toBe(62_500)
  })

  test('keeps a client that says nothing but takes what the system could not send at once', () => {
    heartbeat.intervalMs = 2000
    transport.outbox.isBlocked = true
    expect(run(20_000, () => transport.outbox.bytesTaken++)).toBeUndefined()
    expect(run(20_000)).toBeDefined()
  })
})
