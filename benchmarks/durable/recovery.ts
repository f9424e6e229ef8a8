import { rm } from 'node:fs/promises'
import { processUsage } from '../../src/perf/process-usage.ts'
import { LeveretProcess } from '../compare/leveret-process.ts'
import { type Bench, eachRound, type Measure, newStore, runCounted } from './bench.ts'
import { figure } from './figure.ts'

// Fills a queue, kills the broker and starts it again over the same folder. The system still has the files in memory, as
// it has after a crash of the broker alone; after a power loss the disk would have to be read first.

const FILL = ['--size', '100', '--durable', '--persistent', '--confirm', '1000', '--consumers', '0', '--keep']

interface Round {
  readonly seconds: number
  readonly residentMegabytes: number
}

export const recovery: Measure = {
  name: 'recovery',
  description: 'kill -9 with persistent messages of 100 bytes in a queue, then start again',
  run: async (bench) => {
    const rounds = await eachRound(bench, 'recovery', () => runRound(bench))
    const what = `${bench.messages.toLocaleString('en-US')} persistent messages of 100 B`
    return [
      figure(
        {
          name: 'recovery.time',
          description: `kill -9 with ${what}: listening again after`,
          unit: 's',
          wanted: { below: 1 },
        },
        rounds.map(({ seconds }) => seconds),
      ),
      figure(
        { name: 'recovery.rss', description: '– resident then', unit: 'MB', wanted: { below: 150 } },
        rounds.map(({ residentMegabytes }) => residentMegabytes),
      ),
    ]
  },
}

async function runRound(bench: Bench): Promise<Round> {
  const folder = newStore(bench)
  const filled = await LeveretProcess.start(bench.pins, folder)
  try {
    await runCounted(bench, { name: 'fill', options: FILL }, filled, bench.messages)
  } finally {
    await filled.kill()
  }
  const again = await LeveretProcess.start(bench.pins, folder)
  try {
    const { rssBytes } = processUsage(again.pid)
    const { messages = 0 } = again.found ?? {}
    if (messages !== bench.messages) throw new Error(`${bench.messages} messages were confirmed, ${messages} recovered`)
    return { seconds: again.startMs / 1000, residentMegabytes: rssBytes / 1e6 }
  } finally {
    await again.kill()
    await rm(folder, { recursive: true })
  }
}
