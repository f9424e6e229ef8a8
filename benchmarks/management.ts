import { parseArgs } from 'node:util'
import { type ChannelModel, connect } from 'amqplib'
import { canPin, GENERATOR_PROCESSOR, pinProcess } from './compare/pinning.ts'
import { median } from './compare/results.ts'
import { markdownTable } from './compare/table.ts'
import { environmentLine } from './environment.ts'
import { ManagedBroker } from './management/broker.ts'
import { inTurns, type Outcome, WARM_UP } from './management/traffic.ts'
import { numberOption } from './options.ts'

// npm run bench:management
//
// What looking at a broker costs its traffic: lists, metrics and samples of very many queues, how long they take, and for how long
// they hold the event loop up. Where it is late by more than the processor time of a turn, the system ran something else.

const PARTS = ['lists', 'long', 'samples'] as const
type Part = (typeof PARTS)[number]

const USAGE = `Usage: npm run bench:management -- [options]
  --part NAME        one of ${PARTS.join(', ')} (default: all)
  --queues N         queues of the short lists and of the metrics (default 10000)
  --many-queues N    queues of the long lists (default 100000)
  --connections N    connections beside them (default 1000)
  --seconds N        length of a run of traffic (default 5)
  --rounds N         runs of each kind, in turns (default 3)`

const FIRST_PAGE = 'page=1&page_size=100&sort_reverse=true'
const PAGE_SIZE = 500

interface Settings {
  readonly queues: number
  readonly manyQueues: number
  readonly connections: number
  readonly seconds: number
  readonly rounds: number
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      part: { type: 'string' },
      queues: { type: 'string', default: '10000' },
      'many-queues': { type: 'string', default: '100000' },
      connections: { type: 'string', default: '1000' },
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '3' },
    },
  })
  const settings: Settings = {
    queues: numberOption('queues', values.queues, 1, 1_000_000),
    manyQueues: numberOption('many-queues', values['many-queues'], 1, 1_000_000),
    connections: numberOption('connections', values.connections, 0, 10_000),
    seconds: numberOption('seconds', values.seconds, 1, 600),
    rounds: numberOption('rounds', values.rounds, 1, 100),
  }
  const parts = values.part === undefined ? PARTS : PARTS.filter((part) => part === values.part)
  if (parts.length === 0) throw new Error(`there is no part ${values.part}`)
  if (canPin()) pinProcess(process.pid, GENERATOR_PROCESSOR)
  console.log(`${environmentLine()}\n`)
  for (const part of parts) await RUNS_OF[part](settings)
}

const RUNS_OF: Readonly<Record<Part, (settings: Settings) => Promise<void>>> = {
  lists: listsAndMetrics,
  long: longLists,
  samples: samples,
}

/** The first page of lists, and the metrics, beside traffic and without. */
async function listsAndMetrics({ queues, connections, seconds, rounds }: Settings): Promise<void> {
  const broker = await ManagedBroker.start(queues)
  const open = await opened(broker, connections)
  await broker.get('/api/overview')
  await broker.get('', 'metrics')
  const times = { queues: [] as number[], connections: [] as number[], metrics: [] as number[] }
  const outcomes = await inTurns(
    [
      { name: 'traffic alone', broker },
      {
        name: 'both lists, twice a second',
        broker,
        perSecond: 2,
        ask: async () => {
          times.queues.push(await broker.get(`/api/queues?${FIRST_PAGE}&sort=messages`))
          times.connections.push(await broker.get(`/api/connections?${FIRST_PAGE}&sort=name`))
        },
      },
      {
        name: '/metrics/per-object, once a second',
        broker,
        ask: async () => {
          times.metrics.push(await broker.get('/per-object', 'metrics'))
        },
      },
    ],
    rounds,
    seconds,
  )
  const row = (name: string, all: number[]): string[] => {
    const measuredOnes = all.slice(WARM_UP)
    return [name, String(measuredOnes.length), ms(quantile(measuredOnes, 0.5)), ms(quantile(measuredOnes, 0.99))]
  }
  console.log(`${queues} queues, ${connections} connections\n`)
  printOutcomes(outcomes)
  print(
    ['beside traffic', 'times', 'p50', 'p99'],
    [
      row('first 100 queues by messages', times.queues),
      row('first 100 connections by name', times.connections),
      row('/metrics/per-object', times.metrics),
    ],
  )
  const rows: string[][] = []
  for (const path of ['', '/per-object', '/detailed?family=queue_coarse_metrics']) {
    rows.push(await measured(broker, `/metrics${path}`, () => broker.get(path, 'metrics')))
  }
  print(['without traffic', ...MEASURED], rows)
  for (const connection of open) await connection.close()
  broker.stop()
}

async function opened(broker: ManagedBroker, connections: number): Promise<ChannelModel[]> {
  const open: ChannelModel[] = []
  for (let i = 0; i < connections; i++) open.push(await connect(`${broker.urls.amqp}?heartbeat=0`))
  return open
}

/** All pages of a long list one after the other beside traffic; other lists of it without. */
async function longLists({ manyQueues, seconds, rounds }: Settings): Promise<void> {
  const broker = await ManagedBroker.start(manyQueues)
  await broker.get('/api/overview')
  const last = Math.ceil(manyQueues / PAGE_SIZE)
  let page = 0
  const outcomes = await inTurns(
    [
      { name: 'traffic alone', broker },
      {
        name: `pages of ${PAGE_SIZE}, one after the other`,
        broker,
        perSecond: 1000,
        ask: async () => {
          page = (page % last) + 1
          await broker.get(`/api/queues?page=${page}&page_size=${PAGE_SIZE}`)
        },
      },
    ],
    rounds,
    seconds,
  )
  console.log(`${manyQueues} queues; ${page} pages\n`)
  printOutcomes(outcomes)
  const rows: string[][] = []
  for (const path of [
    `/api/queues?page=${last}&page_size=${PAGE_SIZE}`,
    `/api/queues?${FIRST_PAGE}&sort=messages`,
    `/api/queues?${FIRST_PAGE}&sort=messages&name=7.$&use_regex=true`,
    '/api/queues?disable_stats=true',
    '/api/queues',
    '/api/overview',
  ]) {
    rows.push(await measured(broker, path, () => broker.get(path)))
  }
  rows.push(await measured(broker, '/metrics/per-object', () => broker.get('/per-object', 'metrics')))
  print(['without traffic', ...MEASURED], rows)
  broker.stop()
}

/** A broker whose statistics are sampled, and one whose are not. */
async function samples({ queues, connections, seconds, rounds }: Settings): Promise<void> {
  const [without, sampled] = [await ManagedBroker.start(queues, 'closed'), await ManagedBroker.start(queues)]
  const open = [...(await opened(without, connections)), ...(await opened(sampled, connections))]
  const outcomes = await inTurns(
    [
      { name: 'without samples', broker: without },
      { name: 'a sample every five seconds', broker: sampled },
      { name: 'a sample every second beside them', broker: sampled, ask: () => sampled.sample() },
    ],
    rounds,
    seconds,
  )
  console.log(`${queues} queues, ${connections} connections\n`)
  printOutcomes(outcomes)
  const once = async (): Promise<number> => {
    const startedAtMs = performance.now()
    await sampled.sample()
    return performance.now() - startedAtMs
  }
  print(['without traffic', ...MEASURED], [await measured(sampled, 'a sample', once)])
  for (const connection of open) await connection.close()
  for (const broker of [without, sampled]) broker.stop()
}

const RUNS = 5
const MEASURED = ['median', 'longest', 'event loop late, p99', 'at most', 'CPU of a turn at most'] as const

async function measured(broker: ManagedBroker, name: string, run: () => Promise<number>): Promise<string[]> {
  const times: number[] = []
  await run()
  const { p99, max, cpuMax } = await broker.loopDelayOf(async () => {
    for (let i = 0; i < RUNS; i++) times.push(await run())
  })
  return [name, ms(median(times) ?? 0), ms(Math.max(...times)), ms(p99), ms(max), ms(cpuMax)]
}

function printOutcomes(outcomes: readonly Outcome[]): void {
  print(
    ['', 'messages/s', 'share', 'event loop late at most, median', 'worst', 'CPU of a turn at most'],
    outcomes.map(({ name, rate, share, lateMs, lateMsMax, cpuMsMax }) => [
      name,
      String(Math.round(rate)),
      share.toFixed(3),
      ms(lateMs),
      ms(lateMsMax),
      ms(cpuMsMax),
    ]),
  )
}

function print(head: readonly string[], rows: readonly string[][]): void {
  console.log(`${markdownTable([...head], [...rows]).join('\n')}\n`)
}

function quantile(all: readonly number[], share: number): number {
  const sorted = [...all].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

function ms(value: number): string {
  return `${value.toFixed(1)} ms`
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  console.error(USAGE)
  process.exitCode = 1
}
