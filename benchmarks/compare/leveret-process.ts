import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { BROKER_PROCESSOR, pinned } from './pinning.ts'

/** The built program; this file runs from dist, too. */
export const LEVERET = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

const STOP_MS_MAX = 15_000

/** A Leveret of its own for the comparison, on a free port. */
export class LeveretProcess {
  readonly url: string
  readonly pid: number
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, pid: number, port: number) {
    this.#child = child
    this.pid = pid
    this.url = `amqp://guest:guest@127.0.0.1:${port}/`
  }

  static async start(pins: boolean): Promise<LeveretProcess> {
    const args = ['serve', '--port', '0', '--bind', '127.0.0.1', '--log-format', 'json', '--log-level', 'info']
    const [program = '', ...rest] = pinned(BROKER_PROCESSOR, [process.execPath, LEVERET, ...args], pins)
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'] })
    const port = await listeningPort(child)
    if (child.pid === undefined || port === undefined) throw new Error('Leveret did not start; was it built?')
    child.stdout?.resume()
    return new LeveretProcess(child, child.pid, port)
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS_MAX)
    await exited
    clearTimeout(timer)
  }
}

/** From the log lines of the start. */
async function listeningPort(child: ChildProcess): Promise<number | undefined> {
  if (child.stdout === null) return undefined
  for await (const line of createInterface({ input: child.stdout })) {
    const port: unknown = JSON.parse(line).port
    if (typeof port === 'number') return port
  }
  return undefined
}
