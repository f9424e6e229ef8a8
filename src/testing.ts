/** A broker for other people's tests: real, in memory, on a free port, up in a few milliseconds. */
import type { Server } from './server.ts'
import { ServerBuilder } from './server-builder.ts'
import type { ServerConfig } from './server-config.ts'

export interface TestBroker {
  /** `amqp://guest:guest@127.0.0.1:port` */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly server: Server
  /** Closes every connection and frees the port. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts a broker of its own for a test. Any number of them can run at a time. */
export async function startTestBroker(config: Partial<ServerConfig> = {}): Promise<TestBroker> {
  const server = new ServerBuilder().withConfig({ port: 0, shutdownGraceMs: 1000, ...config }).build()
  await server.listen()
  const { host, port } = server.addresses[0] as { host: string; port: number } // it listens now
  const user = encodeURIComponent(config.defaultUser ?? 'guest')
  const pass = encodeURIComponent(config.defaultPass ?? 'guest')
  const stop = (): Promise<void> => server.shutdown()
  return { url: `amqp://${user}:${pass}@${host}:${port}`, host, port, server, stop, [Symbol.asyncDispose]: stop }
}
