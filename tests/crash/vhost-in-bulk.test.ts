// The broker is killed while a virtual host with very many queues is deleted, and made again: after the restart all of it is there, or
// nothing.
// LEVERET_CRASH_SEED repeats the decisions of a run, LEVERET_CRASH_VHOSTS sets how often it is killed.
import { expect, test } from 'vitest'
import type { ServerRecovery } from '../../src/server/recovery.ts'
import { Random } from '../malice/random.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { methodFrame } from '../support/wire-frames.ts'
import type { CrashBroker } from './crash-broker.ts'
import { CrashStore, countOf, SEED, SEED_TITLE } from './crash-store.ts'
import { processProblems } from './verify.ts'

const KILLS = countOf('LEVERET_CRASH_VHOSTS', 12)
const COUNT = 5000
const MIB = 1024 * 1024
/** The deletion takes about so long. */
const TAKES_MS = 150
const VHOST = 'full'
const DURABLE = { durable: true, exclusive: false, autoDelete: false }

const store = new CrashStore()

async function start(durability: 'sync' | 'interval' | 'os'): Promise<CrashBroker> {
  return await store.start({ logFileBytes: MIB, memoryBytes: 64 * MIB, durability, killsItself: true })
}

async function prepare(channel: RawChannel): Promise<void> {
  const make = (queue: string): Buffer[] => [
    methodFrame(channel.id, 'queue.declare', { queue, ...DURABLE, nowait: true }),
    methodFrame(channel.id, 'queue.bind', { queue, exchange: 'amq.fanout', nowait: true }),
  ]
  channel.client.write(Buffer.concat(Array.from({ length: COUNT }, (_, i) => make(`q${i}`)).flat()))
  channel.publish({ exchange: 'amq.fanout', body: 'm', properties: { deliveryMode: 2 } })
  // Answered once the disk has all before it.
  await channel.queue(DURABLE, 'last')
}

test(`a virtual host goes as a whole, or stays, through ${KILLS} kills (${SEED_TITLE})`, async () => {
  const random = new Random(SEED)
  for (let kill = 0; kill < KILLS; kill++) {
    const durability = random.pick(['sync', 'interval', 'os'] as const)
    let broker = await start(durability)
    expect(broker.recovery).toMatchObject({ queues: 0, messages: 0, problems: [] })
    await broker.vhost({ make: VHOST })
    await prepare(await store.channel(VHOST))
    if (kill % 2 === 1)
      await broker.aim({ passing: random.below(10), when: random.pick(['before', 'after']), withinUs: 0 })
    const isMadeAgain = random.below(3) === 0
    const deleted = broker.vhost(
      isMadeAgain ? { remove: VHOST, make: VHOST, afterTurns: random.below(100) } : { remove: VHOST },
    )
    if (kill % 2 === 1) await Promise.race([deleted, broker.exited])
    else await Promise.race([deleted, new Promise((resolve) => setTimeout(resolve, random.below(TAKES_MS)))])
    await broker.kill()
    const isAnswered = (await deleted) !== undefined

    broker = await start(durability)
    const where = `kill ${kill}, durability ${durability}`
    expect(processProblems(broker), where).toEqual([])
    const { vhosts, queues, messages } = broker.recovery as ServerRecovery
    const isThere = vhosts === 2 && queues > 0
    if (isThere) expect([queues, messages], where).toEqual([COUNT + 1, COUNT])
    else if (vhosts === 2) expect([isMadeAgain, messages], where).toEqual([true, 0])
    if (isAnswered && durability === 'sync') expect([isThere, vhosts], where).toEqual([false, isMadeAgain ? 2 : 1])
    await broker.vhost({ remove: VHOST })
    await broker.kill('SIGTERM')
  }
})
