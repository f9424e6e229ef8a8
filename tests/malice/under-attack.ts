import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'vitest'
import type { Logger } from '../../src/lib/logger.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { type OpenOptions, RawClient } from '../support/raw-client.ts'
import { Bystander } from './bystander.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const MEBIBYTE = 1024 * 1024
/** Blocks that wait to be used again, and what V8 keeps of its own. */
const GROWN_MB_MAX = 80

export interface Scene {
  readonly host: string
  readonly port: number
  readonly bystander: Bystander
  /** A connection with nothing sent. */
  connect(): Promise<RawClient>
  /** A connection that is logged in. */
  open(options?: OpenOptions): Promise<RawClient>
  /** Channel 1 of a new connection. */
  channel(options?: OpenOptions): Promise<RawChannel>
  /** Megabytes that the process uses more than at the start. */
  grownMb(): number
  /** What the server holds for its clients. */
  readonly connectionCount: number
}

interface Terms {
  readonly config?: Partial<ServerConfig>
  /** How much memory the process, clients included, may have taken more at the end. */
  readonly grownMbMax?: number
}

/** What is in use: how much garbage lies about until it is collected differs between versions of Node.js. */
function usedMb(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / MEBIBYTE
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind.startsWith('TCP')).length
}

/**
 * Runs an attack on a broker of its own while a bystander works. Afterwards the bystander must still work, the broker must
 * not have met an error of its own, memory must be flat, and after the shutdown no socket may be left.
 */
export async function underAttack(attack: (scene: Scene) => Promise<void>, terms: Terms = {}): Promise<void> {
  const errors: string[] = []
  const note = (fields: object, message: string) =>
    void errors.push(`${message} ${String(Object.values(fields).at(-1))}`)
  const logger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: note }
  const server = new ServerBuilder()
    .withConfig({ port: 0, shutdownGraceMs: 2000, passwordHashing: 'sha256', ...terms.config })
    .withLogger(logger)
    .build()
  const socketsBefore = openSockets()
  await server.listen()
  const { host, port } = server.addresses[0] as { host: string; port: number } // it listens now
  const clients: RawClient[] = []
  const bystander = await Bystander.start({ host, port })
  try {
    await bystander.lives()
    const usedMbBefore = usedMb()
    const scene: Scene = {
      host,
      port,
      bystander,
      connect: async () => {
        const client = await RawClient.connect({ host, port })
        clients.push(client)
        return client
      },
      open: async (options) => (await scene.connect()).handshake(options),
      channel: async (options) => (await scene.open(options)).channel(1),
      grownMb: () => usedMb() - usedMbBefore,
      get connectionCount() {
        return server.connections().length
      },
    }
    await attack(scene)
    await bystander.lives()
    expect(scene.grownMb()).toBeLessThan(terms.grownMbMax ?? GROWN_MB_MAX)
    await bystander.stop()
    expect(errors).toEqual([])
  } finally {
    bystander.destroy()
    for (const client of clients) client.destroy()
    await server.shutdown({ graceMs: 500 })
  }
  await until(() => openSockets() <= socketsBefore, 'sockets were left open')
}

/** Waits for something to become true. */
export async function until(isTrue: () => boolean, complaint: string, waitMs = 4000): Promise<void> {
  for (const endsAt = performance.now() + waitMs; !isTrue(); ) {
    if (performance.now() > endsAt) throw new Error(complaint)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** How the broker ended a connection: the code of connection.close, or 0 for a socket that was closed at once. */
export async function endOf(client: RawClient): Promise<number> {
  for (;;) {
    const received = await client.next(0, 5000).catch((error: unknown) => error)
    if (received instanceof Error) {
      if (!client.isClosed) throw received
      return 0
    }
    const { name, args } = received as Awaited<ReturnType<RawClient['next']>>
    if (name !== 'connection.close') continue
    expect(String(args.replyText)).toMatch(/^[A-Z_]+/)
    client.send(0, 'connection.close-ok')
    await client.expectSocketClosed()
    return Number(args.replyCode)
  }
}
