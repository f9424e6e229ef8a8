// Permissions over restarts, and in stores from before there were any.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ALL_PERMISSIONS } from '../../src/broker/access/permission-list.ts'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { LevelStorage } from '../../storage/level/level-storage.ts'

let root: string
let server: Server
let log: string[]

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'leveret-permissions-'))
  log = []
})

afterEach(async () => {
  await server.shutdown()
  rmSync(root, { recursive: true, force: true })
})

async function start(): Promise<void> {
  const ignore = (): void => {}
  const note = (_: object, text: string): void => void log.push(text)
  server = new ServerBuilder()
    .withStorage(new LevelStorage({ folder: join(root, 'store') }))
    .withLogger({ debug: ignore, info: ignore, warn: note, error: note })
    .build()
  await server.start()
}

async function restart(): Promise<void> {
  await server.shutdown()
  await start()
}

/** What the storage has is changed by hand while no server uses it. */
async function edit(change: (storage: LevelStorage) => void): Promise<void> {
  await server.shutdown()
  const storage = new LevelStorage({ folder: join(root, 'store') })
  await storage.open()
  change(storage)
  await storage.close()
}

const PATTERNS = { configure: '^c', write: '', read: '^(?!amq\\.)' }
const TOPICS = { write: '^{username}\\.', read: '' }

describe('permissions', () => {
  test('are there again after a restart, and those that were cleared are not', async () => {
    await start()
    for (const name of ['ann', 'bob', 'eve']) await server.users.add(name, 'secret')
    server.broker.createVhost('v', { owner: 'bob' })
    await server.permissions.set('ann', PATTERNS)
    await server.permissions.setTopic('ann', 'amq.topic', TOPICS)
    await server.permissions.setTopic('ann', 'gone', TOPICS)
    await server.permissions.clearTopics('ann', 'gone')
    await server.permissions.set('eve', PATTERNS)
    await server.permissions.clear('eve')
    const check = (): void => {
      expect(server.permissions.list()).toEqual(
        expect.arrayContaining([
          { user: 'guest', ...ALL_PERMISSIONS },
          { user: 'ann', ...PATTERNS },
        ]),
      )
      expect(server.permissions.list()).toHaveLength(2)
      expect(server.permissions.listTopics()).toEqual([{ user: 'ann', exchange: 'amq.topic', ...TOPICS }])
      expect(server.broker.vhost('v')?.permissions.list()).toEqual([{ user: 'bob', ...ALL_PERMISSIONS }])
      expect(server.permissions.allows('ann', 'read', 'queue', 'mine')).toBe(true)
      expect(server.permissions.allows('ann', 'read', 'exchange', 'amq.topic')).toBe(false)
      expect(server.recovery?.problems).toEqual([])
    }
    check()
    await restart()
    check()
    await server.users.remove('ann')
    server.broker.deleteVhost('v')
    await restart()
    expect([server.permissions.list(), server.permissions.listTopics()]).toEqual([
      [{ user: 'guest', ...ALL_PERMISSIONS }],
      [],
    ])
  })

  test('that were all cleared stay so', async () => {
    await start()
    await server.permissions.clear('guest')
    await restart()
    expect([server.permissions.list(), log]).toEqual([[], []])
  })
})

describe('a store from before there were permissions', () => {
  const older = (storage: LevelStorage): void => {
    storage.journal.remove(12, '[]')
    storage.journal.remove(12, '["guest","/"]')
  }

  test('gives all of them to the users that it has, once', async () => {
    await start()
    await server.users.add('ann', 'secret')
    await edit(older)
    await start()
    expect(server.permissions.list()).toEqual(
      expect.arrayContaining(['guest', 'ann'].map((user) => ({ user, ...ALL_PERMISSIONS }))),
    )
    expect(log).toEqual([
      'the storage is from before there were permissions: every user gets all of them, as it had before',
    ])
    await server.permissions.clear('ann')
    await restart()
    expect(server.permissions.list()).toEqual([{ user: 'guest', ...ALL_PERMISSIONS }])
  })

  test('gives none when it is damaged: they may be what was lost', async () => {
    await start()
    await edit((storage) => {
      older(storage)
      storage.journal.put(5, '["ann"]', Buffer.from('damage'))
    })
    await start()
    expect(server.permissions.list()).toEqual([])
    expect(log.join()).toContain('there are no permissions in the storage, which was damaged')
  })
})
