// The broker is killed at random instants, again and again, over one data folder: what it promised must be there.
// LEVERET_CRASH_SEED repeats the decisions of a run, LEVERET_CRASH_KILLS sets how often it is killed.
import { expect, test } from 'vitest'
import { Random } from '../malice/random.ts'
import { consuming, publishing, purging, STREAM_QUEUES, type Stage, transacting } from './actors.ts'
import { CrashBroker, type CrashBrokerOptions } from './crash-broker.ts'
import { CrashStore, countOf, SEED, SEED_TITLE } from './crash-store.ts'
import { changingEntities } from './entity-actor.ts'
import { live } from './life.ts'
import { CrashModel } from './model.ts'
import { declareTopology, verify } from './verify.ts'

const KILLS = countOf('LEVERET_CRASH_KILLS', 50)
const LIFE_MS_MAX = 1500

const store = new CrashStore()
/** What a killed process has written is there, whatever it has synced. */
const DURABILITIES = ['sync', 'sync', 'interval', 'os'] as const

/** Every life of the broker has a durability of its own. */
function options(random: Random): Omit<CrashBrokerOptions, 'folder'> {
  return { logFileBytes: 1024 * 1024, memoryBytes: 512 * 1024, durability: random.pick(DURABILITIES) }
}

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
  const broker = CrashBroker.spawn({ ...options(random), folder: store.folder })
  const listening = broker.listening().catch(() => {})
  await new Promise((resolve) => setTimeout(resolve, random.below(400)))
  await broker.kill()
  await listening
}

test(`what was promised survives ${KILLS} kills (${SEED_TITLE})`, {
  timeout: KILLS * 20_000,
}, async () => {
  const random = new Random(SEED)
  const model = new CrashModel()
  let broker = await store.start(options(random))
  await declareTopology({ broker, model, random })
  for (let kill = 1; kill <= KILLS; kill++) {
    await liveShortly({ broker, model, random })
    if (random.onceIn(5)) await killWhileStarting(random)
    broker = await store.start(options(random))
    const problems = await verify({ broker, model, random }, random.onceIn(3))
    expect(problems.slice(0, 20), `after kill ${kill}`).toEqual([])
  }
  await broker.kill('SIGTERM')
})
