/** The broker of these benchmarks, as a process of its own. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { BROKER_PROCESSOR, canPin, pinProcess } from '../compare/pinning.ts'
import type { BrokerStarted } from './broker-main.ts'
import type { LoopDelay } from './loop-watch.ts'

const AUTHORIZATION = { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}` }

export class ManagedBroker {
  readonly urls: BrokerStarted
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, urls: BrokerStarted) {
    this.#child = child
    this.urls = urls
  }

  /** Without doors, nothing of it is sampled, and `get` reaches nothing. */
  static async start(queues: number, doors: 'open' | 'closed' = 'open'): Promise<ManagedBroker> {
    const child = fork(join(import.meta.dirname, 'broker-main.js'), [String(queues), doors])
    const [urls] = await once(child, 'message')
    if (canPin() && child.pid !== undefined) pinProcess(child.pid, BROKER_PROCESSOR)
    return new ManagedBroker(child, urls as BrokerStarted)
  }

  stop(): void {
    this.#child.kill()
  }

  /** Takes a sample of everything now. */
  async sample(): Promise<void> {
    const sampled = once(this.#child, 'message')
    this.#child.send('sample')
    await sampled
  }

  /** How late the broker's event loop was while the work went on. */
  async loopDelayOf(work: () => Promise<void>): Promise<LoopDelay> {
    this.#child.send('reset')
    await work()
    const found = once(this.#child, 'message')
    this.#child.send('delay')
    const [delay] = await found
    return delay as LoopDelay
  }

  /** Milliseconds until the whole answer is there. */
  async get(path: string, from: 'management' | 'metrics' = 'management'): Promise<number> {
    const startedAtMs = performance.now()
    const response = await fetch(`${this.urls[from]}${path}`, { headers: AUTHORIZATION })
    await response.arrayBuffer()
    if (response.status !== 200) throw new Error(`${path} answered ${response.status}`)
    return performance.now() - startedAtMs
  }
}
