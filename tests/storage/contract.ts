// What every Storage promises, whatever it keeps things in. A storage that is durable is closed and opened again, too.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Block } from '../../src/lib/block.ts'
import type { QueueLog } from '../../storage/queue-log.ts'
import { BODY_BESIDE_BYTES_MIN, type RecordSource } from '../../storage/record.ts'
import { encodeExtension, readExtension } from '../../storage/record-extension.ts'
import type { Recovery, Storage, VhostStorage } from '../../storage/storage.ts'
import {
  type CopyAsKilled,
  committed,
  drain,
  durable,
  EVENT,
  leftByKill,
  Pair,
  range,
  type TakenMessage,
  takeMany,
  takeOne,
  transient,
} from './contract-model.ts'
import { numbered } from './sources.ts'

/** Makes a storage over the folder, which may hold what an earlier one left there; it is not open yet. */
export type CreateStorage = (folder: string) => Storage

export function testStorageContract(name: string, create: CreateStorage, copyAsKilled?: CopyAsKilled): void {
  describe(`the storage contract: ${name}`, () => {
    let folder: string
    let storage: Storage
    let vhost: VhostStorage
    let recovery: Recovery

    const open = async (): Promise<void> => {
      storage = create(folder)
      recovery = await storage.open()
      vhost = storage.vhost('/')
    }

    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'leveret-contract-'))
      await open()
    })

    afterEach(async () => {
      await storage.close()
      rmSync(folder, { recursive: true, force: true })
    })

    describe('any storage', () => {
      test('starts with nothing', () => {
        const { entities, messages, tornBytes, quarantined, problems, durationMs } = recovery
        expect({ entities: [...entities], messages, tornBytes, quarantined, problems }).toEqual({
          entities: [],
          messages: 0,
          tornBytes: 0,
          quarantined: 0,
          problems: [],
        })
        expect(durationMs).toBeGreaterThanOrEqual(0)
        expect(storage.kind).not.toBe('')
        expect(storage.bytesInUse).toBe(0)
        expect(storage.dropUnclaimed()).toBe(0)
      })

      test('numbers durable queues if it keeps them', () => {
        const ids = [vhost.newQueueId(), vhost.newQueueId()]
        if (storage.isDurable) expect(new Set(ids).size).toBe(2)
        else expect(ids).toEqual([undefined, undefined])
      })

      test('hands messages out in the order of their arrival, whatever their size', async () => {
        const sizes = [0, 1, 700, 9000, BODY_BESIDE_BYTES_MIN, 70_000, 3, 300_000]
        for (const log of [vhost.createQueueLog(), vhost.createQueueLog(vhost.newQueueId())]) {
          for (const [i, size] of sizes.entries()) log.append(i % 2 === 0 ? durable(i, size) : transient(i, size))
          expect(log.readyCount).toBe(sizes.length)
          expect(await drain(log)).toEqual(range(0, sizes.length))
          expect(log.readyCount).toBe(0)
        }
      })

      test('gives a message that came back its old place, and marks it', async () => {
        const log = vhost.createQueueLog(vhost.newQueueId())
        for (const number of range(1, 5)) log.append(durable(number))
        const [, second, third] = (await takeMany(log, 3)) as [TakenMessage, TakenMessage, TakenMessage]
        for (const { segment, index } of [third, second]) log.requeue(segment, index)
        const taken = await takeMany(log, 3)
        expect(taken.map(({ number, isRedelivered }) => [number, isRedelivered])).toEqual([
          [2, true],
          [3, true],
          [4, false],
        ])
      })

      test('counts how often a message came back', async () => {
        const log = vhost.createQueueLog(vhost.newQueueId())
        for (const number of range(0, 100)) log.append(number % 2 === 0 ? durable(number) : transient(number))
        for (let times = 0; times < 300; times++) {
          const { deliveries, number, segment, index } = await takeOne(log)
          expect([number, deliveries]).toEqual([0, times])
          log.requeue(segment, index)
        }
        expect((await takeMany(log, 3)).map(({ deliveries }) => deliveries)).toEqual([300, 0, 0])
      })

      test('purges what is ready, and nothing else', async () => {
        const log = vhost.createQueueLog(vhost.newQueueId())
        for (const number of range(1, 6)) log.append(durable(number))
        const first = await takeOne(log)
        const second = await takeOne(log)
        log.requeue(second.segment, second.index)
        expect(log.purge()).toBe(5)
        log.requeue(first.segment, first.index)
        log.append(durable(7))
        expect(await drain(log)).toEqual([1, 7])
      })

      test('has no memory in use once nothing is kept', async () => {
        const logs = [vhost.createQueueLog(), vhost.createQueueLog(vhost.newQueueId())]
        for (const log of logs) for (const number of range(1, 200)) log.append(durable(number, 5000))
        expect(storage.bytesInUse).toBeGreaterThan(2 * 200 * 5000)
        await committed(storage)
        await drain(logs[0] as QueueLog)
        logs[1]?.clear()
        logs[0]?.clear()
        expect(storage.bytesInUse).toBe(0)
      })

      test('calls back in order when what was staged is durable, and at once when nothing was', async () => {
        const { journal } = storage
        const called: number[] = []
        await committed(storage)
        let isAtOnce = false
        journal.whenDurable(() => {
          isAtOnce = true
        })
        expect(isAtOnce).toBe(true)
        const log = vhost.createQueueLog(vhost.newQueueId())
        for (const number of range(1, 3)) {
          log.append(durable(number))
          journal.put(7, `k${number}`, Buffer.from('v'))
          journal.whenDurable(() => called.push(number))
        }
        await committed(storage)
        expect(called).toEqual([1, 2, 3])
        expect(journal.isCongested).toBe(false)
        expect(journal.trouble).toBeUndefined()
      })

      test('counts what a commit has to be waited for', () => {
        const { journal } = storage
        const kept = vhost.createQueueLog(vhost.newQueueId())
        const other = vhost.createQueueLog()
        const before = journal.stagedCount
        other.append(durable(1))
        kept.append(transient(2))
        expect(journal.stagedCount).toBe(before)
        kept.append(durable(3))
        expect(journal.stagedCount !== before).toBe(storage.isDurable)
      })

      test('keeps what each virtual host has apart', async () => {
        const [one, other] = ['one', 'other'].map((name) => storage.vhost(name)) as [VhostStorage, VhostStorage]
        const [first, second] = [one, other].map((its) => its.createQueueLog(its.newQueueId())) as [QueueLog, QueueLog]
        first.append(durable(1))
        for (const { journal } of [one, other]) await new Promise<void>((resolve) => journal.whenDurable(resolve))
        expect([await drain(second), await drain(first)]).toEqual([[], [1]])
      })

      test('calls listeners no more that have unsubscribed', () => {
        const unsubscribe = storage.journal.onChange(() => {})
        unsubscribe()
        unsubscribe()
      })
    })

    describe.runIf(create('never-opened').isDurable)('a durable storage, opened again,', () => {
      const reopen = async (): Promise<void> => {
        await storage.close()
        await open()
      }
      /** Opens what a process leaves that is killed behind a commit: one that closes its storage writes more. */
      const killAndOpen = async (): Promise<void> => {
        folder = await leftByKill(storage, folder, copyAsKilled)
        await open()
      }
      const newId = (): number => Number(vhost.newQueueId())

      test('has the entities that were put last, and none that was removed', async () => {
        const { journal } = storage
        journal.put(1, 'a', Buffer.from('old'))
        journal.put(1, 'b', Buffer.from('b'))
        journal.put(2, 'a', Buffer.alloc(0))
        journal.put(1, 'ключ/🔑', Buffer.alloc(100_000, 'x'))
        await committed(storage)
        journal.put(1, 'a', Buffer.from('new'))
        journal.remove(1, 'b')
        journal.remove(9, 'never there')
        const texts = (): string[] =>
          [...recovery.entities].map(({ kind, key, value }) => `${kind} ${key} ${value.length}`).sort()
        const wanted = ['1 a 3', '1 ключ/🔑 100000', '2 a 0']
        await reopen()
        expect(texts()).toEqual(wanted)
        expect([...recovery.entities].find(({ kind, key }) => kind === 1 && key === 'a')?.value.toString()).toBe('new')
        await reopen()
        expect(texts()).toEqual(wanted)
      })

      test('takes a value as it was when it was put', async () => {
        const value = Buffer.from('before')
        storage.journal.put(1, 'a', value)
        value.fill('x')
        await reopen()
        expect([...recovery.entities][0]?.value.toString()).toBe('before')
      })

      test('never gives the number of a queue twice', async () => {
        const ids = new Set<number>()
        for (let life = 1; life <= 4; life++) {
          for (const id of ids) vhost.createQueueLog(id)
          storage.dropUnclaimed()
          const id = newId()
          expect(ids).not.toContain(id)
          ids.add(id)
          vhost.createQueueLog(id)
          storage.journal.put(1, `queue ${id}`, Buffer.from('q'))
          await reopen()
        }
      })

      test('has durable messages that are not settled, in their order, and no others', async () => {
        const id = newId()
        const log = vhost.createQueueLog(id)
        for (const number of range(0, 300)) log.append(number % 3 === 0 ? transient(number) : durable(number))
        for (const number of range(0, 100)) {
          const taken = await takeOne(log)
          if (number % 2 === 0) log.settle(taken.segment, taken.index)
          if (number === 50) await committed(storage)
        }
        await reopen()
        const wanted = range(0, 300).filter((number) => number % 3 !== 0 && (number >= 100 || number % 2 !== 0))
        expect(recovery.messages).toBe(wanted.length)
        const again = vhost.createQueueLog(id)
        expect(storage.dropUnclaimed()).toBe(0)
        expect(again.readyCount).toBe(wanted.length)
        const taken = await takeMany(again, wanted.length)
        expect(taken.map(({ number }) => number)).toEqual(wanted)
        expect(taken.map(({ isRedelivered }) => isRedelivered)).toEqual(wanted.map((number) => number < 100))
        for (const { segment, index } of taken) again.settle(segment, index)
        await reopen()
        expect(recovery.messages).toBe(0)
        expect(vhost.createQueueLog(id).readyCount).toBe(0)
      })

      test('has how often messages came back, and counts on', async () => {
        const id = newId()
        let log = vhost.createQueueLog(id)
        for (const number of range(0, 100)) log.append(durable(number))
        let taken = await takeMany(log, 50)
        for (const round of [1, 2, 3]) {
          const returned = taken.filter(({ number }) => number % 4 >= round)
          for (const { segment, index } of returned) log.requeue(segment, index)
          taken = [...taken.filter((one) => !returned.includes(one)), ...(await takeMany(log, returned.length))]
          if (round === 2) await committed(storage)
        }
        await killAndOpen()
        log = vhost.createQueueLog(id)
        taken = await takeMany(log, 100)
        // Those that were out for the first time came back by the restart.
        const wanted = (number: number): number => (number < 50 ? Math.max(1, number % 4) : 0)
        expect(taken.map(({ number, deliveries }) => [number, deliveries])).toEqual(
          range(0, 100).map((number) => [number, wanted(number)]),
        )
        for (const { segment, index } of taken) log.requeue(segment, index)
        await committed(storage)
        await reopen()
        log = vhost.createQueueLog(id)
        expect((await takeMany(log, 100)).map(({ deliveries }) => deliveries)).toEqual(
          range(0, 100).map((number) => wanted(number) + 1),
        )
      })

      test('counts nothing for a message that was counted for one that is gone', async () => {
        const id = newId()
        let log = vhost.createQueueLog(id)
        log.append(durable(0))
        for (const [times, how] of (['requeue', 'requeue', 'settle'] as const).entries()) {
          const { segment, index } = await takeOne(log)
          log[how](segment, index)
          // The disk hears of the second time together with the end.
          if (times === 0) await committed(storage)
        }
        for (const number of [1, 2]) {
          await reopen()
          log = vhost.createQueueLog(id)
          if (number === 1) log.append(durable(number))
        }
        expect(await takeOne(log)).toMatchObject({ number: 1, isRedelivered: false, deliveries: 0 })
      })

      test('goes on behind what it kept', async () => {
        const id = newId()
        let log = vhost.createQueueLog(id)
        for (let life = 0; life < 4; life++) {
          for (const number of range(life * 10, 10)) log.append(durable(number, 500))
          await reopen()
          log = vhost.createQueueLog(id)
        }
        expect(await drain(log)).toEqual(range(0, 40))
      })

      test('has large bodies, and those that several queues share', async () => {
        const ids = [newId(), newId()]
        const body = new Block(numbered(1, 200_000).body)
        const shared: RecordSource = { ...durable(1, 200_000), ownBody: () => body }
        for (const id of ids) {
          const log = vhost.createQueueLog(id)
          log.append(durable(0, BODY_BESIDE_BYTES_MIN))
          log.append(shared)
          log.append(durable(2, 2_000_000))
        }
        await reopen()
        for (const id of ids) expect(await drain(vhost.createQueueLog(id))).toEqual([0, 1, 2])
      })

      test('has what records carry beside their messages', async () => {
        const id = newId()
        const log = vhost.createQueueLog(id)
        const extension = Buffer.concat([Buffer.from([250, 2, 0, 0]), encodeExtension({ expiresAtMs: 7, priority: 5 })])
        for (const bytes of [0, 500, BODY_BESIDE_BYTES_MIN]) {
          log.append(durable(bytes, bytes))
          log.append({ ...durable(bytes + 1, bytes), extension })
        }
        await reopen()
        const again = vhost.createQueueLog(id)
        const taken = await takeMany(again, 6)
        expect(taken.map(({ segment, index }) => readExtension(segment, index))).toEqual(
          range(0, 6).map((place) => (place % 2 === 0 ? undefined : { expiresAtMs: 7, priority: 5 })),
        )
      })

      test('has nothing of what was purged or cleared', async () => {
        const ids = [newId(), newId(), newId()]
        const logs = ids.map((id) => vhost.createQueueLog(id))
        for (const log of logs) for (const number of range(0, 50)) log.append(durable(number))
        await committed(storage)
        logs[0]?.purge()
        logs[1]?.clear()
        await reopen()
        expect(await Promise.all(ids.map((id) => drain(vhost.createQueueLog(id))))).toEqual([[], [], range(0, 50)])
      })

      test('drops queues that are not claimed', async () => {
        const ids = [newId(), newId()]
        for (const id of ids) vhost.createQueueLog(id).append(durable(id))
        await reopen()
        vhost.createQueueLog(ids[0])
        expect(storage.dropUnclaimed()).toBe(1)
        await reopen()
        expect(recovery.messages).toBe(1)
        expect(await drain(vhost.createQueueLog(ids[0]))).toEqual([ids[0]])
        expect(storage.dropUnclaimed()).toBe(0)
      })

      test('drops entities that cannot be made again', async () => {
        storage.journal.put(1, 'good', Buffer.from('good value'))
        storage.journal.put(1, 'bad', Buffer.from('bad value'))
        await reopen()
        storage.dropUnclaimed([...recovery.entities].filter(({ key }) => key === 'bad'))
        // A client makes another one.
        storage.journal.put(2, 'bad', Buffer.from('another kind'))
        await reopen()
        expect([...recovery.entities].map(({ kind, key }) => `${kind} ${key}`).sort()).toEqual(['1 good', '2 bad'])
      })

      test('keeps what happened in any order of events', { timeout: 60_000 }, async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(EVENT, { minLength: 1, maxLength: 60 }), async (events) => {
            const pair = new Pair(newId(), storage)
            for (const event of events) {
              if (event.kind !== 'reopen') await pair.carryOut(event, storage)
              else {
                await (event.isKilled ? killAndOpen() : reopen())
                pair.reopened(storage)
              }
            }
            await reopen()
            pair.reopened(storage)
            await pair.expectSame()
          }),
          { numRuns: 30 },
        )
      })
    })
  })
}
