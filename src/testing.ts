/** A broker for other people's tests: real, in memory, on a free port, up in a few milliseconds. */
import { isReserved } from './broker/names.ts'
import type { Vhost } from './broker/vhost.ts'
import type { EmbeddedBroker } from './embedded/embedded-broker.ts'
import type { Server } from './server.ts'
import { ServerBuilder } from './server-builder.ts'
import type { ServerConfig } from './server-config.ts'

/** A running broker, and what a test needs of it. */
export interface TestBroker {
  /** `amqp://guest:guest@127.0.0.1:port`, with the user and the password of the configuration. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly server: Server
  /** The same broker without a connection: for putting messages in, and for looking at what has come out. */
  readonly broker: EmbeddedBroker
  /** Deletes all queues, bindings and exchanges but the predeclared ones. Connections and channels stay open. */
  reset(): void
  /** Closes every connection and frees the port. Calling it again does nothing. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts a broker of its own for a test, on a free port of 127.0.0.1. Any number of them can run at a time, and none
 * keeps the process alive. Throws RangeError for a configuration that makes no sense, the system's error when `port` was
 * configured and cannot be had.
 */
export async function startTestBroker(config: Partial<ServerConfig> = {}): Promise<TestBroker> {
  const server = new ServerBuilder().withConfig({ port: 0, shutdownGraceMs: 1000, ...config }).build()
  await server.listen()
  server.unref()
  const { host, port } = server.addresses[0] as { host: string; port: number } // it listens now
  const user = encodeURIComponent(config.defaultUser ?? 'guest')
  const pass = encodeURIComponent(config.defaultPass ?? 'guest')
  const stop = (): Promise<void> => server.shutdown()
  return {
    url: `amqp://${user}:${pass}@${host.includes(':') ? `[${host}]` : host}:${port}`,
    host,
    port,
    server,
    broker: server.broker,
    reset: () => {
      for (const vhost of server.core.vhosts()) empty(vhost)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function empty(vhost: Vhost): void {
  for (const queue of [...vhost.queues()]) vhost.removeQueue(queue)
  for (const exchange of [...vhost.exchanges()]) {
    if (exchange.name !== '' && !isReserved(exchange.name)) vhost.removeExchange(exchange)
    else for (const id of [...exchange.outgoing.keys()]) vhost.removeBinding(exchange, id)
  }
}
