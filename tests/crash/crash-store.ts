// The store of a test file, and the broker over it that is killed and started again. Both go with the last test.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'
import { CrashBroker, type CrashBrokerOptions } from './crash-broker.ts'

/** It repeats the decisions of a run. */
export const SEED = Number(process.env.LEVERET_CRASH_SEED ?? Math.floor(Math.random() * 1_000_000))
/** For the names of tests. */
export const SEED_TITLE = `LEVERET_CRASH_SEED=${SEED}`

/** A number that the environment may set. */
export function countOf(name: `LEVERET_CRASH_${string}`, fallback: number): number {
  return Number(process.env[name] ?? fallback)
}

export class CrashStore {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'leveret-crash-'))
  #broker: CrashBroker | undefined

  constructor() {
    afterAll(async () => {
      await this.#broker?.kill()
      rmSync(this.folder, { recursive: true, force: true })
    })
  }

  /** The one that was started last. */
  get broker(): CrashBroker {
    if (this.#broker === undefined) throw new Error('no broker was started')
    return this.#broker
  }

  async start(options: Omit<CrashBrokerOptions, 'folder'>): Promise<CrashBroker> {
    this.#broker = await CrashBroker.start({ ...options, folder: this.folder })
    return this.#broker
  }

  /** On a connection of its own, which ends with the broker. */
  async channel(vhost = '/'): Promise<RawChannel> {
    return await (await (await RawClient.connect(this.broker)).handshake({ vhost })).channel(1)
  }
}
