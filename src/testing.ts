/** A broker for other people's tests: real, in memory, on a free port, up in a few milliseconds. */
import type { Storage } from '../storage/storage.ts'
import type { Authenticator } from './auth/authenticator.ts'
import { isReserved } from './broker/names.ts'
import type { Vhost } from './broker/vhost.ts'
import type { EmbeddedBroker } from './embedded/embedded-broker.ts'
import type { QueueInfo } from './embedded/entities.ts'
import { type QueueCondition, type WaitOptions, waitForQueue } from './embedded/wait-for-queue.ts'
import type { Logger } from './lib/logger.ts'
import { addressText } from './lib/peer.ts'
import type { ListenAddress, ListenOptions } from './listeners/listen-options.ts'
import type { TlsOptions } from './listeners/tls-options.ts'
import type { Server } from './server/server.ts'
import { ServerBuilder } from './server/server-builder.ts'
import type { ServerConfig } from './server/server-config.ts'
import type { ServerHooks } from './server/server-hooks.ts'
import { STOPPED } from './server/status.ts'

export type { QueueCondition, QueueCounts, WaitOptions } from './embedded/wait-for-queue.ts'

/** What `startTestBroker` takes: everything that `withConfig` takes, and the parts of a server. */
export interface TestBrokerOptions extends Partial<ServerConfig> {
  /** pino's or alike. Default: silent. */
  readonly logger?: Logger | undefined
  readonly hooks?: ServerHooks | undefined
  /** Where messages are kept. Default: in memory. */
  readonly storage?: Storage | undefined
  /** Who may connect. Default: the user of the configuration, guest. */
  readonly authenticator?: Authenticator | undefined
  /** Where it listens, in place of `bind` and `port`. The first one gives `url`, `host` and `port`. */
  readonly listeners?: readonly ListenOptions[] | undefined
  /** For listeners with TLS. */
  readonly tls?: TlsOptions | undefined
}

/** A running broker, and what a test needs of it. After `stop` every call throws Error: the broker was stopped. */
export interface TestBroker {
  /** `amqp://guest:guest@127.0.0.1:port`, with the user and the password of the configuration. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly server: Server
  /** The same broker without a connection: for putting messages in, and for looking at what has come out. */
  readonly broker: EmbeddedBroker
  /**
   * Resolves with the queue once its counts are as wanted, `{ messagesReady: 3, consumers: 1 }`, or the function says so.
   * Rejects with Error, which says how the queue is, after `timeoutMs` (default 5000).
   */
  waitForQueue(name: string, wanted: QueueCondition, options?: WaitOptions): Promise<QueueInfo>
  /** Cuts every client off without a word, as a broken network does. Resolves when they are gone; new ones may connect. */
  dropConnections(): Promise<void>
  /** Closes every client with 320, as an operator does. Resolves when they are gone; new ones may connect. */
  closeConnections(): Promise<void>
  /**
   * Lets publishers wait, as a broker does that is short of memory: clients are told at once (`connection.blocked`), and
   * what they publish from now on is not read. Publishing by `broker` throws `resource-error`. Consumers go on.
   */
  blockPublishers(): void
  /** Lets publishers go on (`connection.unblocked`). */
  unblockPublishers(): void
  /**
   * Deletes all queues, bindings and exchanges but the predeclared ones, and unblocks publishers. Connections and channels
   * stay open.
   */
  reset(): void
  /** Closes every connection and frees the port. Calling it again does nothing. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts a broker of its own for a test, on a free port of 127.0.0.1. Any number of them can run at a time, and none
 * keeps the process alive. Throws RangeError or TypeError for a configuration that makes no sense, the system's error when
 * `port` was configured and the system refuses it.
 */
export async function startTestBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const server = build(options)
  await server.listen()
  server.unref()
  const { protocol, host, port } = server.addresses[0] as ListenAddress // it listens now
  const user = encodeURIComponent(options.defaultUser ?? 'guest')
  const pass = encodeURIComponent(options.defaultPass ?? 'guest')
  const { broker } = server
  const { memory } = server.core
  const requireRunning = (): void => {
    if (server.state !== 'running') throw new Error(STOPPED)
  }
  const stop = (): Promise<void> => server.shutdown()
  return {
    url: `${protocol}://${user}:${pass}@${addressText(host, port)}`,
    host,
    port,
    server,
    broker,
    waitForQueue: (name, wanted, wait) => waitForQueue(broker, name, wanted, wait),
    dropConnections: () => server.dropConnections(),
    closeConnections: () => server.closeConnections(),
    blockPublishers: () => {
      requireRunning()
      memory.force(true)
    },
    unblockPublishers: () => {
      requireRunning()
      memory.force(false)
    },
    reset: () => {
      requireRunning()
      memory.force(false)
      for (const vhost of server.core.vhosts()) empty(vhost)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function build({ logger, hooks, storage, authenticator, listeners, tls, ...config }: TestBrokerOptions): Server {
  const builder = new ServerBuilder().withConfig({
    port: 0,
    shutdownGraceMs: 1000,
    passwordHashing: 'sha256',
    ...config,
  })
  if (logger !== undefined) builder.withLogger(logger)
  if (hooks !== undefined) builder.withHooks(hooks)
  if (storage !== undefined) builder.withStorage(storage)
  if (authenticator !== undefined) builder.withAuthenticator(authenticator)
  if (listeners !== undefined) builder.withListeners(listeners)
  if (tls !== undefined) builder.withTls(tls)
  return builder.build()
}

function empty(vhost: Vhost): void {
  vhost.policies.clear()
  for (const queue of [...vhost.queues()]) vhost.removeQueue(queue)
  for (const exchange of [...vhost.exchanges()]) {
    if (exchange.name !== '' && !isReserved(exchange.name)) vhost.removeExchange(exchange)
    else for (const id of [...exchange.outgoing.keys()]) vhost.removeBinding(exchange, id)
  }
}
