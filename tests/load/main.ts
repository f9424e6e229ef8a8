// npm run load -- [options]: puts a broker under load, or under attack, and prints what came of it and how a bystander fared.
import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { runningBroker, startBroker } from './broker.ts'
import { startBystander } from './bystander-worker.ts'
import { type Figures, SCENARIOS, type Scenario } from './scenarios.ts'

const USAGE = `Usage: npm run load -- [options]
  --only NAMES   scenarios, with commas between: ${Object.keys(SCENARIOS).join(', ')}
  --seconds N    how long each lasts (default: each has its own; flood by hand: 600)
  --scale N      of the numbers of connections and messages, so much (default 1)
  --url URL      a broker that runs already, amqp:// or amqps:// (default: one is started for each scenario)
  --help         print this

Exit code 0 when the bystander's messages took less than 50 ms (p99) in each, and memory stayed where it should; 1 when not.`

const P99_MS_MAX = 50
const TASKSET = 'taskset'
const LIMIT_SHARE_MAX = 1.2

interface Options {
  readonly seconds: number | undefined
  readonly scale: number
  readonly url: string | undefined
  /** Starts a program on the broker's processor, where there are two. */
  readonly brokerPin: readonly string[]
}

/** Runs one; whether it went as it should. */
async function run(name: string, scenario: Scenario, { seconds, scale, url, brokerPin }: Options): Promise<boolean> {
  const { broker: options, isEncrypted = false } = scenario
  const broker = url === undefined ? await startBroker(options, isEncrypted, brokerPin) : runningBroker(url)
  const stopBystander = await startBystander(broker.plainTarget)
  try {
    await broker.loop?.()
    const figures = await scenario.run(broker, { seconds: seconds ?? scenario.seconds, scale })
    const loop = (await broker.loop?.())?.delayUs
    const { latencyUs: latency, failure } = await stopBystander()
    const ms = (us = Number.NaN): number => Number((us / 1000).toPrecision(3))
    const peakMb = broker.memory?.peakMb
    const { limitMb } = scenario
    const percent = broker.memory?.processorPercent()
    const isMemoryFine = peakMb === undefined || limitMb === undefined || peakMb <= limitMb * LIMIT_SHARE_MAX
    const isWell = failure === undefined && ms(latency?.p99) < P99_MS_MAX && isMemoryFine
    const limit = limitMb === undefined ? '' : ` of ${limitMb}`
    const rows: Figures = {
      ...figures,
      'bystander ms p50/p99/max': [latency?.p50, latency?.p99, latency?.max].map(ms).join(' / '),
      ...(loop === undefined
        ? {}
        : { "delay of the broker's loop, ms p50/p99/max": [loop.p50, loop.p99, loop.max].map(ms).join(' / ') }),
      ...(peakMb === undefined
        ? {}
        : { 'RSS at most': `${peakMb}${limit} MB (${broker.memory?.idleMb} at the start)` }),
      ...(percent === undefined ? {} : { 'processor of the broker': `${percent} %` }),
      ...(failure === undefined ? {} : { 'bystander ended': failure }),
    }
    console.log(`${isWell ? 'ok  ' : 'MISS'} ${name}: ${scenario.description}`)
    for (const [what, figure] of Object.entries(rows)) if (figure !== '') console.log(`       ${what}: ${figure}`)
    return isWell
  } finally {
    await broker.stop()
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      seconds: { type: 'string' },
      scale: { type: 'string', default: '1' },
      url: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  const names = values.only?.split(',') ?? Object.keys(SCENARIOS)
  const unknown = names.find((name) => SCENARIOS[name] === undefined)
  if (unknown !== undefined) throw new Error(`there is no scenario '${unknown}'`)
  const seconds = values.seconds === undefined ? undefined : numberOf('seconds', values.seconds, 1, 3600)
  console.log(`Node.js ${process.version}, ${availableParallelism()} processors`)
  const brokerPin = shareProcessors()
  const options = { seconds, scale: numberOf('scale', values.scale, 0.001, 10), url: values.url, brokerPin }
  let isWell = true
  for (const name of names) isWell = (await run(name, SCENARIOS[name] as Scenario, options)) && isWell
  return isWell ? 0 : 1
}

/**
 * The load has the first processor, on which the bystander comes first, and the broker the second: otherwise the bystander's
 * figures have in them how the system shares processors. Returns what starts a program there.
 */
function shareProcessors(): readonly string[] {
  if (availableParallelism() < 2) return []
  try {
    execFileSync(TASKSET, ['-a', '-p', '-c', '0', String(process.pid)], { stdio: 'ignore' })
  } catch {
    console.error('warning: without taskset, the broker and the load take processor time from one another')
    return []
  }
  return [TASKSET, '-c', '1']
}

function numberOf(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!(value >= min && value <= max)) throw new Error(`--${name} is '${text}': must be from ${min} to ${max}`)
  return value
}

// On its way out it ends its broker, too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(2))

process.exit(
  await main().catch((error: unknown) => {
    console.error(`load: ${error instanceof Error ? error.message : error}`)
    return 2
  }),
)
