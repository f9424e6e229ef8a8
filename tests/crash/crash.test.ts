// The broker is killed at random instants, again and again, over one data folder: what it promised must be there.
// LEVERET_CRASH_SEED repeats the decisions of a run, LEVERET_CRASH_KILLS sets how often it is killed.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Random } from '../malice/random.ts'
import { consuming, publishing, purging, STREAM_QUEUES, type Stage, transacting } from './actors.ts'
import { CrashBroker, type CrashBrokerOptions } from './crash-broker.ts'
import { changingEntities } from './entity-actor.ts'
import { live } from './life.ts'
import { CrashModel } from './model.ts'
import { declareTopology, verify } from './verify.ts'

const SEED = Number(process.env.LEVERET_CRASH_SEED ?? Math.floor(Math.random() * 1_000_000))
const KILLS = Number(process.env.LEVERET_CRASH_KILLS ?? 50)
const LIFE_MS_MAX = 1500

const folder = mkdtempSync(join(tmpdir(), 'leveret-crash-'))
/** What a killed process has written is there, whatever it has synced. */
const DURABILITIES = ['sync', 'sync', 'interval', 'os'] as const

/** Every life of the broker has a durability of its own. */
function options(random: Random): CrashBrokerOptions {
  return { folder, logFileBytes: 1024 * 1024, memoryBytes: 512 * 1024, durability: random.pick(DURABILITIES) }
}

let broker: CrashBroker | undefined

afterAll(async () => {
  await broker?.kill()
  rmSync(folder, { recursive: true, force: true })
})

/** Keeps the broker busy until it is killed. */
async function liveShortly(stage: Stage): Promise<void> {
  const { random } = stage
  const actors = [publishing, publishing, transacting, purging, changingEntities].map((act) => () => act(stage))
  for (const queue of STREAM_QUEUES) if (!random.onceIn(3)) actors.push(() => consuming(stage, queue))
  const lifeMs = 20 + random.below(LIFE_MS_MAX)
  await live(stage, actors, lifeMs, random.onceIn(8) ? 'SIGTERM' : 'SIGKILL')
}

/** Kills the broker while it is starting. */
async function killWhileStarting(random: Random): Promise<void> {
  const broker = CrashBroker.spawn(options(random))
  const listening = broker.listening().catch(() => {})
  await new Promise((resolve) => setTimeout(resolve, random.below(400)))
  await broker.kill()
  await listening
}

test(`what was promised survives ${KILLS} kills (LEVERET_CRASH_SEED=${SEED})`, {
  timeout: KILLS * 20_000,
}, async () => {
  const random = new Random(SEED)
  const model = new CrashModel()
  broker = await CrashBroker.start(options(random))
  await declareTopology({ broker, model, random })
  for (let kill = 1; kill <= KILLS; kill++) {
    await liveShortly({ broker, model, random })
    if (random.onceIn(5)) await killWhileStarting(random)
    broker = await CrashBroker.start(options(random))
    const problems = await verify({ broker, model, random }, random.onceIn(3))
    expect(problems.slice(0, 20), `after kill ${kill}`).toEqual([])
  }
  await broker.kill('SIGTERM')
})
