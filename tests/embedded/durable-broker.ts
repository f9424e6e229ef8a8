// A broker in this process over a store on the disk: a new one for each test of a file, with the clients that the test has connected.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import type { EmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import { LevelStorage } from '../../storage/level/level-storage.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { type OpenOptions, RawClient } from '../support/raw-client.ts'

export class DurableBroker {
  readonly #clients: RawClient[] = []
  #folder = ''
  #started: TestBroker | undefined

  get started(): TestBroker {
    if (this.#started === undefined) throw new Error('the broker is not running')
    return this.#started
  }

  get server(): TestBroker['server'] {
    return this.started.server
  }

  get broker(): EmbeddedBroker {
    return this.started.broker
  }

  async start(): Promise<void> {
    if (this.#folder === '') this.#folder = mkdtempSync(join(tmpdir(), 'leveret-embedded-'))
    this.#started = await startTestBroker({ storage: new LevelStorage({ folder: join(this.#folder, 'store') }) })
  }

  /** Stops it, and starts another one over the same store. */
  async restart(): Promise<void> {
    await this.started.stop()
    await this.start()
  }

  async remove(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.destroy()
    await this.#started?.stop()
    this.#started = undefined
    rmSync(this.#folder, { recursive: true, force: true })
    this.#folder = ''
  }

  async connect(): Promise<RawClient> {
    const client = await RawClient.connect(this.started)
    this.#clients.push(client)
    return client
  }

  /** A client that is logged in. */
  async open(options: OpenOptions = {}): Promise<RawClient> {
    return await (await this.connect()).handshake(options)
  }

  async channel(): Promise<RawChannel> {
    return await (await this.open()).channel(1)
  }
}

/** Every test of the file has one. */
export function useDurableBroker(): DurableBroker {
  const durable = new DurableBroker()
  beforeEach(() => durable.start())
  afterEach(() => durable.remove())
  return durable
}
