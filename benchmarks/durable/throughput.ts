import type { ScenarioResult } from '../compare/results.ts'
import { runRounds } from '../compare/rounds.ts'
import { DURABLE_SCENARIOS, type Scenario } from '../compare/scenarios.ts'
import { type Bench, busyPercent, type Measure, newStore, withLeveret } from './bench.ts'
import { type Figure, figure, type Wanted } from './figure.ts'

/** What is wanted of a scenario, of each in terms of something else in the same run. */
interface Wish {
  /** Times the other broker's rate. */
  readonly ratio?: Wanted
  readonly cpuUs?: Wanted
  /** Of the rate under the yardstick. */
  readonly share?: Wanted
}

const WISHES: Readonly<Record<string, Wish>> = {
  'durable-confirmed': { ratio: { atLeast: 10 }, cpuUs: { below: 6 } },
  'dead-lettered': { share: { atLeast: 0.4 } },
  'durable-publish': { share: { atLeast: 0.5 } },
  'durable-64k': { ratio: { atLeast: 3 } },
  'durable-1m': { ratio: { atLeast: 1.5 } },
}

/** The durable scenarios of the comparison, with and without another broker. */
export const throughput: readonly Measure[] = DURABLE_SCENARIOS.map((scenario) => ({
  name: scenario.name,
  description: scenario.description,
  run: async (bench: Bench) => {
    const result = await withLeveret(bench, newStore(bench), (leveret) => runRounds(scenario, leveret, bench))
    return figures(scenario, result, WISHES[scenario.name] ?? {})
  },
}))

function figures(scenario: Scenario, result: ScenarioResult, wish: Wish): Figure[] {
  const { runs } = result
  const rates = {
    leveret: runs.leveret.map((run) => perSecond(scenario, run)),
    other: runs.other.map((run) => perSecond(scenario, run)),
    yardstick: runs.yardstick.map((run) => perSecond(scenario, run)),
  }
  const line = (name: string, description: string, unit: string, wanted?: Wanted) => {
    return { name: `${scenario.name}.${name}`, description: `– ${description}`, unit, ...(wanted && { wanted }) }
  }
  const busy = { generatorCpuPercent: busyPercent(runs.leveret) }
  const cpu = runs.leveret.map((run) => run.brokerProcess?.cpuUsPerMessage)
  const lines = [
    figure({ name: scenario.name, description: scenario.description, unit: '/s', ...busy }, rates.leveret),
    figure(line('cpu', 'processor time of the broker per message', 'µs', wish.cpuUs), cpu),
  ]
  if (rates.other.length > 0) {
    lines.push(
      figure(line('other', 'the other broker', '/s'), rates.other),
      figure(line('ratio', 'Leveret / the other broker', '×', wish.ratio), quotients(rates.leveret, rates.other)),
    )
  }
  if (rates.yardstick.length > 0) {
    const yardstickBusy = { generatorCpuPercent: busyPercent(runs.yardstick) }
    lines.push(
      figure({ ...line('yardstick', scenario.yardstick?.description ?? '', '/s'), ...yardstickBusy }, rates.yardstick),
      figure(line('share', 'share of that', '', wish.share), quotients(rates.leveret, rates.yardstick)),
    )
  }
  return lines
}

function perSecond(scenario: Scenario, report: ScenarioResult['runs']['leveret'][number]): number {
  return scenario.measure === 'published' ? report.published.perSecond : report.consumed.perSecond
}

/** Of runs in the same round: what slows the machine down for a while is in both. */
function quotients(above: readonly number[], below: readonly number[]): number[] {
  return above.map((value, round) => value / (below[round] ?? Number.NaN))
}
