import { join } from 'node:path'
import type { PerfReport } from '../../src/perf/report.ts'
import type { Broker, Load } from '../compare/generator.ts'
import { LeveretProcess } from '../compare/leveret-process.ts'
import type { RoundsPlan } from '../compare/rounds.ts'
import type { Figure } from './figure.ts'

/** What all measures work with. */
export interface Bench extends RoundsPlan {
  /** On the disk under test. */
  readonly folder: string
  /** Length of the runs that count messages instead of seconds. */
  readonly messages: number
}

/** Something that is measured, with as many figures as it takes. */
export interface Measure {
  readonly name: string
  readonly description: string
  run(bench: Bench): Promise<Figure[]>
}

/** A load of a million messages takes as long as it takes, but not forever. */
const COUNTED_SECONDS_MAX = 600

let folders = 0

/** Of a store that does not exist yet. */
export function newStore(bench: Bench): string {
  folders++
  return join(bench.folder, `store-${folders}`)
}

/** Uses a durable Leveret, which is gone afterwards. */
export async function withLeveret<T>(
  bench: Bench,
  folder: string,
  use: (leveret: LeveretProcess) => Promise<T>,
): Promise<T> {
  const leveret = await LeveretProcess.start(bench.pins, folder)
  try {
    return await use(leveret)
  } finally {
    await leveret.stop()
  }
}

/** Does something once per round, one after the other. */
export async function eachRound<T>(bench: Bench, name: string, work: (round: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  for (let round = 1; round <= bench.rounds; round++) {
    console.error(`${name}: round ${round} of ${bench.rounds}`)
    results.push(await work(round))
  }
  return results
}

/**
 * A load of exactly `count` messages. Throws Error when not all of them were confirmed and consumed, as far as the load
 * publishes and consumes.
 */
export async function runCounted(bench: Bench, load: Load, broker: Broker, count: number): Promise<PerfReport> {
  const counted = { name: load.name, options: [...load.options, '--count', String(count)] }
  const report = await bench.generator.run(
    counted,
    broker,
    { seconds: COUNTED_SECONDS_MAX, warmupSeconds: 0 },
    bench.pins,
  )
  const { publishers, consumers, confirm } = report.settings
  const passed = [
    ...(publishers > 0 ? [report.published.messages] : []),
    ...(confirm > 0 && publishers > 0 ? [report.confirmed.messages] : []),
    ...(consumers > 0 ? [report.consumed.messages] : []),
  ]
  const wrong = passed.find((messages) => messages !== count)
  if (wrong !== undefined) throw new Error(`${load.name}: ${wrong} messages instead of ${count} came through`)
  return report
}

/** How busy the generator was with it, in percent of its processor. */
export function busyPercent(reports: readonly PerfReport[]): number {
  return Math.max(0, ...reports.flatMap(({ generatorCpuPercent }) => generatorCpuPercent))
}
