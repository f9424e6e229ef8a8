import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startChild } from '../leftovers.ts'
import { BROKER_PROCESSOR, pinned } from './pinning.ts'

/** The built program; this file runs from dist, too. */
export const LEVERET = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

const STOP_MS_MAX = 60_000

/** What it said it had found in its folder. */
export interface FoundInStore {
  readonly exchanges: number
  readonly queues: number
  readonly messages: number
}

/** What its log says until it listens. */
interface StartLog {
  readonly port: number
  readonly found: FoundInStore | undefined
}

/** A Leveret of its own, on a free port. */
export class LeveretProcess {
  readonly url: string
  readonly pid: number
  /** From before the process was made until its log said that it listens. */
  readonly startMs: number
  readonly found: FoundInStore | undefined
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, pid: number, startMs: number, { port, found }: StartLog) {
    this.#child = child
    this.pid = pid
    this.startMs = startMs
    this.found = found
    this.url = `amqp://guest:guest@127.0.0.1:${port}/`
  }

  /** Keeps everything in memory, or with a folder durably in there, synced before each confirm. `program` is another build, `more` further options. */
  static async start(
    pins: boolean,
    folder?: string,
    program = LEVERET,
    more: readonly string[] = [],
  ): Promise<LeveretProcess> {
    const storage = folder === undefined ? ['memory'] : ['leveldb', '--data-dir', folder, '--durability', 'sync']
    const args = ['serve', '--port', '0', '--bind', '127.0.0.1', '--log-format', 'json', '--log-level', 'info']
    const command = [process.execPath, program, ...args, '--storage', ...storage, ...more]
    const startedAtMs = performance.now()
    const child = startChild(pinned(BROKER_PROCESSOR, command, pins), ['ignore', 'pipe', 'inherit'])
    const log = await startLog(child)
    const startMs = performance.now() - startedAtMs
    if (child.pid === undefined || log === undefined) throw new Error('Leveret did not start; was it built?')
    child.stdout?.resume()
    return new LeveretProcess(child, child.pid, startMs, log)
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
  }

  /** Without a chance to finish anything. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill(signal)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS_MAX)
    await exited
    clearTimeout(timer)
  }
}

async function startLog(child: ChildProcess): Promise<StartLog | undefined> {
  if (child.stdout === null) return undefined
  let found: FoundInStore | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    const { port, messages, queues, exchanges } = JSON.parse(line)
    if (typeof messages === 'number') found = { exchanges, queues, messages }
    if (typeof port === 'number') return { port, found }
  }
  return undefined
}
