// The broker is killed within purges, deletions, commits and transactions of a queue of 100,000 messages, after it was
// asked and before it has answered: what was promised is there, and what was under way is there altogether or not at all.
// Every other kill comes from outside, at any time; the others come from the broker itself, at one of its own writes.
// LEVERET_CRASH_SEED repeats the decisions of a run, LEVERET_CRASH_LARGE_KILLS sets how often it is killed.
import { expect, test } from 'vitest'
import { Random } from '../malice/random.ts'
import { type Stage, untilKilled } from './actors.ts'
import type { Aim, CrashBroker } from './crash-broker.ts'
import { CrashStore, countOf, SEED, SEED_TITLE } from './crash-store.ts'
import { LARGE_COUNT, LARGE_OPERATIONS, type LargeOperation, largeProblems } from './large-operations.ts'
import { CrashModel } from './model.ts'

const KILLS = countOf('LEVERET_CRASH_LARGE_KILLS', 24)
const DURABILITIES = ['sync', 'interval'] as const
/** Kills from outside are spread over so many parts of the time that an operation takes. */
const PARTS = 3
const MIB = 1024 * 1024

const store = new CrashStore()

async function start(random: Random, durability: (typeof DURABILITIES)[number]): Promise<CrashBroker> {
  const memoryBytes = random.pick([2 * MIB, 512 * MIB])
  return await store.start({ logFileBytes: 4 * MIB, memoryBytes, durability, killsItself: true })
}

/** Waits to a fraction of a millisecond. */
async function waitUntil(atMs: number): Promise<void> {
  const leftMs = atMs - performance.now()
  if (leftMs > 2) await new Promise((resolve) => setTimeout(resolve, leftMs - 2))
  while (performance.now() < atMs);
}

/** How long each operation took at least. */
const tookMs = new Map<LargeOperation, number>()

/** Has the broker killed within the operation; false when it had answered before. */
async function killWithin(stage: Stage, operation: LargeOperation, kill: number): Promise<boolean> {
  const { broker, random } = stage
  const act = await operation.prepare(stage)
  const isAimed = kill % 2 === 1
  if (isAimed) await broker.aim(aimAt(operation, random))
  const startedAtMs = performance.now()
  let isAnswered = false
  const acting = untilKilled(stage, async () => {
    await act()
    isAnswered = true
    learn(operation, performance.now() - startedAtMs)
  })
  const share = ((kill >> 1) % PARTS) + random.below(1000) / 1000
  if (isAimed) await Promise.race([acting, broker.exited])
  else await waitUntil(startedAtMs + ((tookMs.get(operation) ?? 0) * share) / PARTS)
  await broker.kill()
  await acting
  return !isAnswered
}

/** Most operations are one commit: one write, and what comes behind it. */
function aimAt({ name }: LargeOperation, random: Random): Aim {
  const passing = random.below(name === 'commits' ? 40 : 2)
  return { passing, when: random.pick(['before', 'within', 'after'] as const), withinUs: random.below(2000) }
}

function learn(operation: LargeOperation, ms: number): void {
  tookMs.set(operation, Math.min(ms, tookMs.get(operation) ?? Number.POSITIVE_INFINITY))
}

test(`a queue of ${LARGE_COUNT} survives ${KILLS} kills within what is done to it (${SEED_TITLE})`, {
  timeout: 60_000 + KILLS * 20_000,
}, async () => {
  const random = new Random(SEED)
  const model = new CrashModel(2 * LARGE_COUNT)
  let stage: Stage = { broker: await start(random, 'sync'), model, random }
  for (const operation of LARGE_OPERATIONS) {
    const act = await operation.prepare(stage)
    const startedAtMs = performance.now()
    await act()
    learn(operation, performance.now() - startedAtMs)
  }
  const unanswered = new Map(LARGE_OPERATIONS.map(({ name }) => [name, 0]))
  for (let kill = 0; kill < KILLS; kill++) {
    const operation = LARGE_OPERATIONS[kill % LARGE_OPERATIONS.length] as LargeOperation
    const isUnanswered = await killWithin(stage, operation, Math.floor(kill / LARGE_OPERATIONS.length))
    if (isUnanswered) unanswered.set(operation.name, (unanswered.get(operation.name) ?? 0) + 1)
    stage = { broker: await start(random, random.pick(DURABILITIES)), model, random }
    const problems = await largeProblems(stage)
    expect(problems.slice(0, 20), `after kill ${kill + 1}, within ${operation.name}`).toEqual([])
  }
  await stage.broker.kill('SIGTERM')
  // The first kill of each comes in the first part of its time.
  for (const [name, count] of unanswered) expect(count, `kills before the answer of ${name}`).toBeGreaterThan(0)
})
