// The brokers that a run compares: RabbitMQ, which `tests/differential/run` has started, and in this process a Leveret that
// keeps everything in memory and one that keeps what is durable on the disk.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PermissionPatterns } from '../../src/broker/access/permission-list.ts'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { LevelStorage } from '../../storage/level/level-storage.ts'

/** Where the sequences of one worker run: both brokers have the virtual host, and it belongs to the worker alone. */
export interface Arena {
  readonly vhost: string
  readonly rabbitmqPort: number
  readonly leveretPort: number
}

export interface Brokers {
  readonly arenas: readonly Arena[]
  stop(): Promise<void>
}

/** The user of some connections, who may not do everything. */
export const LIMITED_USER = 'limited'

function limitedPermissions(): PermissionPatterns {
  return JSON.parse(readFileSync(new URL('limited-user.json', import.meta.url), 'utf8'))
}

/** Every other arena has a Leveret that is durable. */
export async function startBrokers(rabbitmqPort: number, jobs: number): Promise<Brokers> {
  const folder = mkdtempSync(join(tmpdir(), 'leveret-differential-'))
  const durable = new ServerBuilder()
    .withConfig({ port: 0 })
    .withStorage(new LevelStorage({ folder, durability: 'os' }))
  const servers = [new ServerBuilder().withConfig({ port: 0 }).build(), durable.build()]
  const ports: number[] = []
  for (const server of servers) {
    ports.push(await portOf(server))
    await server.users.add(LIMITED_USER, LIMITED_USER)
  }
  const arenas = Array.from({ length: jobs }, (_, i) => {
    const vhost = `differential-${i}`
    servers[i % 2]?.broker.createVhost(vhost)
    return { vhost, rabbitmqPort, leveretPort: ports[i % 2] ?? 0 }
  })
  for (const [i, { vhost }] of arenas.entries()) {
    await servers[i % 2]?.broker.vhost(vhost)?.permissions.set(LIMITED_USER, limitedPermissions())
  }
  const stop = async (): Promise<void> => {
    for (const server of servers) await server.shutdown({ graceMs: 0 })
    rmSync(folder, { recursive: true, force: true })
  }
  return { arenas, stop }
}

async function portOf(server: Server): Promise<number> {
  const [address] = await server.listen()
  if (address === undefined) throw new Error('Leveret does not listen')
  return address.port
}
