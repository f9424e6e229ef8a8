// `leveret perf` as people start it: the built program with worker processes. `npm test` builds before it tests.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { startTestBroker } from '../../src/testing.ts'

const MAIN = join(import.meta.dirname, '../../dist/src/cli/main.js')

function perf(...args: string[]): ChildProcessByStdio<null, Readable, Readable> {
  const child = spawn(process.execPath, [MAIN, 'perf', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

async function outcome(child: ChildProcessByStdio<null, Readable, Readable>) {
  const [out, error, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { out, error, code }
}

async function brokerUrl(): Promise<string> {
  const started = await startTestBroker()
  onTestFinished(() => started.stop())
  return started.url
}

test('several processes share a run and its latencies are of one clock', async () => {
  const args = ['--uri', await brokerUrl(), '--time', '1', '--warmup', '0.2', '--processes', '2', '--rate', '500']
  const { out, error, code } = await outcome(perf(...args, '--latency', '--confirm', '100', '--json'))
  expect({ error, code }).toEqual({ error: '', code: 0 })
  const report = JSON.parse(out)
  expect(report.consumed.messages).toBeGreaterThan(100)
  expect(report.generatorCpuPercent).toHaveLength(2)
  expect(report.latencyUs.count).toBeGreaterThan(100)
  expect(report.latencyUs.p50).toBeGreaterThan(5)
  expect(report.latencyUs.p50).toBeLessThan(500_000)
})

test('Ctrl-C ends a run early with its summary', async () => {
  const child = perf('--uri', await brokerUrl(), '--time', '60', '--verbose')
  await once(child.stderr, 'data')
  child.kill('SIGINT')
  const { out, code } = await outcome(child)
  expect(code).toBe(130)
  expect(out).toMatch(/; \d+\.\d s, interrupted\n {2}published .*\n {2}consumed /)
})

test('what goes wrong is said in one line', async () => {
  const absent = await outcome(perf('--uri', 'amqp://127.0.0.1:1'))
  expect(absent).toEqual({ out: '', error: 'leveret perf: no broker listens at 127.0.0.1:1\n', code: 1 })
  const wrong = await outcome(perf('--size', 'big'))
  expect(wrong.error).toMatch(/^leveret perf: --size must be a whole number from 0 to \d+, not 'big'\n$/)
  expect(wrong.code).toBe(2)
})
