import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { PerfReport } from '../../src/cli/perf/report.ts'
import { LEVERET } from './leveret-process.ts'
import { GENERATOR_PROCESSOR, pinned } from './pinning.ts'
import type { Scenario } from './scenarios.ts'

const OVERTIME_MS = 90_000

export interface RunLength {
  readonly seconds: number
  readonly warmupSeconds: number
}

/** Starts `leveret perf` in a process of its own, which ends by itself. */
export class Generator {
  #child: ChildProcess | undefined

  async run(
    scenario: Scenario,
    broker: { readonly url: string; readonly pid: number | undefined },
    length: RunLength,
    pins: boolean,
  ): Promise<PerfReport> {
    const options = [
      ...['--uri', broker.url, '--json', '--processes', '1', ...scenario.options],
      ...['--time', String(length.seconds), '--warmup', String(length.warmupSeconds)],
      ...(broker.pid === undefined ? [] : ['--broker-pid', String(broker.pid)]),
    ]
    const command = pinned(GENERATOR_PROCESSOR, [process.execPath, LEVERET, 'perf', ...options], pins)
    const [program = '', ...args] = command
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child = child
    const timer = setTimeout(() => child.kill('SIGKILL'), 1000 * (length.seconds + length.warmupSeconds) + OVERTIME_MS)
    const [output, [exitCode]] = await Promise.all([text(child.stdout), once(child, 'exit')])
    clearTimeout(timer)
    this.#child = undefined
    if (exitCode !== 0) throw new Error(`leveret perf ended with ${exitCode} for scenario '${scenario.name}'`)
    return JSON.parse(output)
  }

  stop(): void {
    this.#child?.kill('SIGTERM')
  }
}
