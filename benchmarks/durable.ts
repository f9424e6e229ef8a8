import { statfsSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { parseArgs } from 'node:util'
import { Generator } from './compare/generator.ts'
import { BROKER_PROCESSOR, canPin, GENERATOR_PROCESSOR, pinProcess } from './compare/pinning.ts'
import type { Bench, Measure } from './durable/bench.ts'
import { declares } from './durable/declares.ts'
import { type Figure, isReached } from './durable/figure.ts'
import { figureLines } from './durable/figure-table.ts'
import { floor, singleConfirm } from './durable/floor.ts'
import { manyQueues } from './durable/many-queues.ts'
import { recovery } from './durable/recovery.ts'
import { throughput } from './durable/throughput.ts'
import { writtenQueued, writtenStreaming } from './durable/written-bytes.ts'
import { environmentLine } from './environment.ts'
import { onInterruption, temporaryFolder } from './leftovers.ts'
import { chosen, numberOption } from './options.ts'

// npm run bench:durable -- [--data-dir FOLDER] [--only NAMES]
//
// What durability costs: brokers of their own over new folders on the disk under test, with durability sync. The broker
// has processor 0, the generator processor 1. Each number that depends on the disk or on another broker is compared with
// it in the same round, since disks and machines drift.

const MEASURES: readonly Measure[] = [
  ...throughput,
  singleConfirm,
  floor,
  writtenStreaming,
  writtenQueued,
  declares,
  recovery,
  manyQueues,
]
const TMPFS = 0x0102_1994
const LOAD_MAX = 0.5

const USAGE = `Usage: npm run bench:durable -- [options]
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
${MEASURES.map(({ name, description }) => `  ${name.padEnd(20)} ${description}`).join('\n')}`

interface Options {
  readonly measures: readonly Measure[]
  readonly bench: Omit<Bench, 'folder'>
  readonly dataDir: string
  readonly json: boolean
}

function readOptions(): Options {
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
    measures: chosen(MEASURES, values.only),
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

async function run({ measures, bench, dataDir, json }: Options): Promise<void> {
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
  print(bench, figures, json)
}

function print(bench: Omit<Bench, 'folder'>, figures: readonly Figure[], json: boolean): void {
  const { rounds, length, messages } = bench
  const place = bench.pins
    ? `broker on processor ${BROKER_PROCESSOR}, generator on ${GENERATOR_PROCESSOR}`
    : 'not pinned'
  const runs = `medians of ${rounds} × ${length.seconds} s or ${messages.toLocaleString('en-US')} messages`
  const setup = `LevelDB, durability sync; ${place}; ${runs}`
  if (json) {
    const all = figures.map((figure) => ({ ...figure, isReached: isReached(figure) ?? null }))
    console.log(JSON.stringify({ environment: environmentLine(), setup, figures: all }, undefined, 2))
    return
  }
  console.log([environmentLine(), setup, '', ...figureLines(figures)].join('\n'))
}

if (process.argv.includes('--help')) console.log(USAGE)
else {
  try {
    await run(readOptions())
  } catch (error) {
    console.error(`bench:durable: ${error instanceof Error ? error.message : error}`)
    process.exitCode = 1
  }
}
