// Definitions that the broker has from its start on.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'amqplib'
import { afterEach, expect, test } from 'vitest'
import { fileSettings } from '../../../config/file-settings.ts'
import type { OptionName } from '../../../config/options.ts'
import { resolveConfig } from '../../../config/resolve.ts'
import { createServer } from '../../../src/cli/assembly/create-server.ts'
import { serve } from '../../../src/cli/serve/serve.ts'
import type { ServedServer } from '../../../src/cli/served-server.ts'
import { silentLogger } from '../../../src/lib/logger.ts'
import { TestContext } from '../serve-context.ts'

/** What the process of the tests has taken must not raise the memory alarm. */
const MEMORY_BYTES = 64 * 1024 ** 3

const folder = mkdtempSync(join(tmpdir(), 'leveret-definitions-'))
const servers: ServedServer[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) await server.shutdown({ graceMs: 0 })
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
})

function file(name: string, content: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const USERS = {
  users: [{ name: 'app', password_hash: 'kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR', tags: [] }],
  permissions: [{ user: 'app', vhost: '/', configure: '.*', write: '.*', read: '.*' }],
}
const QUEUES = {
  queues: [{ name: 'orders', vhost: '/', durable: true, auto_delete: false, arguments: { 'x-max-length': 10 } }],
  bindings: [
    {
      source: 'amq.topic',
      vhost: '/',
      destination: 'orders',
      destination_type: 'queue',
      routing_key: '#',
      arguments: {},
    },
  ],
}

async function start(path: string, more: [OptionName, string][] = [['storage', 'memory']]): Promise<string> {
  const flags = new Map<OptionName, string>([
    ['loadDefinitions', path],
    ['port', '0'],
    ['managementPort', 'none'],
    ['metricsPort', 'none'],
    ...more,
  ])
  const resolution = resolveConfig({ flags, environment: {} })
  if (!resolution.isValid) throw new Error(resolution.errors.join())
  const server = await createServer(resolution.config, MEMORY_BYTES, silentLogger)
  servers.push(server)
  await server.start()
  await server.loadDefinitions()
  const [address] = await server.listen()
  return `127.0.0.1:${address?.port}`
}

async function opens(address: string, user: string): Promise<boolean> {
  const connection = await connect(`amqp://${user}@${address}`).catch(() => undefined)
  await connection?.close()
  return connection !== undefined
}

test('a new store has what the files of a folder say, in the order of their names, and no default user beside', async () => {
  file('2-queues.json', QUEUES)
  file('1-users.json', USERS)
  file('ignored.txt', 'no JSON')
  const address = await start(folder)
  expect(await opens(address, 'guest:guest')).toBe(false)
  const connection = await connect(`amqp://app:test12@${address}`)
  const channel = await connection.createConfirmChannel()
  channel.publish('amq.topic', 'a.b', Buffer.from('x'))
  await channel.waitForConfirms()
  expect((await channel.checkQueue('orders')).messageCount).toBe(1)
  await connection.close()
})

test('without users in the file, there is the default user', async () => {
  expect(await opens(await start(file('queues.json', QUEUES)), 'guest:guest')).toBe(true)
})

test('a start with the same file again changes nothing', async () => {
  const path = file('all.json', { ...USERS, ...QUEUES })
  const kept: [OptionName, string][] = [['dataDir', join(folder, 'data')]]
  const connection = await connect(`amqp://app:test12@${await start(path, kept)}`)
  const channel = await connection.createConfirmChannel()
  channel.sendToQueue('orders', Buffer.from('x'), { persistent: true })
  await channel.waitForConfirms()
  await connection.close()
  await servers.pop()?.shutdown({ graceMs: 1000 })
  const address = await start(path, kept)
  const again = await connect(`amqp://app:test12@${address}`)
  expect((await (await again.createChannel()).checkQueue('orders')).messageCount).toBe(1)
  await again.close()
  expect(await opens(address, 'guest:guest')).toBe(false)
})

test('what is wrong ends the start, and the error says in which file and why', async () => {
  await expect(start(join(folder, 'nowhere.json'))).rejects.toThrow(/the definitions cannot be read: .*nowhere\.json/)
  await expect(start(file('a.json', 'no json'))).rejects.toThrow(/a\.json are no JSON object/)
  const typed = { queues: [{ name: 'q', vhost: '/', arguments: { 'x-queue-type': 'odd' } }] }
  await expect(start(file('b.json', typed))).rejects.toThrow(/b\.json are not all in effect: queues: q: .*x-queue-type/)
  await expect(start(file('c.json', { queues: [{ name: 'q' }] }))).rejects.toThrow(
    /c\.json make no sense: queues: q has no vhost/,
  )
})

test('the command says so and ends with 1, before any client is let in', async () => {
  const context = new TestContext()
  context.createServer = async () => await Promise.reject(await failure(start(file('a.json', 'no json'))))
  expect(await serve(new Map(), context)).toBe(1)
  expect(context.printedErrors.join()).toMatch(/^leveret: the definitions in .*a\.json are no JSON object$/)
  const later = new TestContext()
  later.server.definitionsError = await failure(start(file('c.json', { queues: [{ name: 'q', vhost: 'nowhere' }] })))
  later.server.listenError = new Error('it listens')
  expect(await serve(new Map(), later)).toBe(1)
  expect(later.printedErrors.join()).toMatch(/^leveret: the definitions in .*c\.json are not all in effect/)
})

async function failure(work: Promise<unknown>): Promise<Error> {
  return await work.then(
    () => new Error('it did not fail'),
    (error: Error) => error,
  )
}

test('RabbitMQ’s keys for them are understood', () => {
  const read = (text: string) => fileSettings('f', text)
  for (const key of ['load_definitions', 'definitions.local.path']) {
    expect(
      read(`definitions.import_backend = local_filesystem\n${key} = /etc/x`).values.get('loadDefinitions')?.text,
    ).toBe('/etc/x')
  }
  expect(read('definitions.import_backend = https').errors).toHaveLength(1)
})
