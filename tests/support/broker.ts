// The broker under test: a Leveret started in this process, or, when LEVERET_TEST_URI names one, a broker that already
// runs. The second way holds the suite itself against another implementation of the same protocol.

import { afterAll, beforeAll, test } from 'vitest'
import type { startTestBroker } from '../../src/testing.ts'
import { EXTERNAL_URI, isExternal } from './external.ts'
import type { RawChannel } from './raw-channel.ts'
import { type OpenOptions, RawClient } from './raw-client.ts'

type Config = Parameters<typeof startTestBroker>[0]

/** For cases where RabbitMQ 3.10 does not behave as 4.2 does: they run against Leveret only. */
export function differsFromRabbit310(_reason: string) {
  return test.skipIf(isExternal)
}

/** For cases about Leveret's own choices, or such as need a broker of their own. */
export function leveretOnly(_reason: string) {
  return test.skipIf(isExternal)
}

export class BrokerUnderTest {
  readonly #config: Config
  readonly #clients: RawClient[] = []
  #server: Awaited<ReturnType<typeof startTestBroker>>['server'] | undefined
  #started: { readonly host: string; readonly port: number; stop(): Promise<void> } | undefined

  constructor(config: Config) {
    this.#config = config
  }

  get host(): string {
    return this.#running().host
  }

  get port(): number {
    return this.#running().port
  }

  get url(): string {
    return EXTERNAL_URI ?? `amqp://guest:guest@${this.host}:${this.port}`
  }

  async start(): Promise<void> {
    if (EXTERNAL_URI === undefined) {
      const testing = await import('../../src/testing.ts')
      const started = await testing.startTestBroker(this.#config)
      this.#server = started.server
      this.#started = started
    } else {
      const uri = new URL(EXTERNAL_URI)
      this.#started = { host: uri.hostname, port: Number(uri.port || 5672), stop: async () => {} }
    }
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.destroy()
    await this.#started?.stop()
    this.#started = undefined
  }

  /** Shuts down the server while clients are connected; only possible with a broker of our own. */
  async shutdown(graceMs = 2000): Promise<void> {
    if (!this.#server) throw new Error('the broker under test was not started by this test')
    await this.#server.shutdown({ graceMs })
  }

  /** A bare connection, nothing sent. */
  async connect(): Promise<RawClient> {
    const client = await RawClient.connect(this)
    this.#clients.push(client)
    return client
  }

  /** A connection that is logged in and open. */
  async open(options: OpenOptions = {}): Promise<RawClient> {
    const client = await this.connect()
    return await client.handshake(options)
  }

  /** Channel 1 of a connection of its own. */
  async channel(options: OpenOptions = {}): Promise<RawChannel> {
    return await (await this.open(options)).channel(1)
  }

  #running() {
    if (!this.#started) throw new Error('the broker under test is not running')
    return this.#started
  }
}

/** One broker for the test file, stopped when its last test is through, after every connection that a test opened. */
export function useBroker(config?: Config): BrokerUnderTest {
  const broker = new BrokerUnderTest(config)
  beforeAll(() => broker.start())
  afterAll(() => broker.stop())
  return broker
}
