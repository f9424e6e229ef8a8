// What clients before log-in may cost, seen from outside.
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { LogInClients } from './log-in-clients.ts'

const LOG: string[] = []

let server: Server
const clients = new LogInClients(() => server)

async function start(config: Partial<ServerConfig>): Promise<void> {
  LOG.length = 0
  const note = (fields: object, message?: string): void => {
    LOG.push(`${message} ${JSON.stringify(fields)}`)
  }
  server = new ServerBuilder()
    .withConfig({ port: 0, ...config })
    .withLogger({ debug: note, info: note, warn: note, error: note })
    .build()
  await server.listen()
}

afterEach(async () => {
  clients.destroy()
  await server.shutdown({ graceMs: 0 })
})

test('after too many failures an address waits, even with the right password; who was in before gets in again', async () => {
  await start({ loginFailuresMax: 3 })
  const good = await clients.connect()
  await good.handshake()
  await server.users.add('late', 'right')
  for (let i = 0; i < 4; i++) await clients.expectRefused({ user: 'late', pass: `guess ${i}` })
  await clients.expectRefused({ user: 'late', pass: 'right' })
  expect(LOG.filter((line) => line.includes('too many failed log-ins'))).toHaveLength(1)
  await (await clients.connect()).handshake()
  await good.expectUsable()
})

test('the refusal is the same for a user that is there, one that is not, and one without a password', async () => {
  await start({ loginFailuresMax: 0 })
  for (const user of ['guest', 'stranger', '']) await clients.expectRefused({ user, pass: 'wrong' })
  await clients.expectRefused({ user: 'guest', pass: '' })
})

test('sockets before log-in have a limit for each address and in all; those that have logged in do not count', async () => {
  await start({ loginSocketsPerAddressMax: 2 })
  for (let i = 0; i < 3; i++) await (await clients.connect()).handshake()
  await clients.connect()
  const second = await clients.connect()
  const port = server.addresses[0]?.port ?? 0
  const third = connect(port, '127.0.0.1')
  third.resume()
  await once(third, 'close')
  expect(LOG.join('\n')).toContain('2 clients from its address have not logged in yet')
  second.destroy()
  await second.expectSocketClosed()
  // Its place is free as soon as the broker has seen it go.
  for (;;) {
    const again = await clients.connect()
    const answer = await again.startLogin().catch(() => undefined)
    if (answer !== undefined) break
  }
})
