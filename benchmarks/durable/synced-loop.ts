import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { BROKER_PROCESSOR, pinned } from '../compare/pinning.ts'
import { startChild } from '../leftovers.ts'

const PROGRAM = fileURLToPath(new URL('./floor-main.js', import.meta.url))

/** See floor-main.ts. */
export type LoopKind = 'append' | 'overwrite'

/** A bare loop of synced writes on the broker's processor, in a process of its own. */
export class SyncedLoop {
  readonly #path: string
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>

  constructor(path: string, bytes: number, pins: boolean) {
    const command = pinned(BROKER_PROCESSOR, [process.execPath, PROGRAM, path, String(bytes)], pins)
    this.#path = path
    this.#child = startChild(command, ['pipe', 'pipe', 'inherit'])
    if (this.#child.stdout === null) throw new Error('the loop of synced writes has no output')
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  async syncsPerSecond(kind: LoopKind, seconds: number): Promise<number> {
    this.#child.stdin?.write(`${kind} ${seconds}\n`)
    const answer = await this.#answers.next()
    if (answer.done) throw new Error('the loop of synced writes has ended')
    return JSON.parse(answer.value).syncsPerSecond
  }

  async end(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit')
      this.#child.stdin?.end()
      await exited
    }
    for (const kind of ['appended', 'overwritten']) await rm(`${this.#path}-${kind}`, { force: true })
  }
}
