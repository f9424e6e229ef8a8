// The broker in a process of its own that is killed and started again over the same folder.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ServerRecovery } from '../../src/server/recovery.ts'
import { traced } from './strace.ts'

const MAIN = join(import.meta.dirname, 'broker-main.mjs')

/** What the storage of the broker is made of; see LevelStorageOptions. */
export interface CrashBrokerOptions {
  readonly folder: string
  readonly logFileBytes: number
  readonly memoryBytes: number
  readonly durability?: 'sync' | 'interval' | 'os'
  readonly syncIntervalMs?: number
  /** It can be told at which of its writes to kill itself; see `aim`. */
  readonly killsItself?: boolean
}

/** At which of its own writes and syncs of the log the broker kills itself. */
export interface Aim {
  /** So many pass before. */
  readonly passing: number
  readonly when: 'before' | 'within' | 'after'
  /** Time since it began, for `within`. */
  readonly withinUs: number
}

interface Line {
  readonly isAimed?: boolean
  readonly moved?: number
  readonly isVhostChanged?: boolean
  readonly pid?: number
  readonly port?: number
  readonly recovery?: ServerRecovery
  readonly error?: string
  readonly damage?: string
}

export interface VhostChange {
  readonly remove?: string
  /** Without `remove`, or this time behind it, which may be before all has gone. */
  readonly make?: string
  readonly afterTurns?: number
}

export class CrashBroker {
  readonly host = '127.0.0.1'
  port = 0
  recovery: ServerRecovery | undefined
  /** Internal errors and damage that it told of, and what it wrote to standard error. */
  readonly complaints: string[] = []
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown>
  #whenAimed: () => void = () => {}
  #whenMoved: (count: number) => void = () => {}
  #whenVhostChanged: (isChanged: true) => void = () => {}
  #pid: number | undefined

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#exit = once(child, 'exit')
    child.stderr?.on('data', (chunk: Buffer) => this.complaints.push(String(chunk)))
  }

  /** Starts the process; `listening` says when it can be used. With `traceTo`, a file gets its system calls. */
  static spawn(options: CrashBrokerOptions, traceTo?: string): CrashBroker {
    const own = [process.execPath, MAIN, JSON.stringify(options)]
    const [command = '', ...args] = traceTo === undefined ? own : traced(own, traceTo)
    // With io_uring, the system would be asked to write by other means than system calls.
    const env = { ...process.env, UV_USE_IO_URING: '0' }
    return new CrashBroker(spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] }))
  }

  static async start(options: CrashBrokerOptions, traceTo?: string): Promise<CrashBroker> {
    const broker = CrashBroker.spawn(options, traceTo)
    await broker.listening()
    return broker
  }

  async listening(): Promise<void> {
    const { stdout } = this.#child
    if (stdout === null) throw new Error('the broker has no standard output')
    const lines = createInterface({ input: stdout })
    await new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => {
        const { port, recovery, error, damage, isAimed, moved, isVhostChanged, pid }: Line = JSON.parse(line)
        if (isAimed) this.#whenAimed()
        if (moved !== undefined) this.#whenMoved(moved)
        if (isVhostChanged) this.#whenVhostChanged(true)
        for (const complaint of [error, damage]) if (complaint !== undefined) this.complaints.push(complaint)
        if (port === undefined) return
        this.port = port
        this.#pid = pid
        this.recovery = recovery
        resolve()
      })
      void this.#exit.then(() => reject(new Error(`the broker did not start: ${this.complaints.join('\n')}`)))
    })
  }

  /** From now on it waits for its moment. */
  async aim(aim: Aim): Promise<void> {
    const aimed = new Promise<void>((resolve) => {
      this.#whenAimed = resolve
    })
    this.#child.stdin?.write(`${JSON.stringify(aim)}\n`)
    await aimed
  }

  /** Has it move all messages from one queue to another; how many it says it has moved, unless it is killed before. */
  async move(from: string, to: string): Promise<number | undefined> {
    const moved = new Promise<number>((resolve) => {
      this.#whenMoved = resolve
    })
    this.#child.stdin?.write(`${JSON.stringify({ move: { from, to } })}\n`)
    return await Promise.race([moved, this.#exit.then(() => undefined)])
  }

  /** Has it make a virtual host, or remove one with all in it, or both. Undefined when it is killed before that is durable. */
  async vhost(change: VhostChange): Promise<true | undefined> {
    const changed = new Promise<true>((resolve) => {
      this.#whenVhostChanged = resolve
    })
    this.#child.stdin?.write(`${JSON.stringify({ vhost: change })}\n`)
    return await Promise.race([changed, this.#exit.then(() => undefined)])
  }

  /** Resolves once the process is gone. */
  get exited(): Promise<unknown> {
    return this.#exit
  }

  /** Of the broker itself, whatever traces it. */
  get pid(): number {
    return this.#pid ?? this.#child.pid ?? 0
  }

  /** 0 after it ended in order. */
  get exitCode(): number | null {
    return this.#child.exitCode
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Resolves once the process is gone. */
  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.#signal(signal)
    const timer = setTimeout(() => this.#signal('SIGKILL'), 10_000)
    await this.#exit
    clearTimeout(timer)
  }

  #signal(signal: 'SIGKILL' | 'SIGTERM'): void {
    if (this.isRunning) process.kill(this.pid, signal)
  }
}
