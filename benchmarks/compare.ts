import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { Generator } from './compare/generator.ts'
import { LeveretProcess } from './compare/leveret-process.ts'
import { BROKER_PROCESSOR, canPin, GENERATOR_PROCESSOR, pinProcess } from './compare/pinning.ts'
import type { ScenarioResult } from './compare/results.ts'
import { type RoundsPlan, runRounds } from './compare/rounds.ts'
import { SCENARIOS, type Scenario } from './compare/scenarios.ts'
import { tableLines } from './compare/table.ts'
import { environmentLine } from './environment.ts'
import { onInterruption, temporaryFolder } from './leftovers.ts'
import { chosen, numberOption } from './options.ts'

// npm run bench:compare -- --against amqp://guest:guest@127.0.0.1:5673 [--against-pid PID]
//
// The same load on Leveret and on another broker in turn (A B A B …), so that a machine whose speed drifts treats both
// alike. Each broker has processor 0 and the generator, `leveret perf`, processor 1.

const USAGE = `Usage: npm run bench:compare -- [options]
  --against URI        another broker, amqp://user:password@host:port/vhost; without it only Leveret is measured
  --against-pid PID    its process, if it runs here: it is tied to processor ${BROKER_PROCESSOR} and its CPU time is shown
  --rounds N           runs per broker and scenario, of which the median counts (default 3)
  --seconds N          length of a run (default 10)
  --warmup N           seconds before each run (default 2)
  --only NAMES         scenarios, with commas between: ${SCENARIOS.map(({ name }) => name).join(', ')}
  --data-dir FOLDER    where the durable scenarios keep their messages, on the disk to measure (default: ${tmpdir()})
  --json               print everything as JSON`

interface Comparison {
  readonly scenarios: readonly Scenario[]
  readonly against: string | undefined
  readonly againstPid: number | undefined
  readonly rounds: number
  readonly length: { readonly seconds: number; readonly warmupSeconds: number }
  readonly dataDir: string
  readonly json: boolean
}

function readArguments(): Comparison {
  const { values } = parseArgs({
    options: {
      against: { type: 'string' },
      'against-pid': { type: 'string' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '10' },
      warmup: { type: 'string', default: '2' },
      only: { type: 'string' },
      'data-dir': { type: 'string', default: tmpdir() },
      json: { type: 'boolean', default: false },
    },
  })
  const pid = values['against-pid']
  return {
    scenarios: chosen(SCENARIOS, values.only),
    against: values.against,
    againstPid: pid === undefined ? undefined : numberOption('against-pid', pid, 1, 2 ** 31),
    rounds: numberOption('rounds', values.rounds, 1, 100),
    length: {
      seconds: numberOption('seconds', values.seconds, 1, 3600),
      warmupSeconds: numberOption('warmup', values.warmup, 0, 3600),
    },
    dataDir: values['data-dir'],
    json: values.json,
  }
}

async function compare(comparison: Comparison): Promise<void> {
  const pins = canPin()
  if (!pins) console.error('warning: without two processors and taskset, broker and generator get in each other’s way')
  const { against, againstPid, scenarios, dataDir } = comparison
  const unpin = pins && againstPid !== undefined ? pinProcess(againstPid, BROKER_PROCESSOR) : () => undefined
  const plan: RoundsPlan = {
    generator: new Generator(),
    rounds: comparison.rounds,
    length: comparison.length,
    pins,
    other: against === undefined ? undefined : { url: against, pid: againstPid },
  }
  let interrupted = false
  const heed = onInterruption(() => {
    interrupted = true
    plan.generator.stop()
  })
  const results: ScenarioResult[] = []
  try {
    for (const isDurable of [false, true]) {
      const ofKind = scenarios.filter((scenario) => scenario.isDurable === isDurable)
      if (ofKind.length > 0) await compareOn(isDurable ? temporaryFolder(dataDir) : undefined, ofKind, plan, results)
    }
  } catch (error) {
    if (!interrupted) throw error
  } finally {
    heed()
    unpin()
  }
  print(comparison, results, pins)
  if (interrupted) process.exitCode = 130
}

/** Runs these scenarios on one Leveret and adds to the results. */
async function compareOn(
  folder: string | undefined,
  scenarios: readonly Scenario[],
  plan: RoundsPlan,
  results: ScenarioResult[],
): Promise<void> {
  const leveret = await LeveretProcess.start(plan.pins, folder)
  try {
    for (const scenario of scenarios) results.push(await runRounds(scenario, leveret, plan))
  } finally {
    await leveret.stop()
  }
}

function print(comparison: Comparison, results: readonly ScenarioResult[], pins: boolean): void {
  const { rounds, length } = comparison
  const place = pins ? `broker on processor ${BROKER_PROCESSOR}, generator on ${GENERATOR_PROCESSOR}` : 'not pinned'
  const setup = `${place}; medians of ${rounds} × ${length.seconds} s; in memory, but for the durable: LevelDB, durability sync`
  if (comparison.json) {
    console.log(JSON.stringify({ environment: environmentLine(), setup, results }, undefined, 2))
    return
  }
  console.log([environmentLine(), setup, '', ...tableLines(results)].join('\n'))
}

if (process.argv.includes('--help')) console.log(USAGE)
else {
  try {
    await compare(readArguments())
  } catch (error) {
    console.error(`bench:compare: ${error instanceof Error ? error.message : error}`)
    process.exitCode = 1
  }
}
