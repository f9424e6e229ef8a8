import type { PerfReport } from '../../src/perf/report.ts'
import type { Broker, Generator, Load, RunLength } from './generator.ts'
import { watchOthers } from './others-share.ts'
import { BROKER_PROCESSOR } from './pinning.ts'
import { evaluate, type ScenarioResult } from './results.ts'
import type { Scenario } from './scenarios.ts'
import { TargetQueue } from './target-queue.ts'

export interface RoundsPlan {
  readonly generator: Generator
  readonly rounds: number
  readonly length: RunLength
  readonly pins: boolean
  /** The broker to compare with. */
  readonly other: Broker | undefined
}

/** Runs all rounds of one scenario: both brokers in turn, and Leveret a second time with the scenario's yardstick. */
export async function runRounds(scenario: Scenario, leveret: Broker, plan: RoundsPlan): Promise<ScenarioResult> {
  const { target } = scenario
  if (target === undefined) return await runAll(scenario, leveret, plan)
  const brokers = plan.other === undefined ? [leveret] : [leveret, plan.other]
  const targets = await Promise.all(brokers.map((broker) => TargetQueue.declare(broker, target)))
  try {
    return await runAll(scenario, leveret, plan)
  } finally {
    for (const each of targets) await each.remove()
  }
}

async function runAll(scenario: Scenario, leveret: Broker, plan: RoundsPlan): Promise<ScenarioResult> {
  const run = async (load: Load, broker: Broker): Promise<PerfReport> => {
    const others = plan.pins && broker.pid !== undefined ? watchOthers(BROKER_PROCESSOR, broker.pid) : undefined
    const report = await plan.generator.run(load, broker, plan.length, plan.pins)
    const share = others?.()
    if (share !== undefined) {
      const percent = Math.round(100 * share)
      console.error(
        `warning: other programs had ${percent} % of the broker's processor: measure on a machine that is idle`,
      )
    }
    return report
  }
  const runs = { leveret: [] as PerfReport[], other: [] as PerfReport[], yardstick: [] as PerfReport[] }
  for (let round = 1; round <= plan.rounds; round++) {
    console.error(`${scenario.name}: round ${round} of ${plan.rounds}`)
    runs.leveret.push(await run(scenario, leveret))
    if (scenario.yardstick !== undefined) {
      const { options } = scenario.yardstick
      runs.yardstick.push(await run({ name: `yardstick of ${scenario.name}`, options }, leveret))
    }
    if (plan.other !== undefined) runs.other.push(await run(scenario, plan.other))
  }
  return evaluate(scenario, runs)
}
