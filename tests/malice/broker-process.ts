import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const MEMORY_WATCH_MS = 20
const MAIN = join(import.meta.dirname, '../../dist/src/cli/main.js')

interface LogLine {
  readonly level: string
  readonly msg: string
  readonly user?: string
  readonly listener?: string
  readonly port?: number
  /** How many lines of its kind it stands for. */
  readonly times?: number
}

/** The built broker in a process of its own: its memory is its own, and no other test suffers when it dies. */
export class BrokerProcess {
  readonly host = '127.0.0.1'
  port = 0
  /** By the names of its listeners. */
  readonly ports = new Map<string, number>()
  /** Resident memory in MiB when it had just started: versions of Node.js differ in it. */
  idleMb = 0
  /** The most of it that `watchMemory` has seen. */
  peakMb = 0
  /** What it logged as its own fault. */
  readonly errors: string[] = []
  /** The messages of its log. */
  readonly messages: string[] = []
  opened = 0
  closed = 0
  /** Those that were never open, too. */
  ended = 0
  exitCode: number | null | undefined
  readonly #child: ChildProcess
  #watch: NodeJS.Timeout | undefined
  #output = ''

  private constructor(child: ChildProcess) {
    this.#child = child
    child.once('exit', (code) => {
      this.exitCode = code
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#output += chunk
    })
  }

  static async start(...options: string[]): Promise<BrokerProcess> {
    return await BrokerProcess.#launch([], options)
  }

  /** One that may have so few files and sockets open. */
  static async startWithFiles(openFilesMax: number, ...options: string[]): Promise<BrokerProcess> {
    return await BrokerProcess.#launch(['sh', '-c', `ulimit -n ${openFilesMax}; exec "$0" "$@"`], options)
  }

  /** One whose V8 may use so many MiB for old objects. */
  static async startWithHeap(heapMb: number, ...options: string[]): Promise<BrokerProcess> {
    const launcher = ['sh', '-c', `NODE_OPTIONS=--max-old-space-size=${heapMb} exec "$0" "$@"`]
    return await BrokerProcess.#launch(launcher, options)
  }

  static async #launch(launcher: readonly string[], options: readonly string[]): Promise<BrokerProcess> {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(?:LEVERET|RABBITMQ)_/.test(name))
    const folder = mkdtempSync(join(tmpdir(), 'leveret-broker-'))
    const given = [
      '--port',
      '0',
      '--log-format',
      'json',
      '--data-dir',
      folder,
      '--password-hashing',
      'sha256',
      ...options,
    ]
    const program = [process.execPath, MAIN, ...given]
    const [command = '', ...args] = [...launcher, ...program]
    const child = spawn(command, args, { env: Object.fromEntries(inherited), stdio: ['ignore', 'pipe', 'pipe'] })
    child.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    if (child.stdout === null) throw new Error('the broker has no standard output')
    const broker = new BrokerProcess(child)
    const lines = createInterface({ input: child.stdout })
    await new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => broker.#read(line) && resolve())
      child.once('exit', (code) => reject(new Error(`the broker did not start (${code}): ${broker.#output}`)))
    })
    broker.idleMb = broker.residentMb() ?? 0
    return broker
  }

  /** What it wrote to standard error: nothing, unless it crashed. */
  get output(): string {
    return this.#output
  }

  get isRunning(): boolean {
    return this.exitCode === undefined
  }

  /** Resident memory in MiB; undefined where the system does not tell. */
  residentMb(): number | undefined {
    try {
      const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
      const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
      return kilobytes === undefined ? undefined : Number(kilobytes) / 1024
    } catch {
      return undefined
    }
  }

  /** Follows how much memory it has, until it is stopped. */
  watchMemory(): void {
    this.#watch = setInterval(() => {
      this.peakMb = Math.max(this.peakMb, this.residentMb() ?? 0)
    }, MEMORY_WATCH_MS)
  }

  /** Asks it to end; its exit code. */
  async stop(): Promise<number | null> {
    clearInterval(this.#watch)
    if (this.exitCode !== undefined) return this.exitCode
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 15_000)
    await exit
    clearTimeout(timer)
    return this.exitCode ?? null
  }

  /** Takes in a line of its log; true once the broker is up. */
  #read(line: string): boolean {
    const { level, msg, port, listener, user, times = 1 }: LogLine = JSON.parse(line)
    if (port !== undefined && listener !== undefined) this.ports.set(listener, port)
    this.port = this.ports.get('amqp') ?? this.port
    this.messages.push(msg)
    if (msg === 'connection opened') this.opened += times
    // One that was never open has no user.
    const isEnd = /^connection (closed|lost|cut)\b/.test(msg)
    if (user !== undefined && isEnd) this.closed++
    if (isEnd) this.ended += times
    if (level === 'error' || msg.includes('internal error')) this.errors.push(line)
    return msg === 'Server startup complete'
  }
}
