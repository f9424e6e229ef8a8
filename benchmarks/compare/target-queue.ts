import { parseBrokerUri } from '../../src/perf/broker-uri.ts'
import type { ClientConnection } from '../../src/perf/client-connection.ts'
import { login } from '../../src/perf/login.ts'
import { QUEUE } from '../method-arguments.ts'
import type { Broker } from './generator.ts'

const READ_BYTES = 4096
const PURGE_MS = 1000

/** Where dead letters go: a durable queue that is purged every second. */
export class TargetQueue {
  readonly #connection: ClientConnection
  readonly #name: string
  readonly #timer: NodeJS.Timeout

  private constructor(connection: ClientConnection, name: string) {
    this.#connection = connection
    this.#name = name
    const purge = { queue: name, nowait: true }
    this.#timer = setInterval(() => connection.send('queue.purge', purge), PURGE_MS)
  }

  static async declare(broker: Broker, name: string): Promise<TargetQueue> {
    const connection = await login(parseBrokerUri(broker.url), READ_BYTES)
    await connection.call('queue.declare', { ...QUEUE, queue: name, durable: true })
    return new TargetQueue(connection, name)
  }

  async remove(): Promise<void> {
    clearInterval(this.#timer)
    await this.#connection.call('queue.delete', { queue: this.#name, ifUnused: false, ifEmpty: false, nowait: false })
    await this.#connection.close()
  }
}
