import { rm } from 'node:fs/promises'
import type { LeveretProcess } from '../compare/leveret-process.ts'
import { median } from '../compare/results.ts'
import { type Bench, busyPercent, eachRound, type Measure, newStore, runCounted, withLeveret } from './bench.ts'
import { type Figure, figure, type Wanted } from './figure.ts'
import { logSoFar } from './log-so-far.ts'
import { SyncedLoop } from './synced-loop.ts'

// What the broker reaches of what the disk has to give. First a broker publishes a known number of messages and stops: its
// catalogue tells how many commits that were and how long the log is, so how many bytes a commit has on average. Then the
// broker and a bare loop that writes and syncs as many bytes at a time take turns of a second, on the same processor and
// the same disk, because disks are faster now and slower then. Ratios are of neighbouring turns.

const DURABLE = ['--size', '1024', '--consumers', '0', '--purge-ms', '1000', '--durable', '--persistent']
const TRANSIENT = ['--size', '1024', '--consumers', '0', '--purge-ms', '1000']
const TURN = { seconds: 1, warmupSeconds: 0.5 }
const LOOP_SECONDS = 0.5

interface FloorLoad {
  readonly name: string
  readonly description: string
  readonly confirmsInFlight: number
  /** From which the size of commits is learned, not timed; they fit into the first log file. */
  readonly learningMessages: number
  readonly wanted?: Wanted
}

/** An average commit. */
interface Commit {
  readonly messages: number
  readonly bytes: number
}

/** Messages per second. */
interface Turn {
  readonly durable: number
  readonly transient: number
  readonly append: number
  readonly overwrite: number
  readonly generatorCpuPercent: number
}

/** One publisher that waits for every confirm. */
export const singleConfirm = measure({
  name: 'single',
  description: 'one publisher that waits for every confirm, 1 KiB',
  confirmsInFlight: 1,
  learningMessages: 5000,
  wanted: { atLeast: 0.85 },
})

/** A publisher with many confirms in flight. */
export const floor = measure({
  name: 'floor',
  description: 'publish only, 1000 confirms in flight, 1 KiB',
  confirmsInFlight: 1000,
  learningMessages: 50_000,
})

function measure(load: FloorLoad): Measure {
  return {
    name: load.name,
    description: `${load.description}, against a bare loop of synced writes`,
    run: async (bench) => {
      const commit = await averageCommit(bench, load)
      const loop = new SyncedLoop(newStore(bench), commit.bytes, bench.pins)
      const folder = newStore(bench)
      const rounds = await withLeveret(bench, folder, (leveret) => {
        return eachRound(bench, load.name, () => takeTurns(bench, load, leveret, loop, commit))
      })
      await loop.end()
      await rm(folder, { recursive: true })
      return figures(load, commit, rounds)
    },
  }
}

function figures(load: FloorLoad, commit: Commit, rounds: readonly (readonly Turn[])[]): Figure[] {
  const generatorCpuPercent = Math.max(...rounds.flat().map((turn) => turn.generatorCpuPercent))
  const medians = (of: (turn: Turn) => number): (number | null)[] => rounds.map((turns) => median(turns.map(of)))
  const line = (name: string, description: string, unit: string, wanted?: Wanted) => {
    return { name: `${load.name}.${name}`, description: `– ${description}`, unit, ...(wanted && { wanted }) }
  }
  const whole = { name: load.name, description: load.description, unit: '/s', generatorCpuPercent }
  return [
    figure(
      whole,
      medians(({ durable }) => durable),
    ),
    figure(line('messages', 'messages per commit', ''), [commit.messages]),
    figure(line('bytes', 'bytes per commit', 'B'), [commit.bytes]),
    figure(
      line('append', 'bare loop that appends as many bytes', '/s'),
      medians(({ append }) => append),
    ),
    figure(
      line('overwrite', 'bare loop that overwrites as many bytes', '/s'),
      medians(({ overwrite }) => overwrite),
    ),
    figure(
      line('transient', 'the same load, transient: no disk', '/s'),
      medians(({ transient }) => transient),
    ),
    figure(
      line('append-ratio', 'broker / appending loop', '', load.wanted),
      medians(({ durable, append }) => durable / append),
    ),
    figure(
      line('overwrite-ratio', 'broker / overwriting loop', '', load.wanted),
      medians(({ durable, overwrite }) => durable / overwrite),
    ),
  ]
}

async function averageCommit(bench: Bench, load: FloorLoad): Promise<Commit> {
  console.error(`${load.name}: learns the size of commits`)
  const folder = newStore(bench)
  await withLeveret(bench, folder, async (leveret) => {
    await runCounted(bench, { name: load.name, options: options(load, DURABLE) }, leveret, load.learningMessages)
  })
  const { commits, bytes } = await logSoFar(folder)
  await rm(folder, { recursive: true })
  return { messages: load.learningMessages / commits, bytes: Math.round(bytes / commits) }
}

async function takeTurns(
  bench: Bench,
  load: FloorLoad,
  leveret: LeveretProcess,
  loop: SyncedLoop,
  commit: Commit,
): Promise<Turn[]> {
  const { generator, length, pins } = bench
  const publish = async (base: readonly string[]) => {
    const report = await generator.run({ name: load.name, options: options(load, base) }, leveret, TURN, pins)
    return { perSecond: report.confirmed.perSecond, busy: busyPercent([report]) }
  }
  const turns: Turn[] = []
  for (let turn = 0; turn < length.seconds; turn++) {
    const append = (await loop.syncsPerSecond('append', LOOP_SECONDS)) * commit.messages
    const durable = await publish(DURABLE)
    const overwrite = (await loop.syncsPerSecond('overwrite', LOOP_SECONDS)) * commit.messages
    const transient = await publish(TRANSIENT)
    const generatorCpuPercent = Math.max(durable.busy, transient.busy)
    turns.push({ append, durable: durable.perSecond, overwrite, transient: transient.perSecond, generatorCpuPercent })
  }
  return turns
}

function options(load: FloorLoad, base: readonly string[]): readonly string[] {
  return [...base, '--confirm', String(load.confirmsInFlight)]
}
