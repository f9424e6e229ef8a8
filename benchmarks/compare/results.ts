import type { PerfReport } from '../../src/perf/report.ts'
import type { Scenario } from './scenarios.ts'

/** Medians over the rounds of one scenario against one broker. */
export interface Medians {
  /** Messages per second of what the scenario measures. */
  readonly perSecond: number
  readonly cpuUsPerMessage: number | null
  readonly rssMegabytes: number | null
  readonly latencyP50Us: number | null
  readonly latencyP99Us: number | null
  readonly generatorCpuPercent: number
}

export interface ScenarioResult {
  readonly scenario: string
  readonly description: string
  readonly leveret: Medians
  readonly other: Medians | null
  /** How many times as good Leveret is: rates, or for latency the median times. */
  readonly ratio: number | null
  /** What Leveret reaches under the scenario's yardstick, and which share of that in the scenario. */
  readonly yardstick: Medians | null
  readonly share: number | null
  readonly runs: Runs
}

/** The reports of all rounds. */
export interface Runs {
  readonly leveret: readonly PerfReport[]
  readonly other: readonly PerfReport[]
  readonly yardstick: readonly PerfReport[]
}

export function evaluate(scenario: Scenario, runs: Runs): ScenarioResult {
  const leveret = medians(scenario, runs.leveret)
  const other = runs.other.length > 0 ? medians(scenario, runs.other) : null
  const yardstick = runs.yardstick.length > 0 ? medians(scenario, runs.yardstick) : null
  return {
    scenario: scenario.name,
    description: scenario.description,
    leveret,
    other,
    ratio: other === null ? null : ratio(scenario, leveret, other),
    yardstick,
    share: yardstick === null ? null : quotient(leveret.perSecond, yardstick.perSecond),
    runs,
  }
}

function medians(scenario: Scenario, runs: readonly PerfReport[]): Medians {
  const rate = scenario.measure === 'published' ? 'published' : 'consumed'
  return {
    perSecond: median(runs.map((run) => run[rate].perSecond)) ?? 0,
    cpuUsPerMessage: median(runs.map((run) => run.brokerProcess?.cpuUsPerMessage)),
    rssMegabytes: median(runs.map((run) => run.brokerProcess && Math.round(run.brokerProcess.rssBytes / 1e6))),
    latencyP50Us: median(runs.map((run) => run.latencyUs?.p50)),
    latencyP99Us: median(runs.map((run) => run.latencyUs?.p99)),
    generatorCpuPercent: median(runs.map((run) => Math.max(...run.generatorCpuPercent))) ?? 0,
  }
}

function ratio(scenario: Scenario, leveret: Medians, other: Medians): number | null {
  const [above, below] =
    scenario.measure === 'latency' ? [other.latencyP50Us, leveret.latencyP50Us] : [leveret.perSecond, other.perSecond]
  return quotient(above, below)
}

function quotient(above: number | null, below: number | null): number | null {
  return above === null || below === null || below === 0 ? null : Number((above / below).toPrecision(3))
}

/** The value in the middle, of an even number the mean of both; `null` when a value is missing. */
export function median(values: readonly (number | null | undefined)[]): number | null {
  const present = values.filter((value) => typeof value === 'number').toSorted((a, b) => a - b)
  const [low, high] = [present[(present.length - 1) >> 1], present[present.length >> 1]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}
