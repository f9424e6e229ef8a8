import { once } from 'node:events'
import { connect } from 'amqplib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ALL_PERMISSIONS } from '../../src/broker/access/permission-list.ts'
import { BrokerError } from '../../src/broker/errors.ts'
import type { EmbeddedUsers } from '../../src/embedded/embedded-users.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import { RawClient } from '../support/raw-client.ts'

let started: TestBroker
let users: EmbeddedUsers

beforeEach(async () => {
  started = await startTestBroker()
  users = started.server.users
})

afterEach(() => started.stop())

function urlOf(name: string, password: string): string {
  return `amqp://${name}:${password}@127.0.0.1:${started.port}`
}

async function logIn(name: string, password: string): Promise<void> {
  await (await connect(urlOf(name, password))).close()
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => expect.fail('it was not refused'),
    (reason: unknown) => reason,
  )
  return error instanceof BrokerError ? `${error.kind}: ${error.message}` : String(error)
}

describe('users', () => {
  test('that are added can log in', async () => {
    await expect(logIn('ann', 'one')).rejects.toThrow('ACCESS_REFUSED')
    await users.add('ann', 'one', ['management'])
    await expect(logIn('ann', 'one')).rejects.toThrow() // it may open no virtual host
    await started.server.permissions.set('ann', ALL_PERMISSIONS)
    await logIn('ann', 'one')
    await expect(logIn('ann', 'two')).rejects.toThrow('ACCESS_REFUSED')
    expect(users.list()).toEqual([
      { name: 'guest', tags: ['administrator'] },
      { name: 'ann', tags: ['management'] },
    ])
  })

  test('get other passwords and tags', async () => {
    await users.changePassword('guest', 'better')
    await expect(logIn('guest', 'guest')).rejects.toThrow('ACCESS_REFUSED')
    await users.setTags('guest', ['monitoring'])
    const connection = await connect(urlOf('guest', 'better'))
    expect(started.server.connections()[0]?.user).toEqual({ name: 'guest', tags: ['monitoring'] })
    await connection.close()
  })

  test('whose password is changed lose their connections, unless these are to stay', async () => {
    const connection = await connect(started.url)
    connection.on('error', () => {})
    const closed = once(connection, 'close')
    await users.changePassword('guest', 'better', { keepsConnections: true })
    await (await connection.createChannel()).assertQueue('q')
    await users.changePassword('guest', 'best')
    expect(String(await closed)).toContain("CONNECTION_FORCED - password of user 'guest' is changed")
    await logIn('guest', 'best')
  })

  test('that are removed lose their connections, and no others do', async () => {
    await users.add('ann', 'one')
    await started.server.permissions.set('ann', ALL_PERMISSIONS)
    const [theirs, ours] = await Promise.all([connect(urlOf('ann', 'one')), connect(started.url)])
    theirs.on('error', () => {})
    const closed = once(theirs, 'close')
    expect(await users.remove('ann')).toBe(true)
    expect(String(await closed)).toContain("CONNECTION_FORCED - user 'ann' is deleted")
    await expect(logIn('ann', 'one')).rejects.toThrow('ACCESS_REFUSED')
    expect(await users.remove('ann')).toBe(false)
    await (await ours.createChannel()).assertQueue('still-here')
    await ours.close()
  })

  test('that are removed between log-in and connection.open do not get in', async () => {
    await users.add('ann', 'one')
    const client = await RawClient.connect(started)
    await client.login({ user: 'ann', pass: 'one' })
    await users.remove('ann')
    client.send(0, 'connection.open', { virtualHost: '/' })
    await client.expectSocketClosed()
    await expect(client.next(0, 100)).rejects.toThrow()
    expect(started.server.connections()).toEqual([])
  })

  test('are refused with the reason', async () => {
    expect(await refusal(users.add('', 'x'))).toBe('RangeError: the name of a user has 1 to 255 bytes')
    expect(await refusal(users.add('x'.repeat(256), 'x'))).toBe('RangeError: the name of a user has 1 to 255 bytes')
    expect(await refusal(users.add('ann', ''))).toMatch("RangeError: user 'ann' needs a password")
    expect(await refusal(users.add('guest', 'x'))).toBe("precondition-failed: user 'guest' already exists")
    expect(await refusal(users.changePassword('ann', 'x'))).toBe("not-found: user 'ann' does not exist")
    expect(await refusal(users.changePassword('guest', ''))).toMatch("RangeError: user 'guest' needs a password")
    expect(await refusal(users.setTags('ann', []))).toBe("not-found: user 'ann' does not exist")
    expect(users.list()).toEqual([{ name: 'guest', tags: ['administrator'] }])
    await logIn('guest', 'guest')
  })

  test('cannot be changed while the server does not run', async () => {
    const server = new ServerBuilder().build()
    expect(() => server.users).toThrow('the server is not running')
    await server.start()
    const kept = server.users
    await server.shutdown()
    expect(await refusal(kept.add('ann', 'one'))).toMatch('the broker was stopped')
  })

  test('belong to an authenticator of the program, where there is one', async () => {
    const authenticator = { authenticate: () => ({ refusal: 'no' }), anonymous: () => ({ refusal: 'no' }) }
    const server = new ServerBuilder().withAuthenticator(authenticator).build()
    await server.start()
    expect(() => server.users).toThrow('an authenticator of its own')
    await server.shutdown()
  })
})
