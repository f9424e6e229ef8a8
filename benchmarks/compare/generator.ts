import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { PerfReport } from '../../src/perf/report.ts'
import { startChild } from '../leftovers.ts'
import { LEVERET } from './leveret-process.ts'
import { GENERATOR_PROCESSOR, pinned } from './pinning.ts'

const OVERTIME_MS = 90_000

/** A load is options of `leveret perf`. */
export interface Load {
  readonly name: string
  readonly options: readonly string[]
}

export interface Broker {
  readonly url: string
  readonly pid: number | undefined
}

export interface RunLength {
  readonly seconds: number
  readonly warmupSeconds: number
}

/** Starts `leveret perf` in a process of its own, which ends by itself. */
export class Generator {
  #child: ChildProcess | undefined
  #isStopped = false

  async run(load: Load, broker: Broker, length: RunLength, pins: boolean): Promise<PerfReport> {
    if (this.#isStopped) throw new Error('the generator was stopped')
    const options = [
      ...['--uri', broker.url, '--json', '--processes', '1', ...load.options],
      ...['--time', String(length.seconds), '--warmup', String(length.warmupSeconds)],
      ...(broker.pid === undefined ? [] : ['--broker-pid', String(broker.pid)]),
    ]
    const command = pinned(GENERATOR_PROCESSOR, [process.execPath, LEVERET, 'perf', ...options], pins)
    const child = startChild(command, ['ignore', 'pipe', 'inherit'])
    if (child.stdout === null) throw new Error('leveret perf has no output')
    this.#child = child
    const timer = setTimeout(() => child.kill('SIGKILL'), 1000 * (length.seconds + length.warmupSeconds) + OVERTIME_MS)
    const [output, [exitCode]] = await Promise.all([text(child.stdout), once(child, 'exit')])
    clearTimeout(timer)
    this.#child = undefined
    if (exitCode !== 0) throw new Error(`leveret perf ended with ${exitCode} for '${load.name}'`)
    return JSON.parse(output)
  }

  /** Ends the load that is on, and there will be no other. */
  stop(): void {
    this.#isStopped = true
    this.#child?.kill('SIGTERM')
  }
}
