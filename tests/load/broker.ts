/** The built broker in a process of its own, with a store in a new folder, and how much memory it takes. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Target, targetOf } from './load-client.ts'
import type { LoopReport } from './loop-watch.ts'

/** This file runs from dist. */
const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const LOOP_WATCH = new URL('loop-watch.js', import.meta.url).href
const SAMPLE_MS = 100
const MEBIBYTE = 1024 * 1024

export interface LoadBroker {
  /** For the load. */
  readonly target: Target
  /** Without encryption, if there is a way. */
  readonly plainTarget: Target
  /** Undefined for a broker that was there before. */
  readonly memory: MemorySamples | undefined
  /** How late its event loop was since this was asked last. Undefined for a broker that was there before. */
  readonly loop: (() => Promise<LoopReport>) | undefined
  stop(): Promise<void>
}

/** The resident memory of a process, as the system tells it (Linux). */
export class MemorySamples {
  readonly #pid: number
  readonly #timer: NodeJS.Timeout
  peakMb = 0
  readonly #startedAtMs = performance.now()
  readonly idleMb: number

  constructor(pid: number) {
    this.#pid = pid
    this.idleMb = this.nowMb()
    this.#timer = setInterval(() => void this.nowMb(), SAMPLE_MS)
  }

  nowMb(): number {
    try {
      const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.#pid}/status`, 'utf8'))?.[1] ?? '0'
      const megabytes = Math.round((Number(kilobytes) * 1024) / MEBIBYTE)
      this.peakMb = Math.max(this.peakMb, megabytes)
      return megabytes
    } catch {
      return 0
    }
  }

  /** Share of a processor that it had from its start until now, in percent. */
  processorPercent(): number {
    try {
      // Its user and system time, in hundredths of a second, behind the name in parentheses.
      const fields = readFileSync(`/proc/${this.#pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ')
      const usedMs = (Number(fields[11]) + Number(fields[12])) * 10
      return Math.round((usedMs / (performance.now() - this.#startedAtMs)) * 100)
    } catch {
      return 0
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

/** A broker that runs already, at this URL. */
export function runningBroker(url: string): LoadBroker {
  return { target: targetOf(url), plainTarget: targetOf(url), memory: undefined, loop: undefined, stop: async () => {} }
}

/** `pin` is what starts a program on the processor that the broker is to have. */
export async function startBroker(
  options: readonly string[],
  isEncrypted: boolean,
  pin: readonly string[],
): Promise<LoadBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-load-'))
  const args = ['--port', '0', '--log-format', 'json', '--data-dir', folder, ...options]
  if (isEncrypted) args.push('--tls-port', '0', ...makeCertificate(folder))
  const [program = '', ...first] = [...pin, process.execPath]
  const child = spawn(program, [...first, '--import', LOOP_WATCH, MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: { ...process.env, LEVERET_LOAD_WATCH: '1' },
  })
  const leaveNothing = (): void => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', leaveNothing)
  const ports = await portsOf(child)
  const memory = new MemorySamples(Number(child.pid))
  const plainTarget = targetOf(`amqp://guest:guest@127.0.0.1:${ports.amqp}/`)
  return {
    target: isEncrypted ? targetOf(`amqps://guest:guest@127.0.0.1:${ports.amqps}/`) : plainTarget,
    plainTarget,
    memory,
    loop: async () => {
      const answer = once(child, 'message')
      child.send('report')
      return (await answer)[0]
    },
    stop: async () => {
      memory.stop()
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
      process.off('exit', leaveNothing)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

interface LogLine {
  readonly msg: string
  readonly level: string
  readonly protocol?: string
  readonly port?: number
}

/** The options that have the broker show a certificate of its own. */
function makeCertificate(folder: string): readonly string[] {
  const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=localhost']
  execFileSync('openssl', ['req', '-x509', ...curve, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  return ['--tls-cert', certificate, '--tls-key', key]
}

/** By protocol. Reads the log up to the end of the start, and lets the rest of it run out. */
async function portsOf(child: ChildProcess): Promise<Readonly<Record<string, number>>> {
  if (child.stdout === null) throw new Error('the broker has no standard output')
  const lines = createInterface({ input: child.stdout })
  return await new Promise((resolve, reject) => {
    const ports: Record<string, number> = {}
    lines.on('line', (line) => {
      const entry: LogLine = JSON.parse(line)
      if (entry.protocol !== undefined && entry.port !== undefined) ports[entry.protocol] = entry.port
      if (entry.msg === 'Server startup complete') resolve(ports)
      if (entry.level === 'error') console.error(line)
    })
    child.once('exit', (code) => reject(new Error(`the broker ended with ${code}; was it built?`)))
  })
}
