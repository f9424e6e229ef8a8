import { parseArgs } from 'node:util'
import { Generator } from './compare/generator.ts'
import { LeveretProcess } from './compare/leveret-process.ts'
import { BROKER_PROCESSOR, canPin, GENERATOR_PROCESSOR, pinProcess } from './compare/pinning.ts'
import { evaluate, type ScenarioResult } from './compare/results.ts'
import { SCENARIOS, type Scenario } from './compare/scenarios.ts'
import { tableLines } from './compare/table.ts'
import { environmentLine } from './environment.ts'

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
  --json               print everything as JSON`

interface Comparison {
  readonly scenarios: readonly Scenario[]
  readonly against: string | undefined
  readonly againstPid: number | undefined
  readonly rounds: number
  readonly length: { readonly seconds: number; readonly warmupSeconds: number }
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
      json: { type: 'boolean', default: false },
    },
  })
  const names = values.only?.split(',')
  const unknown = names?.find((name) => !SCENARIOS.some((scenario) => scenario.name === name))
  if (unknown !== undefined) throw new Error(`no scenario is called '${unknown}'`)
  const pid = values['against-pid']
  return {
    scenarios: SCENARIOS.filter(({ name }) => names === undefined || names.includes(name)),
    against: values.against,
    againstPid: pid === undefined ? undefined : number('against-pid', pid, 1, 2 ** 31),
    rounds: number('rounds', values.rounds, 1, 100),
    length: {
      seconds: number('seconds', values.seconds, 1, 3600),
      warmupSeconds: number('warmup', values.warmup, 0, 3600),
    },
    json: values.json,
  }
}

function number(option: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= min && value <= max)) {
    throw new Error(`--${option} is a number from ${min} to ${max}, not '${text}'`)
  }
  return value
}

/** Runs all rounds of one scenario, both brokers in turn. */
async function compareScenario(
  comparison: Comparison,
  scenario: Scenario,
  leveret: LeveretProcess,
  generator: Generator,
  pins: boolean,
): Promise<ScenarioResult> {
  const leveretRuns = []
  const otherRuns = []
  for (let round = 1; round <= comparison.rounds; round++) {
    console.error(`${scenario.name}: round ${round} of ${comparison.rounds}`)
    leveretRuns.push(await generator.run(scenario, leveret, comparison.length, pins))
    if (comparison.against === undefined) continue
    const other = { url: comparison.against, pid: comparison.againstPid }
    otherRuns.push(await generator.run(scenario, other, comparison.length, pins))
  }
  return evaluate(scenario, leveretRuns, otherRuns)
}

async function compare(comparison: Comparison): Promise<void> {
  const pins = canPin()
  if (!pins) console.error('warning: without two processors and taskset, broker and generator get in each other’s way')
  const unpin =
    pins && comparison.againstPid !== undefined ? pinProcess(comparison.againstPid, BROKER_PROCESSOR) : () => undefined
  const generator = new Generator()
  const leveret = await LeveretProcess.start(pins)
  let interrupted = false
  const interrupt = (): void => {
    interrupted = true
    generator.stop()
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  const results: ScenarioResult[] = []
  try {
    for (const scenario of comparison.scenarios) {
      results.push(await compareScenario(comparison, scenario, leveret, generator, pins))
    }
  } catch (error) {
    if (!interrupted) throw error
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    unpin()
    await leveret.stop()
  }
  print(comparison, results, pins)
  if (interrupted) process.exitCode = 130
}

function print(comparison: Comparison, results: readonly ScenarioResult[], pins: boolean): void {
  const { rounds, length } = comparison
  const place = pins ? `broker on processor ${BROKER_PROCESSOR}, generator on ${GENERATOR_PROCESSOR}` : 'not pinned'
  const setup = `${place}; medians of ${rounds} × ${length.seconds} s; transient messages in transient queues, memory only`
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
