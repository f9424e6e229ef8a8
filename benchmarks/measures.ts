import { statfsSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { Generator } from './compare/generator.ts'
import { BROKER_PROCESSOR, canPin, GENERATOR_PROCESSOR, pinProcess } from './compare/pinning.ts'
import type { Bench, Measure } from './durable/bench.ts'
import { type Figure, isReached } from './durable/figure.ts'
import { figureLines } from './durable/figure-table.ts'
import { environmentLine } from './environment.ts'
import { onInterruption, temporaryFolder } from './leftovers.ts'
import { chosen, numberOption } from './options.ts'

// The command line of a benchmark that consists of measures. The broker has processor 0, the generator processor 1.

const TMPFS = 0x0102_1994
const LOAD_MAX = 0.5

export interface MeasureCommand {
  readonly name: string
  readonly measures: readonly Measure[]
  /** How the brokers that it starts keep their messages. */
  readonly setup: string
}

interface Options {
  readonly measures: readonly Measure[]
  readonly bench: Omit<Bench, 'folder'>
  readonly dataDir: string
  readonly json: boolean
}

/** Does what the arguments of this process ask for. */
export async function runMeasures(command: MeasureCommand): Promise<void> {
  if (process.argv.includes('--help')) {
    console.log(usage(command))
    return
  }
  try {
    await run(command, readOptions(command))
  } catch (error) {
    console.error(`${command.name}: ${error instanceof Error ? error.message : error}`)
    process.exitCode = 1
  }
}

function usage({ name, measures }: MeasureCommand): string {
  return `Usage: npm run ${name} -- [options]
  --data-dir FOLDER    where to make the stores, on the disk to measure (default: ${tmpdir()})
  --rounds N           runs per measure, of which the median counts (default 3)
  --seconds N          length of a run (default 5)
  --warmup N           seconds before each run (default 1)
  --messages N         messages of the runs that are to be that long (default 1000000)
  --against URI        another broker, amqp://user:password@host:port/vhost, to compare the throughput with
  --against-pid PID    its process, if it runs here: it is tied to processor ${BROKER_PROCESSOR}
  --only NAMES         measures, with commas between
  --json               print everything as JSON

Measures:
${measures.map((measure) => `  ${measure.name.padEnd(20)} ${measure.description}`).join('\n')}`
}

function readOptions({ measures }: MeasureCommand): Options {
  const { values } = parseArgs({
    options: {
      'data-dir': { type: 'string', default: tmpdir() },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '5' },
      warmup: { type: 'string', default: '1' },
      messages: { type: 'string', default: '1000000' },
      against: { type: 'string' },
      'against-pid': { type: 'string' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const pid = values['against-pid']
  const otherPid = pid === undefined ? undefined : numberOption('against-pid', pid, 1, 2 ** 31)
  return {
    measures: chosen(measures, values.only),
    bench: {
      generator: new Generator(),
      pins: canPin(),
      rounds: numberOption('rounds', values.rounds, 1, 100),
      length: {
        seconds: numberOption('seconds', values.seconds, 1, 3600),
        warmupSeconds: numberOption('warmup', values.warmup, 0, 3600),
      },
      messages: numberOption('messages', values.messages, 1000, 100_000_000),
      other: values.against === undefined ? undefined : { url: values.against, pid: otherPid },
    },
    dataDir: values['data-dir'],
    json: values.json,
  }
}

async function run({ setup }: MeasureCommand, { measures, bench, dataDir, json }: Options): Promise<void> {
  if (!bench.pins)
    console.error('warning: without two processors and taskset, broker and generator get in each other’s way')
  const folder = temporaryFolder(dataDir)
  if (statfsSync(folder).type === TMPFS) console.error(`warning: ${dataDir} is memory, no disk: see --data-dir`)
  const [load = 0] = loadavg()
  if (load > LOAD_MAX) {
    console.error(`warning: other programs keep the processors busy (load ${load.toFixed(1)}): look at the ratios only`)
  }
  onInterruption(() => process.exit(130)) // children and folders go with this process
  if (bench.pins) pinProcess(process.pid, GENERATOR_PROCESSOR)
  const otherPid = bench.other?.pid
  if (bench.pins && otherPid !== undefined) process.on('exit', pinProcess(otherPid, BROKER_PROCESSOR))
  const figures: Figure[] = []
  for (const measure of measures) figures.push(...(await measure.run({ ...bench, folder })))
  print(setup, bench, figures, json)
}

function print(kept: string, bench: Omit<Bench, 'folder'>, figures: readonly Figure[], json: boolean): void {
  const { rounds, length, messages } = bench
  const place = bench.pins
    ? `broker on processor ${BROKER_PROCESSOR}, generator on ${GENERATOR_PROCESSOR}`
    : 'not pinned'
  const runs = `medians of ${rounds} × ${length.seconds} s or ${messages.toLocaleString('en-US')} messages`
  const setup = `${kept}; ${place}; ${runs}`
  if (json) {
    const all = figures.map((figure) => ({ ...figure, isReached: isReached(figure) ?? null }))
    console.log(JSON.stringify({ environment: environmentLine(), setup, figures: all }, undefined, 2))
    return
  }
  console.log([environmentLine(), setup, '', ...figureLines(figures)].join('\n'))
}
