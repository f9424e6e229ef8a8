// A broker with listeners of every kind, its log, and clients for them; all of it ends with the test.
import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { afterEach, expect } from 'vitest'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { type OpenOptions, RawClient } from '../support/raw-client.ts'

export interface Line {
  readonly level: string
  readonly fields: Record<string, unknown>
  readonly text: string
}

const opened: { stop(): unknown }[] = []

export function stopAfterTest(stop: () => unknown): void {
  opened.push({ stop })
}

/** To be called by a test file that uses any of the functions below. */
export function useDoors(): void {
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.stop()
  })
}

/** A server that listens; `build` adds the listeners. */
export async function startServer(build: (builder: ServerBuilder) => void, config: Partial<ServerConfig> = {}) {
  const lines: Line[] = []
  const log = (level: string) => (fields: object, text: string) =>
    void lines.push({ level, fields: { ...fields }, text })
  const builder = new ServerBuilder()
    .withConfig({ port: 0, shutdownGraceMs: 1000, passwordHashing: 'sha256', ...config })
    .withLogger({ debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') })
  build(builder)
  const server: Server = builder.build()
  stopAfterTest(() => server.shutdown())
  await server.listen()
  return { server, lines, port: server.addresses[0]?.port ?? 0, texts: () => lines.map(({ text }) => text) }
}

export async function plain(port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connectTcp({ port, host })
  stopAfterTest(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

export async function encrypted(port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ...options })
  stopAfterTest(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

/** How the server ends it. With TLS 1.3, a client hears of a refusal after its handshake. */
export async function refusal(port: number, options: ConnectionOptions): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ...options })
  stopAfterTest(() => socket.destroy())
  return await ended(socket)
}

export async function ended(socket: Socket): Promise<string> {
  socket.resume()
  return await new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.once('close', () => resolve('closed'))
  })
}

export async function logIn(socket: Socket, options: OpenOptions = {}): Promise<RawClient> {
  return await new RawClient(socket).handshake(options)
}

/** A message there and back. */
export async function expectEcho(client: RawClient, bytes = 1000): Promise<void> {
  const channel = await client.channel(1)
  const queue = await channel.queue()
  const body = Buffer.alloc(bytes, 'leveret')
  channel.publish({ routingKey: queue, body })
  const received = await channel.get(queue, true)
  expect(received?.content.body.equals(body)).toBe(true)
  await channel.close()
}
