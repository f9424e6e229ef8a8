import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Measured, measure } from './bystander/measure.ts'
import { NEIGHBOURS, type Neighbour } from './bystander/neighbours.ts'
import { LEVERET, LeveretProcess } from './compare/leveret-process.ts'
import { BROKER_PROCESSOR, canPin, GENERATOR_PROCESSOR, pinProcess, preferThisProcess } from './compare/pinning.ts'
import { median } from './compare/results.ts'
import { markdownTable } from './compare/table.ts'
import { environmentLine } from './environment.ts'
import { temporaryFolder } from './leftovers.ts'
import { chosen, numberOption } from './options.ts'

// npm run bench:bystander -- [--against FOLDER]
//
// How long one client's messages take while others keep the broker busy: from publish to delivery, a message every
// millisecond. The broker has processor 0; the others and the bystander, with more right to it, have processor 1.

const USAGE = `Usage: npm run bench:bystander -- [options]
  --against FOLDER     another build of Leveret to measure in turn: a folder with its dist
  --rounds N           runs of each, of which the median counts (default 1)
  --seconds N          length of a run beside a load (default 4)
  --only NAMES         neighbours, with commas between: ${NEIGHBOURS.map(({ name }) => name).join(', ')}
  --data-dir FOLDER    where the durable ones keep their messages (default: ${tmpdir()})
  --json               print everything as JSON`

interface Build {
  readonly name: 'this' | 'other'
  readonly program: string
}

interface Row {
  readonly neighbour: Neighbour
  readonly build: Build['name']
  readonly perSecond: number | null
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly maxMs: number | null
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      against: { type: 'string' },
      rounds: { type: 'string', default: '1' },
      seconds: { type: 'string', default: '4' },
      only: { type: 'string' },
      'data-dir': { type: 'string', default: tmpdir() },
      json: { type: 'boolean', default: false },
    },
  })
  const pins = canPin()
  if (pins) pinProcess(process.pid, GENERATOR_PROCESSOR)
  preferThisProcess()
  const rounds = numberOption('rounds', values.rounds, 1, 100)
  const seconds = numberOption('seconds', values.seconds, 0.1, 3600)
  const other = values.against === undefined ? [] : [{ name: 'other', program: programIn(values.against) } as const]
  const builds: readonly Build[] = [{ name: 'this', program: LEVERET }, ...other]
  const rows: Row[] = []
  for (const neighbour of chosen(NEIGHBOURS, values.only)) {
    const measured = new Map(builds.map((build) => [build, [] as Measured[]]))
    for (let round = 1; round <= rounds; round++) {
      for (const build of builds) {
        console.error(`${neighbour.name}: round ${round} of ${rounds}, ${build.name} build`)
        const folder = neighbour.isDurable ? temporaryFolder(values['data-dir']) : undefined
        const broker = await LeveretProcess.start(pins, folder, build.program)
        try {
          measured.get(build)?.push(await measure(neighbour, broker, seconds, pins))
        } finally {
          await broker.kill()
        }
      }
    }
    for (const [build, runs] of measured) rows.push(rowOf(neighbour, build, runs))
  }
  print(rows, values.json, pins)
}

function programIn(folder: string): string {
  return join(folder, 'dist/src/cli/main.js')
}

function rowOf(neighbour: Neighbour, build: Build, runs: readonly Measured[]): Row {
  const milliseconds = (of: 'p50' | 'p99' | 'max'): number | null => {
    const us = median(runs.map(({ latencyUs }) => latencyUs?.[of]))
    return us === null ? null : Number((us / 1000).toPrecision(3))
  }
  return {
    neighbour,
    build: build.name,
    perSecond: median(runs.map(({ perSecond }) => perSecond)),
    p50Ms: milliseconds('p50'),
    p99Ms: milliseconds('p99'),
    maxMs: milliseconds('max'),
  }
}

function print(rows: readonly Row[], isJson: boolean, pins: boolean): void {
  const place = pins ? `broker on processor ${BROKER_PROCESSOR}, all else on ${GENERATOR_PROCESSOR}` : 'not pinned'
  if (isJson) {
    console.log(JSON.stringify({ environment: environmentLine(), place, rows }, undefined, 2))
    return
  }
  const lines = rows.map((row) => {
    const other = rows.find(({ neighbour, build }) => neighbour === row.neighbour && build === 'other')
    const ratio =
      row.build === 'this' && row.perSecond && other?.perSecond ? row.perSecond / other.perSecond : undefined
    const { p50, p99, max } = row.neighbour.wanted
    return [
      row.neighbour.description,
      row.build,
      row.perSecond === null ? '' : Math.round(row.perSecond).toLocaleString('en-US'),
      ratio?.toFixed(2) ?? '',
      ...[row.p50Ms, row.p99Ms, row.maxMs].map((ms) => String(ms ?? '–')),
      [p50, p99, max].map((ms) => ms ?? '–').join(' / '),
    ]
  })
  const head = ['beside', 'build', 'messages/s', 'ratio', 'p50 ms', 'p99 ms', 'max ms', 'wanted']
  console.log([environmentLine(), place, '', ...markdownTable(head, lines)].join('\n'))
}

if (process.argv.includes('--help')) console.log(USAGE)
else {
  try {
    await main()
    process.exit()
  } catch (error) {
    console.error(`bench:bystander: ${error instanceof Error ? error.message : error}`)
    process.exitCode = 1
  }
}
