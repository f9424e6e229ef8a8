// The system calls of a broker are traced and carried out again up to many moments. At each the power goes, or the process
// is killed; what may be left then is recovered, and everything must be there that the broker had promised on its sockets.
// LEVERET_CRASH_SEED repeats the decisions of a run, LEVERET_CRASH_CUTS sets how many moments of each trace are tried.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { LevelStorage } from '../../storage/level/level-storage.ts'
import { Random } from '../malice/random.ts'
import { CrashBroker, type CrashBrokerOptions } from './crash-broker.ts'
import { countOf, SEED, SEED_TITLE } from './crash-store.ts'
import { type FoundMessage, foundMessage } from './model.ts'
import { requireStrace } from './strace.ts'
import { type CallEvent, callEvents } from './system-calls.ts'
import { TraceReplay } from './trace-replay.ts'
import { TracedWork } from './traced-work.ts'

const CUTS = countOf('LEVERET_CRASH_CUTS', 40)
const TIMEOUT_MS = 120_000 + CUTS * 3000
const KIB = 1024
const LARGE_COUNT = 100_000
const LARGE_LOG_BYTES = 4 * KIB * KIB
const BUSY_LOG_BYTES = 128 * KIB
const BUSY_STEPS = 150
const BUSY_QUEUES = ['busy-0', 'busy-1', 'busy-2'] as const

type Traced = Pick<CrashBrokerOptions, 'durability' | 'logFileBytes' | 'syncIntervalMs'>

let place: string

beforeAll(requireStrace)

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'leveret-power-'))
})

afterEach(() => rmSync(place, { recursive: true, force: true }))

async function trace(options: Traced, act: (work: TracedWork) => Promise<void>): Promise<TracedWork> {
  const all = { ...options, folder: join(place, 'store'), memoryBytes: 4 * KIB * KIB }
  const broker = await CrashBroker.start(all, join(place, 'trace'))
  const work = await TracedWork.start(broker)
  await act(work)
  await work.stop()
  await broker.kill('SIGTERM')
  expect(broker.complaints).toEqual([])
  return work
}

/** Numbers of the events after which the power goes: half of them are those with which something is promised. */
function moments(events: readonly CallEvent[], random: Random): ReadonlySet<number> {
  const replay = new TraceReplay(join(place, 'store'))
  const all: number[] = []
  const sends: number[] = []
  for (const event of events) {
    const { length } = replay.sent
    replay.carryOut(event)
    if (replay.isOfInterest) all.push(replay.now)
    if (replay.sent.length > length) sends.push(replay.now)
  }
  expect(sends.length).toBeGreaterThan(0)
  const chosen = new Set<number>()
  for (let cut = 0; cut < CUTS; cut++) chosen.add(random.pick(cut % 2 === 0 ? sends : all))
  return chosen
}

const WAYS = ['killed', 'nothing else', 'a part', 'half', 'nearly all'] as const
type Way = (typeof WAYS)[number]
/** Of a thousand sectors and names that are not safe, how many are left. */
const LEFT: Record<Way, number> = { killed: 1000, 'nothing else': 0, 'a part': 100, half: 500, 'nearly all': 950 }

async function recovered(folder: string, logFileBytes: number) {
  const complaints: string[] = []
  const complain = (error: Error): void => void complaints.push(String(error))
  const storage = new LevelStorage({
    folder,
    logFileBytes,
    onFatal: complain,
    onDamage: (text) => complaints.push(text),
  })
  const server = new ServerBuilder().withStorage(storage).build()
  await server.start()
  const found = new Map<string, FoundMessage[]>()
  for (const { name } of server.broker.queues()) {
    const messages: FoundMessage[] = []
    found.set(name, messages)
    const get = () => server.broker.get(name, { noAck: true })
    for (let next = await get(); next !== undefined; next = await get()) {
      messages.push(foundMessage(next.body, next.redelivered))
    }
  }
  const problems = server.recovery?.problems ?? []
  await server.shutdown({ graceMs: 0 })
  return { found, problems: [...problems, ...complaints] }
}

async function problemsAt(replay: TraceReplay, work: TracedWork, way: Way, options: Traced, random: Random) {
  const folder = join(place, 'left')
  replay.write(folder, () => random.below(1000) < LEFT[way])
  const { found, problems } = await recovered(folder, options.logFileBytes)
  rmSync(folder, { recursive: true })
  // With an interval, a power loss takes what came since the last sync; what is left of that may look damaged.
  const isLenient = options.durability === 'interval' && way !== 'killed'
  const model = work.modelAt(replay.sent, isLenient ? replay.safeUntil : replay.now, replay.now)
  // Until the first client is there, LevelDB may find its files half made, and nothing in them.
  const wrong = isLenient || replay.sent.length === 0 ? [] : [...problems]
  for (const [entity, state] of model.entities) {
    const name = entity.slice('queue '.length)
    if (state === 'certain' && !found.has(name)) wrong.push(`${name} is missing`)
    if (state === 'no' && found.has(name)) wrong.push(`${name} was deleted`)
  }
  wrong.push(...model.operationProblems(found))
  for (const queue of model.queues()) wrong.push(...queue.problems(found.get(queue.name) ?? []))
  return wrong
}

async function tryMoments(work: TracedWork, options: Traced): Promise<void> {
  const random = new Random(SEED)
  const events: CallEvent[] = []
  for await (const event of callEvents(join(place, 'trace'))) events.push(event)
  const chosen = moments(events, random)
  const replay = new TraceReplay(join(place, 'store'))
  for (const event of events) {
    replay.carryOut(event)
    if (!chosen.has(replay.now)) continue
    const way = random.pick(WAYS)
    const wrong = await problemsAt(replay, work, way, options, random)
    expect(wrong.slice(0, 20), `after event ${replay.now}, ${way} is left`).toEqual([])
  }
}

const title = `${CUTS} moments of it, ${SEED_TITLE}`

test(`what is done to a large queue is there altogether, or not at all (${title})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  const options = { durability: 'sync', logFileBytes: LARGE_LOG_BYTES } as const
  const work = await trace(options, async (work) => {
    const sizes = Array.from({ length: LARGE_COUNT }, (_, at) => (at % 5000 === 0 ? 40 * KIB : 12))
    await work.declare('large')
    await work.declare('beside')
    await work.publish('large', sizes)
    await work.move('large', LARGE_COUNT, Number.POSITIVE_INFINITY, 'beside', sizes.slice(0, 1000))
    await work.publish('large', sizes)
    await work.empty('large', 'queue.purge')
    await work.publish('large', sizes)
    await work.empty('large', 'queue.delete')
  })
  await tryMoments(work, options)
})

/** The name of every log file there is, with its length. */
function logFiles(): Map<string, number> {
  const folder = join(place, 'store', 'log')
  const bytesOf = (name: string): number => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0
  return new Map(readdirSync(folder).map((name) => [name, bytesOf(name)]))
}

/** The broker rests until it has given back what its log takes, the file that is written to included. */
async function whenGivenBack(): Promise<void> {
  const bytes = (): number => [...logFiles().values()].reduce((sum, length) => sum + length, 0)
  await vi.waitFor(() => expect(bytes()).toBeLessThan(LARGE_LOG_BYTES / 2), { timeout: 60_000, interval: 100 })
}

test(`what is written after the log was given back is there (${title})`, { timeout: TIMEOUT_MS }, async () => {
  const options = { durability: 'sync', logFileBytes: LARGE_LOG_BYTES } as const
  // More than half of a log file: the next one is made, and goes with the first.
  const sizes = Array.from({ length: 80 }, (_, at) => (at % 2 === 0 ? 40 * KIB : 20 * KIB))
  const work = await trace(options, async (work) => {
    await work.declare('kept')
    await work.declare('beside')
    for (let round = 0; round < 2; round++) {
      await work.publish('kept', sizes)
      await work.move('kept', work.length('kept'), 30, 'beside', [12])
      await whenGivenBack()
      await work.publish('kept', [12, 12])
    }
  })
  await tryMoments(work, options)
})

/** Log files come and go, with the catalogue behind them; a few messages outlive the files they are in. */
async function workBusily(work: TracedWork, random: Random): Promise<void> {
  for (const queue of BUSY_QUEUES) await work.declare(queue)
  for (let step = 0; step < BUSY_STEPS; step++) {
    const queue = random.pick(BUSY_QUEUES)
    const sizes = Array.from({ length: 1 + random.below(12) }, () =>
      random.onceIn(15) ? 33 * KIB + random.below(20 * KIB) : 12 + random.below(1500),
    )
    await work.publish(queue, sizes)
    const other = random.pick(BUSY_QUEUES.filter((name) => name !== queue))
    if (random.onceIn(3)) await work.move(queue, work.length(queue), 30, other, sizes.slice(0, 3))
    if (random.onceIn(40)) await work.empty(random.pick(BUSY_QUEUES), 'queue.purge')
    if (random.onceIn(40)) {
      await work.empty(queue, 'queue.delete')
      await work.declare(queue)
    }
  }
}

test.each(['sync', 'interval'] as const)(
  `what was promised is there (%s; ${title})`,
  {
    timeout: TIMEOUT_MS,
  },
  async (durability) => {
    const options = { durability, logFileBytes: BUSY_LOG_BYTES, syncIntervalMs: 20 }
    const work = await trace(options, (work) => workBusily(work, new Random(SEED)))
    await tryMoments(work, options)
  },
)
