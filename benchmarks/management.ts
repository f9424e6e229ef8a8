import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { type ChannelModel, connect } from 'amqplib'
import { canPin, GENERATOR_PROCESSOR, pinProcess } from './compare/pinning.ts'
import { median } from './compare/results.ts'
import { markdownTable } from './compare/table.ts'
import { environmentLine } from './environment.ts'
import { ManagedBroker } from './management/broker.ts'
import { numberOption } from './options.ts'

// npm run bench:management
//
// What looking at a broker costs its traffic: lists, metrics and samples of very many queues, how long they take, and for how long
// they hold the event loop up.

const USAGE = `Usage: npm run bench:management -- [options]
  --queues N         queues of the short lists and of the metrics (default 10000)
  --many-queues N    queues of the long lists (default 100000)
  --connections N    connections beside them (default 1000)
  --seconds N        length of a run of traffic (default 5)`

const FIRST_PAGE = 'page=1&page_size=100&sort_reverse=true'
/** Requests for each of the lists in a second. */
const LISTS_PER_SECOND = 4

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      queues: { type: 'string', default: '10000' },
      'many-queues': { type: 'string', default: '100000' },
      connections: { type: 'string', default: '1000' },
      seconds: { type: 'string', default: '5' },
    },
  })
  if (canPin()) pinProcess(process.pid, GENERATOR_PROCESSOR)
  const seconds = numberOption('seconds', values.seconds, 1, 600)
  console.log(`${environmentLine()}\n`)
  await besideTraffic(
    numberOption('queues', values.queues, 1, 1_000_000),
    numberOption('connections', values.connections, 0, 10_000),
    seconds,
  )
  await longLists(numberOption('many-queues', values['many-queues'], 1, 1_000_000))
}

async function besideTraffic(queues: number, connections: number, seconds: number): Promise<void> {
  const broker = await ManagedBroker.start(queues)
  const open: ChannelModel[] = []
  for (let i = 0; i < connections; i++) open.push(await connect(`${broker.urls.amqp}?heartbeat=0`))
  await broker.get('/api/overview')
  const rates: number[][] = [[], []]
  const times = { queues: [] as number[], connections: [] as number[] }
  for (let round = 0; round < 3; round++) {
    rates[0]?.push(await traffic(broker, seconds))
    const lists = listsEvery(broker, times)
    rates[1]?.push(await traffic(broker, seconds))
    await lists.stop()
  }
  const [alone = 0, beside = 0] = rates.map((all) => median(all) ?? 0)
  const row = (name: string, all: number[]): string[] => [name, ms(quantile(all, 0.5)), ms(quantile(all, 0.99))]
  const share = (beside / alone).toFixed(2)
  console.log(
    `${queues} queues, ${connections} connections, ${Math.round(alone)} messages/s; with the lists ${share} of it\n`,
  )
  console.log(
    markdownTable(
      ['the first 100', 'p50', 'p99'],
      [row('queues by messages', times.queues), row('connections by name', times.connections)],
    ).join('\n'),
  )
  for (const connection of open) await connection.close()
  await metricsRows(broker, queues)
  broker.stop()
}

function listsEvery(broker: ManagedBroker, times: { queues: number[]; connections: number[] }) {
  let isOver = false
  const run = async (): Promise<void> => {
    while (!isOver) {
      const nextAtMs = performance.now() + 1000 / LISTS_PER_SECOND
      times.queues.push(await broker.get(`/api/queues?${FIRST_PAGE}&sort=messages`))
      times.connections.push(await broker.get(`/api/connections?${FIRST_PAGE}&sort=name`))
      await new Promise((resolve) => setTimeout(resolve, nextAtMs - performance.now()))
    }
  }
  const running = run()
  return {
    stop: async (): Promise<void> => {
      isOver = true
      await running
    },
  }
}

/** Messages per second from one publisher to one consumer. */
async function traffic(broker: ManagedBroker, seconds: number): Promise<number> {
  const program = join(import.meta.dirname, '../src/cli/main.js')
  const options = ['--uri', broker.urls.amqp, '--time', String(seconds), '--json', '--processes', '1']
  const child = spawn(process.execPath, [program, 'perf', ...options], { stdio: ['ignore', 'pipe', 'inherit'] })
  return JSON.parse(await text(child.stdout)).consumed.perSecond
}

async function metricsRows(broker: ManagedBroker, queues: number): Promise<void> {
  const rows: string[][] = []
  for (const path of ['', '/per-object', '/detailed?family=queue_coarse_metrics']) {
    rows.push(await measured(broker, `/metrics${path}`, () => broker.get(path, 'metrics')))
  }
  console.log(`\n${queues} queues\n`)
  console.log(markdownTable(['metrics', 'median', 'longest', 'event loop late, p99', 'at most'], rows).join('\n'))
}

async function longLists(queues: number): Promise<void> {
  const broker = await ManagedBroker.start(queues)
  const rows: string[][] = []
  const last = Math.ceil(queues / 500)
  for (const path of [
    '/api/queues?page=1&page_size=500',
    `/api/queues?page=${Math.ceil(last / 2)}&page_size=500`,
    `/api/queues?page=${last}&page_size=500`,
    `/api/queues?${FIRST_PAGE}&sort=messages`,
    `/api/queues?${FIRST_PAGE}&sort=messages&name=7.$&use_regex=true`,
    '/api/queues?disable_stats=true',
    '/api/queues',
    '/api/overview',
  ]) {
    rows.push(await measured(broker, path, () => broker.get(path)))
  }
  rows.push(
    await measured(broker, 'a sample', async () => {
      const startedAtMs = performance.now()
      await broker.sample()
      return performance.now() - startedAtMs
    }),
  )
  rows.push(await measured(broker, '/metrics/per-object', () => broker.get('/per-object', 'metrics')))
  console.log(`\n${queues} queues\n`)
  console.log(markdownTable(['', 'median', 'longest', 'event loop late, p99', 'at most'], rows).join('\n'))
  broker.stop()
}

const RUNS = 5

async function measured(broker: ManagedBroker, name: string, run: () => Promise<number>): Promise<string[]> {
  const times: number[] = []
  await run()
  const { p99, max } = await broker.loopDelayOf(async () => {
    for (let i = 0; i < RUNS; i++) times.push(await run())
  })
  return [name, ms(median(times) ?? 0), ms(Math.max(...times)), ms(p99), ms(max)]
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
