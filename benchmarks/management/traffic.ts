/** Messages through a broker while something else is asked of it, in turns with runs in which nothing is. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { median } from '../compare/results.ts'
import type { ManagedBroker } from './broker.ts'

/** What goes on beside the traffic. */
export interface Company {
  readonly name: string
  /** The broker that has the traffic. */
  readonly broker: ManagedBroker
  /** Asked again and again while the traffic runs, so many times in a second. */
  readonly ask?: () => Promise<void>
  readonly perSecond?: number
}

export interface Outcome {
  readonly name: string
  /** Messages in a second, the median of all runs. */
  readonly rate: number
  /** Its share of the rate of the first company, run by run; their median. */
  readonly share: number
  /** By how much the event loop was late at most: the median of all runs, and the worst of them. */
  readonly lateMs: number
  readonly lateMsMax: number
  /** The most processor time that one turn of it took, in the worst run. */
  readonly cpuMsMax: number
}

/** Requests before anything counts: code that runs for the first time is slow. */
export const WARM_UP = 20

/** Runs one after the other, round by round, so that what changes in the machine meanwhile is in all of them. */
export async function inTurns(companies: readonly Company[], rounds: number, seconds: number): Promise<Outcome[]> {
  const rates = companies.map((): number[] => [])
  const late = companies.map((): number[] => [])
  const cpu = companies.map((): number[] => [])
  for (const { ask } of companies) for (let time = 0; time < WARM_UP; time++) await ask?.()
  for (let round = 0; round < rounds; round++) {
    for (const [at, { broker, ask, perSecond = 1 }] of companies.entries()) {
      let rate = 0
      const { max, cpuMax } = await broker.loopDelayOf(async () => {
        const asking = ask === undefined ? undefined : askEvery(1000 / perSecond, ask)
        rate = await traffic(broker, seconds)
        await asking?.stop()
      })
      rates[at]?.push(rate)
      late[at]?.push(max)
      cpu[at]?.push(cpuMax)
    }
  }
  return companies.map(({ name }, at) => {
    const own = rates[at] ?? []
    const shares = own.map((rate, round) => rate / (rates[0]?.[round] ?? rate))
    const lateMs = late[at] ?? []
    return {
      name,
      rate: median(own) ?? 0,
      share: median(shares) ?? 0,
      lateMs: median(lateMs) ?? 0,
      lateMsMax: Math.max(...lateMs),
      cpuMsMax: Math.max(...(cpu[at] ?? [])),
    }
  })
}

function askEvery(everyMs: number, ask: () => Promise<void>) {
  let isOver = false
  const run = async (): Promise<void> => {
    while (!isOver) {
      const nextAtMs = performance.now() + everyMs
      await ask()
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
  const program = join(import.meta.dirname, '../../src/cli/main.js')
  const options = ['--uri', broker.urls.amqp, '--time', String(seconds), '--json', '--processes', '1']
  const child = spawn(process.execPath, [program, 'perf', ...options], { stdio: ['ignore', 'pipe', 'inherit'] })
  return JSON.parse(await text(child.stdout)).consumed.perSecond
}
