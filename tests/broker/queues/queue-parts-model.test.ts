// One queue with all that a queue may be composed of, against the simplest model of it: random settings, random steps, restarts.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { LevelStorage } from '../../../storage/level/level-storage.ts'
import { MemoryStorage } from '../../../storage/memory/memory-storage.ts'
import type { Storage } from '../../../storage/storage.ts'
import { BODY_BYTES, type Changing, type ConsumerSpec, type How, Naive, type Settings, taken } from './naive-queue.ts'
import { RealQueue } from './real-queue.ts'

type Step =
  | { readonly kind: 'publish'; readonly priority: number | undefined; readonly expirationMs: number | undefined }
  | { readonly kind: 'take' }
  | { readonly kind: 'consume'; readonly as: Omit<ConsumerSpec, 'tag'> }
  | { readonly kind: 'cancel'; readonly which: number }
  | { readonly kind: 'settle'; readonly which: number; readonly how: How }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'change'; readonly to: Changing }
  | { readonly kind: 'purge' }
  | { readonly kind: 'restart'; readonly downMs: number; readonly isPrompt: boolean }

const FAR_AWAY_MS = 2 ** 33
/** How many lives of a queue are compared: few in every run of the tests, as many as wanted by hand. */
const RUNS = Number(process.env.LEVERET_MODEL_RUNS ?? 40)

async function compare(settings: Settings, steps: readonly Step[], makeStorage: () => Storage): Promise<void> {
  const naive = new Naive(settings)
  const real = new RealQueue(settings, makeStorage)
  await real.open()
  await real.settled()
  try {
    let [published, consumers] = [0, 0]
    for (const step of steps) {
      if (step.kind === 'publish') {
        const id = `m${String(published++).padStart(BODY_BYTES - 1, '0')}`
        const { priority, expirationMs } = step
        expect(real.publish(id, priority, expirationMs)).toBe(naive.publish(id, priority, expirationMs))
      } else if (step.kind === 'take') {
        const entry = naive.take()
        const expected = entry && taken(entry)
        expect(await real.take()).toBe(expected)
      } else if (step.kind === 'settle') {
        const entry = naive.held[step.which % Math.max(1, naive.held.length)]
        if (entry === undefined) continue
        naive.settle(entry, step.how)
        real.settle(entry.id, step.how)
      } else if (step.kind === 'consume') {
        // Of several that are all active, which one gets a message is another matter.
        if (!settings.isSingleActive && naive.consumers.length > 0) continue
        const spec = { tag: `c${consumers++}`, ...step.as }
        naive.consume(spec)
        real.consume(spec)
      } else if (step.kind === 'cancel') {
        const consumer = naive.consumers[step.which % Math.max(1, naive.consumers.length)]
        if (consumer === undefined) continue
        naive.cancel(consumer.tag)
        real.cancel(consumer.tag)
      } else if (step.kind === 'wait') {
        naive.wait(step.ms)
        await real.wait(step.ms)
      } else if (step.kind === 'change') {
        naive.change(step.to)
        real.change(step.to)
      } else if (step.kind === 'purge') expect(real.purge()).toBe(naive.purge())
      else {
        naive.restart(step.downMs)
        await real.restart(step.downMs, step.isPrompt)
        if (step.isPrompt) continue
      }
      const expected = {
        readyCount: naive.ready.length,
        readyBytes: naive.ready.length * BODY_BYTES,
        unackedCount: naive.held.length,
        unackedBytes: naive.held.length * BODY_BYTES,
        delayedCount: naive.waiting.length,
        delayedBytes: naive.waiting.length * BODY_BYTES,
      }
      await real.settled(expected)
      expect(real.counts, step.kind).toEqual(expected)
      expect(real.deliveries(), step.kind).toEqual(naive.delivered.splice(0))
      expect(await real.deaths(), step.kind).toEqual(naive.dead.splice(0))
    }
  } finally {
    await real.close()
  }
}

const option = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined })
const ttl = option(fc.oneof(fc.integer({ min: 0, max: 60 }), fc.constant(FAR_AWAY_MS)))
const changing = {
  ttlMs: ttl,
  lengthMax: option(fc.integer({ min: 0, max: 6 })),
  bytesMax: option(fc.integer({ min: 0, max: 6 * BODY_BYTES })),
  overflow: fc.constantFrom('drop-head' as const, 'reject-publish' as const, 'reject-publish-dlx' as const),
  retry: option(
    fc.record({
      type: fc.constantFrom('all' as const, 'failed' as const, 'returned' as const),
      minMs: fc.oneof(fc.integer({ min: 0, max: 30 }), fc.constant(FAR_AWAY_MS)),
      maxMs: option(fc.integer({ min: 0, max: 60 })),
    }),
  ),
}
const settingsWith = (deliveryLimitMin: number): fc.Arbitrary<Settings> =>
  fc.record({
    ...changing,
    deliveryLimit: option(fc.integer({ min: deliveryLimitMin, max: 2 })),
    priorityMax: option(fc.constantFrom(0, 1, 3, 255)),
    isSingleActive: fc.boolean(),
  })
const publish = fc.record({
  kind: fc.constant('publish' as const),
  priority: option(fc.constantFrom(0, 1, 2, 3, 4, 200, 255)),
  expirationMs: ttl,
})
const take = fc.record({ kind: fc.constant('take' as const) })
const settle = fc.record({
  kind: fc.constant('settle' as const),
  which: fc.nat(20),
  how: fc.constantFrom('ack' as const, 'requeue' as const, 'requeue-failed' as const, 'reject' as const),
})
const wait = fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 40 }) })
const change = fc.record({ kind: fc.constant('change' as const), to: fc.record(changing) })
const purge = fc.record({ kind: fc.constant('purge' as const) })
const restartWith = (isPrompt: fc.Arbitrary<boolean>) =>
  fc.record({ kind: fc.constant('restart' as const), downMs: fc.integer({ min: 0, max: 40 }), isPrompt })
const consume = fc.record({
  kind: fc.constant('consume' as const),
  as: fc.record({
    priority: fc.integer({ min: -1, max: 2 }),
    prefetchCount: fc.nat(3),
    isNoAck: fc.oneof({ arbitrary: fc.constant(false), weight: 4 }, { arbitrary: fc.constant(true), weight: 1 }),
  }),
})
const cancel = fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(5) })
const LIVE = [
  { arbitrary: publish, weight: 8 },
  { arbitrary: take, weight: 6 },
  { arbitrary: settle, weight: 5 },
  { arbitrary: wait, weight: 2 },
  { arbitrary: change, weight: 1 },
  { arbitrary: purge, weight: 1 },
]
const CONSUMED = [...LIVE, { arbitrary: consume, weight: 5 }, { arbitrary: cancel, weight: 3 }]

/** Each of these, and nothing else. */
function mapOf<T extends object>(values: T): { [N in keyof T]: fc.Arbitrary<T[N]> } {
  const entries = Object.entries(values).map(([name, value]) => [name, fc.constant(value)])
  return Object.fromEntries(entries)
}

function stepsOf(...steps: fc.WeightedArbitrary<Step>[]): fc.Arbitrary<Step[]> {
  return fc.array(fc.oneof(...steps), { minLength: 5, maxLength: 60 })
}

test('a queue in memory behaves as the model', async () => {
  await fc.assert(
    fc.asyncProperty(settingsWith(0), stepsOf(...LIVE), async (given, steps) => {
      await compare(given, steps, () => new MemoryStorage())
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
}, 60_000)

test('a queue in memory with consumers behaves as the model', async () => {
  await fc.assert(
    fc.asyncProperty(settingsWith(0), stepsOf(...CONSUMED), async (given, steps) => {
      await compare(given, steps, () => new MemoryStorage())
    }),
    { numRuns: RUNS, endOnFailure: true },
  )
}, 60_000)

test('messages that come back again and again wait as in the model', async () => {
  const root = mkdtempSync(join(tmpdir(), 'leveret-retries-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  let run = 0
  const retry = fc.record({
    type: fc.constantFrom('all' as const, 'all' as const, 'failed' as const, 'returned' as const),
    minMs: fc.integer({ min: 1, max: 9 }),
    maxMs: option(fc.integer({ min: 5, max: 40 })),
  })
  const bare = {
    ttlMs: undefined,
    lengthMax: undefined,
    bytesMax: undefined,
    overflow: 'drop-head' as const,
    priorityMax: undefined,
    isSingleActive: false,
  }
  const given = fc.record({ ...mapOf(bare), retry, deliveryLimit: option(fc.integer({ min: 2, max: 5 })) })
  const back = fc.record({
    kind: fc.constant('settle' as const),
    which: fc.nat(3),
    how: fc.constantFrom('requeue' as const, 'requeue-failed' as const, 'requeue-failed' as const),
  })
  // A message comes back, and is asked for again before or after its time.
  const soon = fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 15 }) })
  const round = fc.tuple(take, back, soon)
  // None expires: a purge at once after a start may come before what has expired is read from the disk, or behind it.
  const lasting = publish.map((step) => ({ ...step, expirationMs: undefined }))
  const rounds = fc.oneof(
    { arbitrary: round, weight: 16 },
    { arbitrary: fc.tuple(lasting), weight: 2 },
    { arbitrary: fc.tuple(take, restartWith(fc.boolean())), weight: 2 },
    { arbitrary: fc.tuple(purge, lasting), weight: 1 },
  )
  const steps = fc.array(rounds, { minLength: 5, maxLength: 30 }).map((chosen): Step[] => chosen.flat())
  await fc.assert(
    fc.asyncProperty(given, steps, async (settings, chosen) => {
      const folder = join(root, String(run++))
      await compare(
        settings,
        [{ kind: 'publish', priority: undefined, expirationMs: undefined }, ...chosen],
        () => new LevelStorage({ folder, durability: 'os', memoryBytes: 0, freeBytesMin: 0 }),
      )
    }),
    { numRuns: Math.ceil(RUNS / 5), endOnFailure: true },
  )
}, 120_000)

test('a durable queue behaves as the model, across restarts', async () => {
  const root = mkdtempSync(join(tmpdir(), 'leveret-parts-'))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  let run = 0
  await fc.assert(
    // That a message was out before a restart counts when it is taken again: with a limit of 0 it may be delivered once more.
    fc.asyncProperty(
      settingsWith(1),
      stepsOf(...CONSUMED, { arbitrary: restartWith(fc.constant(false)), weight: 3 }),
      async (given, steps) => {
        const folder = join(root, String(run++))
        await compare(
          given,
          steps,
          () => new LevelStorage({ folder, durability: 'os', memoryBytes: 0, freeBytesMin: 0 }),
        )
      },
    ),
    { numRuns: Math.ceil(RUNS / 2), endOnFailure: true },
  )
}, 120_000)
