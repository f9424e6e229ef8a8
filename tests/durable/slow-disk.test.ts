// A disk that is slower than its publishers: they are read from at its pace, memory stays bounded, others work on.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'
import { PERSISTENT } from './durable-server.ts'

const MEBIBYTE = 1024 * 1024
const MAIN = join(import.meta.dirname, 'slow-broker.mjs')
const HOST = '127.0.0.1'
const QUEUE = 'readings'
const DISK_MB_PER_SEC = 8
const MEMORY_MB = 16
/** Staged at most 32 MiB and what was read in the same turn, the frame of the commit in flight, garbage, the heap. */
const GROWTH_MB_MAX = 160
const STAGED_MB_MAX = 34
/** What others do does not wait for the disk, only for its turn. */
const ROUND_MS_MAX = 1500
const RUN_MS = 4000

let folder: string
let broker: ChildProcess
let port: number
let clients: RawClient[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'leveret-slow-'))
  const bytesPerSec = DISK_MB_PER_SEC * MEBIBYTE
  const options = { folder, syncMs: 50, bytesPerSec, memoryBytes: MEMORY_MB * MEBIBYTE }
  broker = fork(MAIN, [JSON.stringify(options)])
  port = Number((await answer()).port)
  clients = []
})

afterEach(async () => {
  for (const client of clients) client.destroy()
  const exit = once(broker, 'exit')
  broker.kill('SIGKILL')
  await exit
  rmSync(folder, { recursive: true, force: true })
})

async function answer(): Promise<Record<string, unknown>> {
  const [message] = await once(broker, 'message')
  return message
}

async function residentMb(): Promise<number> {
  broker.send('how much?')
  return Number((await answer()).rssBytes) / MEBIBYTE
}

/** The socket takes more, or the time is over. */
function drained(socket: Socket, endsAtMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      socket.off('drain', done)
      resolve()
    }
    const timer = setTimeout(done, endsAtMs - performance.now())
    socket.on('drain', done)
  })
}

async function channel(): Promise<RawChannel> {
  const client = await RawClient.connect({ host: HOST, port })
  clients.push(client)
  return (await client.handshake()).channel(1)
}

test('publishers without confirms go on at the pace of the disk, and memory stays where it is', async () => {
  const publisher = await channel()
  await publisher.call('queue.declare', { queue: QUEUE, durable: true })
  const message = publisher.publishBytes({ routingKey: QUEUE, body: Buffer.alloc(1024, 'x'), properties: PERSISTENT })
  const many = Buffer.concat(Array.from({ length: 200 }, () => message))
  const { socket } = publisher.client
  const other = await channel()
  const own = await other.queue()
  await other.consume(own, { noAck: true })

  const before = await residentMb()
  let mostMb = before
  let longestMs = 0
  const endsAtMs = performance.now() + RUN_MS
  const pushing = (async () => {
    while (performance.now() < endsAtMs) {
      if (socket.write(many)) await new Promise(setImmediate)
      else await drained(socket, endsAtMs)
    }
  })()
  let rounds = 0
  for (; performance.now() < endsAtMs; rounds++) {
    const sentAtMs = performance.now()
    other.publishTo(own, 'ping')
    await other.expectBodies('ping')
    longestMs = Math.max(longestMs, performance.now() - sentAtMs)
    mostMb = Math.max(mostMb, await residentMb())
  }
  await pushing
  const { args } = await other.call('queue.declare', { queue: QUEUE, passive: true })
  const takenMb = (Number(args.messageCount) * message.length) / MEBIBYTE
  expect(mostMb - before).toBeLessThan(GROWTH_MB_MAX)
  expect(rounds).toBeGreaterThan(10)
  expect(longestMs).toBeLessThan(ROUND_MS_MAX)
  // At most what the disk took, and what waits for it; at least half of what it could have taken.
  const diskMb = (DISK_MB_PER_SEC * RUN_MS) / 1000
  expect(takenMb).toBeGreaterThan(diskMb / 2)
  expect(takenMb).toBeLessThan(diskMb + STAGED_MB_MAX)
}, 30_000)
