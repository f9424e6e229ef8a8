import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { parseBrokerUri } from '../../src/perf/broker-uri.ts'
import type { WorkerLink } from '../../src/perf/fleet.ts'
import { login } from '../../src/perf/login.ts'
import { parsePerfOptions } from '../../src/perf/options.ts'
import { planRun } from '../../src/perf/plan.ts'
import { runPerf } from '../../src/perf/run.ts'
import { summaryLines } from '../../src/perf/summary.ts'
import { startWorker } from '../../src/perf/worker.ts'
import type { FromWorker, ToWorker } from '../../src/perf/worker-messages.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { startTestBroker } from '../../src/testing.ts'

type Given = Record<string, string | string[]>

/** A worker in this process: what it is told and tells is copied, as it is between processes. */
function workerInProcess(): WorkerLink {
  const toWorker: ((message: ToWorker) => void)[] = []
  const fromWorker: ((message: FromWorker) => void)[] = []
  const pass = <M>(listeners: ((message: M) => void)[], message: M): void => {
    const copy = structuredClone(message)
    setImmediate(() => {
      for (const listener of listeners) listener(copy)
    })
  }
  startWorker({ send: (message) => pass(fromWorker, message), onMessage: (listener) => toWorker.push(listener) })
  return {
    send: (message) => pass(toWorker, message),
    onMessage: (listener) => fromWorker.push(listener),
    onExit: () => undefined,
    // Its broker is gone: without a process that ends, it would go on publishing for as long as there are tests.
    kill: () => pass(toWorker, { kind: 'stop' }),
  }
}

function run(given: Given, signal = new AbortController().signal, tell: (line: string) => void = () => undefined) {
  const texts = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, [value].flat()]))
  return runPerf(planRun(parsePerfOptions(texts)), { spawn: workerInProcess, signal, tell })
}

async function broker(config: Partial<ServerConfig> = {}): Promise<string> {
  const started = await startTestBroker(config)
  onTestFinished(() => started.stop())
  return started.url
}

/** How many messages are ready in a queue, or -1 when there is no such queue. */
async function depth(uri: string, queue: string): Promise<number> {
  const connection = await login(parseBrokerUri(uri), 4096)
  const flags = { durable: false, exclusive: false, autoDelete: false, nowait: false }
  try {
    const args = { queue, passive: true, ...flags, arguments: new Map() }
    const answer = await connection.call('queue.declare', args)
    return answer.name === 'queue.declare-ok' ? answer.args.messageCount : -1
  } catch {
    return -1
  } finally {
    await connection.close()
  }
}

test('a run of a given count confirms and consumes every message, and leaves nothing behind', async () => {
  const uri = await broker()
  const queue = 'perf-{1..4}'
  const sharing = { publishers: '3', consumers: '2', processes: '2', queue }
  const report = await run({
    uri,
    ...sharing,
    count: '10001',
    confirm: '50',
    ackEvery: '7',
    prefetch: '20',
    size: '100',
  })
  expect(report.published.messages).toBe(10_001)
  expect(report.confirmed.messages).toBe(10_001)
  expect(report.consumed.messages).toBe(10_001)
  expect(report.consumed.bytesPerSecond / report.consumed.perSecond).toBeCloseTo(100, 0)
  expect(report).toMatchObject({
    nacked: 0,
    unconfirmed: 0,
    isInterrupted: false,
    generatorCpuPercent: [expect.any(Number), expect.any(Number)],
  })
  for (let i = 1; i <= 4; i++) expect(await depth(uri, `perf-${i}`)).toBe(-1)
})

test.each(['1', '7'])('consumers may reject what they get, every %s messages at once', async (ackEvery) => {
  const uri = await broker()
  const connection = await login(parseBrokerUri(uri), 4096)
  const flags = { passive: false, durable: false, exclusive: false, autoDelete: false, nowait: false }
  await connection.call('queue.declare', { queue: 'dead', ...flags, arguments: new Map() })
  await connection.close()
  const toDead = ['x-dead-letter-exchange=', 'x-dead-letter-routing-key=dead']
  const report = await run({ uri, count: '500', ackEvery, reject: 'true', queueArgs: toDead })
  expect(report.consumed.messages).toBe(500)
  expect(await depth(uri, 'dead')).toBe(500)
  expect(summaryLines(report).join('\n')).toContain(`reject every ${ackEvery}`)
})

test('a run of a given time measures that time', async () => {
  const report = await run({ uri: await broker(), time: '0.4', warmup: '0.1', size: '1024' })
  expect(report.seconds).toBeGreaterThan(0.35)
  expect(report.seconds).toBeLessThan(1.5)
  for (const { messages, perSecond } of [report.published, report.consumed]) {
    expect(messages).toBeGreaterThan(100)
    expect(Math.abs(perSecond / (messages / report.seconds) - 1)).toBeLessThan(0.1)
  }
  expect(report.latencyUs).toBeNull()
  expect(summaryLines(report).join('\n')).toMatch(
    /1 publisher, 1 consumer, 1,024 bytes.*\n {2}published .* msg\/s.*\n {2}consumed /,
  )
})

test('a rate is kept, and latencies come with it', async () => {
  const report = await run({
    uri: await broker(),
    time: '0.5',
    warmup: '0.1',
    rate: '400',
    publishers: '2',
    confirm: '100',
    latency: 'true',
    processes: '2',
  })
  expect(report.published.messages).toBeGreaterThan(300)
  expect(report.published.messages).toBeLessThan(500)
  for (const times of [report.latencyUs, report.confirmLatencyUs]) {
    expect(times?.count).toBeGreaterThan(200)
    const { p50 = 0, p90 = 0, p99 = 0, p999 = 0, max = 0 } = times ?? {}
    expect(p50).toBeGreaterThan(1)
    expect([p50, p90, p99, p999, max]).toEqual([p50, p90, p99, p999, max].toSorted((a, b) => a - b))
    expect(max).toBeLessThan(2_000_000)
  }
})

test('bodies of several frames that fill the read buffer more than once arrive whole', async () => {
  const report = await run({ uri: await broker(), count: '40', size: '700000', ackEvery: '1', writeBytes: '1000' })
  expect(report.consumed.messages).toBe(40)
  expect(report.consumed.bytesPerSecond).toBeGreaterThan(0)
})

test('empty bodies count, too', async () => {
  expect((await run({ uri: await broker(), count: '500', size: '0' })).consumed.messages).toBe(500)
})

test('an exchange gets its bindings and goes again', async () => {
  const uri = await broker()
  const topic = { exchange: 'perf-topic', exchangeType: 'topic', routingKey: 'a.{1..9}.z', bindingKey: 'a.{1..9}.*' }
  const report = await run({ uri, count: '900', queue: ['one', 'two'], consumers: '2', ...topic })
  expect(report.published.messages).toBe(900)
  expect(report.consumed.messages).toBe(1800)
  const again = await run({ uri, count: '10', exchange: 'perf-topic', exchangeType: 'fanout' })
  expect(again.consumed.messages).toBe(10)
})

test('kept queues can be consumed from later, and stay', async () => {
  const uri = await broker()
  await run({ uri, count: '300', consumers: '0', queue: 'kept', keep: 'true', durable: 'true', persistent: 'true' })
  expect(await depth(uri, 'kept')).toBe(300)
  const report = await run({ uri, count: '300', publishers: '0', queue: 'kept', ackEvery: '7' })
  expect(report.consumed.messages).toBe(300)
  expect(await depth(uri, 'kept')).toBe(0)
})

test('publishers alone can have their queue emptied', async () => {
  const report = await run({ uri: await broker(), time: '0.4', warmup: '0', consumers: '0', purgeMs: '50' })
  expect(report.purged).toBeGreaterThan(0)
})

test('an existing queue that is not what the options say is refused', async () => {
  const uri = await broker()
  await run({ uri, count: '1', consumers: '0', queue: 'q', keep: 'true' })
  await expect(run({ uri, count: '1', queue: 'q', durable: 'true' })).rejects.toThrow(
    /^queue 'q' cannot be declared: the broker closed the channel: 406 PRECONDITION_FAILED - inequivalent arg 'durable'/,
  )
  expect(await depth(uri, 'q')).toBe(1)
})

test('a run that is interrupted reports what it saw and cleans up', async () => {
  const uri = await broker()
  const interruption = new AbortController()
  const lines: string[] = []
  const tell = (line: string): void => {
    lines.push(line)
    interruption.abort()
  }
  const report = await run({ uri, time: '60', warmup: '0', verbose: 'true', confirm: '10' }, interruption.signal, tell)
  expect(report.isInterrupted).toBe(true)
  expect(report.seconds).toBeLessThan(10)
  expect(report.confirmed.messages).toBeGreaterThan(0)
  expect(report.unconfirmed).toBe(0)
  expect(lines[0]).toMatch(/^ +\d s {2}published [\d,]+\/s {2}confirmed [\d,]+\/s {2}consumed [\d,]+\/s$/)
  expect(await depth(uri, 'leveret-perf')).toBe(-1)
})

test('a broker that blocks publishers is reported', async () => {
  const uri = await broker({ memoryLimitBytes: 1 })
  const report = await run({ uri, time: '0.3', warmup: '0', rate: '100' })
  expect(report.blocked.reason).toBe('low on memory')
  expect(report.blocked.seconds).toBeGreaterThan(0)
  expect(summaryLines(report).join('\n')).toContain('warning: the broker blocked publishers for')
})

test('a broker that is not there, a wrong password and an unknown vhost are told apart', async () => {
  const uri = await broker()
  const { port } = new URL(uri)
  await expect(run({ uri: `amqp://guest:wrong@127.0.0.1:${port}` })).rejects.toThrow(
    /^login to amqp:\/\/guest@127\.0\.0\.1:\d+\/%2F failed: the broker closed the connection: 403 ACCESS_REFUSED/,
  )
  await expect(run({ uri: `amqp://127.0.0.1:${port}/nowhere` })).rejects.toThrow(
    /530 NOT_ALLOWED - vhost nowhere not found/,
  )
  const server = createServer((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const free = (server.address() as AddressInfo).port
  await expect(run({ uri: `amqp://127.0.0.1:${free}` })).rejects.toThrow('what listens there does not speak AMQP')
  server.close()
  await once(server, 'close')
  await expect(run({ uri: `amqp://127.0.0.1:${free}` })).rejects.toThrow(`no broker listens at 127.0.0.1:${free}`)
})

test('a broker that goes away in the middle ends the run', async () => {
  const started = await startTestBroker()
  onTestFinished(() => started.stop())
  const tell = (): void => void started.stop()
  const lost = run({ uri: started.url, time: '60', verbose: 'true' }, undefined, tell)
  await expect(lost).rejects.toThrow(/320 CONNECTION_FORCED|closed the connection|dropped the connection/)
})
