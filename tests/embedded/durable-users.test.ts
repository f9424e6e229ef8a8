// Users over restarts: with LevelDB as an operator runs it, and with other storages.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'amqplib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import type { ServerConfig } from '../../src/server/server-config.ts'
import { LevelStorage } from '../../storage/level/level-storage.ts'
import { MemoryStorage } from '../../storage/memory/memory-storage.ts'
import type { Storage } from '../../storage/storage.ts'
import { RawClient } from '../support/raw-client.ts'

let root: string
let folder: string
let log: string[]
const servers: Server[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'leveret-users-'))
  folder = join(root, 'store')
  log = []
})

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.shutdown()))
  rmSync(root, { recursive: true, force: true })
})

const silent = (): void => {}
const noting = (_fields: object, text: string): void => void log.push(text)

interface StartOptions {
  readonly folder?: string
  readonly storage?: Storage
  readonly config?: Partial<ServerConfig>
  readonly isOnItsOwn?: boolean
}

async function start(options: StartOptions = {}): Promise<Server> {
  const builder = new ServerBuilder()
    .withConfig({ port: 0, shutdownGraceMs: 500, passwordHashing: 'sha256', ...options.config })
    .withStorage(options.storage ?? new LevelStorage({ folder: options.folder ?? folder }))
    .withLogger({ debug: silent, info: noting, warn: noting, error: noting })
  if (options.isOnItsOwn === true) {
    builder.withAuthenticator({ authenticate: () => ({ refusal: 'no' }), anonymous: () => ({ refusal: 'no' }) })
  }
  const server = builder.build()
  servers.push(server)
  await server.listen()
  return server
}

/** Shuts the last server down and starts another one over the same folder. */
async function restart(options: StartOptions = {}): Promise<Server> {
  await servers.at(-1)?.shutdown()
  return await start(options)
}

/** Whether the password is right: a user that was added may open no virtual host. */
async function canLogIn(server: Server, name: string, password: string, vhost?: string): Promise<boolean> {
  const port = server.addresses[0]?.port ?? 0
  const client = await RawClient.connect({ host: '127.0.0.1', port })
  try {
    await client.startLogin({ user: name, pass: password })
    const isRight = (await client.next(0)).name === 'connection.tune'
    if (vhost === undefined) return isRight
    await (await connect(`amqp://${name}:${password}@127.0.0.1:${port}/${vhost}`)).close()
    return true
  } catch {
    return false
  } finally {
    client.destroy()
  }
}

const namesOf = (server: Server): string[] => server.users.list().map(({ name }) => name)

describe('users in LevelDB', () => {
  test('made at runtime log in after a restart, with their tags', async () => {
    const first = await start()
    expect(await canLogIn(first, 'guest', 'guest')).toBe(true)
    await first.users.add('ann', 'one', ['management'])
    expect(await canLogIn(first, 'ann', 'one')).toBe(true)
    const second = await restart()
    expect(second.recovery).toMatchObject({ vhosts: 1, users: 2, problems: [] })
    expect(log).toContain('the store is recovered: nothing was damaged')
    expect(await canLogIn(second, 'ann', 'one')).toBe(true)
    expect(second.users.list()).toContainEqual({ name: 'ann', tags: ['management'] })
  })

  test('keep a changed password: the default one does not come back', async () => {
    const first = await start()
    await first.users.changePassword('guest', 'better')
    const hint = "user 'guest' is not as configured: the storage has users already, and they stay"
    for (let restarts = 0; restarts < 2; restarts++) {
      log = []
      const server = await restart({ config: { defaultPass: 'other' } })
      expect(await canLogIn(server, 'guest', 'better')).toBe(true)
      expect(await canLogIn(server, 'guest', 'guest')).toBe(false)
      expect(await canLogIn(server, 'guest', 'other')).toBe(false)
      expect(log).toContain(hint)
    }
    log = []
    await restart({ config: { defaultPass: 'better' } })
    expect(log).not.toContain(hint)
  })

  test('stay deleted, the default user too', async () => {
    const first = await start()
    await first.users.add('ann', 'one')
    await first.users.remove('guest')
    const second = await restart()
    expect(namesOf(second)).toEqual(['ann'])
    expect(await canLogIn(second, 'guest', 'guest')).toBe(false)
    expect(log).toContain("user 'guest' is not as configured: the storage has users already, and they stay")
  })

  test('stay deleted when there is none left, and another one can be added', async () => {
    const first = await start()
    await first.users.remove('guest')
    const second = await restart()
    expect(namesOf(second)).toEqual([])
    expect(log).toContain('there are no users in the storage: no client can log in')
    await second.users.add('ann', 'one')
    const third = await restart()
    expect(namesOf(third)).toEqual(['ann'])
    expect(await canLogIn(third, 'ann', 'one')).toBe(true)
  })

  test('that are damaged are left out and reported, and no default user takes their place', async () => {
    const first = await start()
    await first.users.changePassword('guest', 'better')
    await first.shutdown()
    const storage = new LevelStorage({ folder })
    await storage.open()
    storage.journal.put(5, '["guest"]', Buffer.from('damage'))
    await storage.close()
    const second = await start()
    expect(second.recovery?.problems).toEqual([expect.stringContaining('user ["guest"] is left out: ')])
    expect(namesOf(second)).toEqual([])
    await second.users.add('guest', 'repaired')
    const third = await restart()
    expect(third.recovery?.problems).toEqual([])
    expect(await canLogIn(third, 'guest', 'repaired')).toBe(true)
  })

  test('are on the disk once the change is answered', async () => {
    const server = await start()
    const changes: [string, () => Promise<unknown>, (copy: Server) => Promise<boolean>][] = [
      ['add', () => server.users.add('ann', 'one'), (copy) => canLogIn(copy, 'ann', 'one')],
      ['password', () => server.users.changePassword('ann', 'two'), (copy) => canLogIn(copy, 'ann', 'two')],
      ['tags', () => server.users.setTags('ann', ['x']), async (copy) => copy.users.list()[1]?.tags[0] === 'x'],
      ['remove', () => server.users.remove('guest'), async (copy) => namesOf(copy).join() === 'ann'],
    ]
    for (const [name, change, isKept] of changes) {
      await change()
      // What a power loss would leave at this moment.
      cpSync(folder, join(root, name), { recursive: true })
      const copy = await start({ folder: join(root, name) })
      expect(await isKept(copy), name).toBe(true)
    }
  })

  test('survive a process that is killed', async () => {
    const source = (path: string): string => JSON.stringify(new URL(`../../dist/${path}`, import.meta.url).href)
    const program = `
      const { ServerBuilder } = await import(${source('src/index.js')})
      const { LevelStorage } = await import(${source('storage/index.js')})
      const storage = new LevelStorage({ folder: ${JSON.stringify(folder)} })
      const server = new ServerBuilder().withStorage(storage).build()
      await server.start()
      await Promise.all([server.users.add('ann', 'one'), server.users.changePassword('guest', 'better')])
      process.kill(process.pid, 'SIGKILL')`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' })
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
    const server = await start()
    expect(server.recovery).toMatchObject({ users: 2, problems: [] })
    expect(await canLogIn(server, 'ann', 'one')).toBe(true)
    expect(await canLogIn(server, 'guest', 'better')).toBe(true)
    expect(await canLogIn(server, 'guest', 'guest')).toBe(false)
  })

  test('wait for a program that has an authenticator of its own for a while', async () => {
    const first = await start()
    await first.users.add('ann', 'one')
    const second = await restart({ isOnItsOwn: true })
    expect(second.recovery).toMatchObject({ users: 2, problems: [] })
    expect(await canLogIn(second, 'ann', 'one')).toBe(false)
    expect(await canLogIn(await restart(), 'ann', 'one')).toBe(true)
  })

  test('begin with the default user where there was another authenticator first', async () => {
    await start({ isOnItsOwn: true })
    expect(await canLogIn(await restart(), 'guest', 'guest')).toBe(true)
  })
})

describe('the default virtual host', () => {
  test('stays deleted while there is another one', async () => {
    const first = await start()
    first.broker.createVhost('mine')
    first.broker.deleteVhost('/')
    const second = await restart()
    expect(() => second.broker).toThrow('vhost / not found')
    expect(await canLogIn(second, 'guest', 'guest', '%2F')).toBe(false)
    expect(await canLogIn(second, 'guest', 'guest', 'mine')).toBe(true)
    expect(second.recovery?.vhosts).toBe(1)
    const third = await restart({ config: { defaultVhost: 'mine' } })
    expect(third.broker.vhosts()).toEqual(['mine'])
  })

  test('is made when there is none', async () => {
    const first = await start()
    first.broker.deleteVhost('/')
    const second = await restart({ config: { defaultVhost: 'new' } })
    expect(second.broker.vhosts()).toEqual(['new'])
    expect(await canLogIn(second, 'guest', 'guest', 'new')).toBe(true)
  })
})

test('a server in memory begins anew each time', async () => {
  const first = await start({ storage: new MemoryStorage() })
  await first.users.add('ann', 'one')
  await first.users.remove('guest')
  const second = await restart({ storage: new MemoryStorage() })
  expect(second.users.list()).toEqual([{ name: 'guest', tags: ['administrator'] }])
  expect(await canLogIn(second, 'guest', 'guest')).toBe(true)
  expect(log.filter((text) => text.startsWith('the store is recovered'))).toEqual([])
})
