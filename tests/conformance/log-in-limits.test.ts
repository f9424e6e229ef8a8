// What clients before log-in may cost, seen from outside.
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { RawClient } from '../support/raw-client.ts'

const REFUSED = 'Login was refused using authentication mechanism PLAIN. For details see the broker logfile.'
const LOG: string[] = []

let server: Server
const clients: RawClient[] = []

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

async function client(): Promise<RawClient> {
  const raw = await RawClient.connect({ host: '127.0.0.1', port: server.addresses[0]?.port ?? 0 })
  clients.push(raw)
  return raw
}

afterEach(async () => {
  for (const raw of clients.splice(0)) raw.destroy()
  await server.shutdown({ graceMs: 0 })
})

async function expectRefused(options: { readonly user?: string; readonly pass?: string }): Promise<void> {
  const raw = await client()
  await raw.startLogin(options)
  await raw.expectConnectionClose(403, REFUSED)
}

test('after too many failures an address waits, even with the right password; who was in before gets in again', async () => {
  await start({ loginFailuresMax: 3 })
  const good = await client()
  await good.handshake()
  await server.users.add('late', 'right')
  for (let i = 0; i < 4; i++) await expectRefused({ user: 'late', pass: `guess ${i}` })
  await expectRefused({ user: 'late', pass: 'right' })
  expect(LOG.filter((line) => line.includes('too many failed log-ins'))).toHaveLength(1)
  await (await client()).handshake()
  await good.expectUsable()
})

test('the refusal is the same for a user that is there, one that is not, and one without a password', async () => {
  await start({ loginFailuresMax: 0 })
  for (const user of ['guest', 'stranger', '']) await expectRefused({ user, pass: 'wrong' })
  await expectRefused({ user: 'guest', pass: '' })
})

test('sockets before log-in have a limit for each address and in all; those that have logged in do not count', async () => {
  await start({ loginSocketsPerAddressMax: 2 })
  for (let i = 0; i < 3; i++) await (await client()).handshake()
  await client()
  const second = await client()
  const port = server.addresses[0]?.port ?? 0
  const third = connect(port, '127.0.0.1')
  third.resume()
  await once(third, 'close')
  expect(LOG.join('\n')).toContain('2 clients from its address have not logged in yet')
  second.destroy()
  await second.expectSocketClosed()
  // Its place is free as soon as the broker has seen it go.
  for (;;) {
    const again = await client()
    const answer = await again.startLogin().catch(() => undefined)
    if (answer !== undefined) break
  }
})
