import { setTimeout as sleep } from 'node:timers/promises'
import { fieldTable } from '../../protocol/field-table-plain.ts'
import { encodeMethodFrame } from '../../protocol/method-codec.ts'
import { parseBrokerUri } from '../../src/perf/broker-uri.ts'
import { login } from '../../src/perf/login.ts'
import { processUsage } from '../../src/perf/process-usage.ts'
import type { Broker } from '../compare/generator.ts'
import { LeveretProcess } from '../compare/leveret-process.ts'
import { type Bench, eachRound, type Measure } from '../durable/bench.ts'
import { figure } from '../durable/figure.ts'
import { answers, READ_BYTES } from '../durable/pipeline.ts'
import { CHANNEL } from '../frames.ts'
import { QUEUE } from '../method-arguments.ts'

// Declares many queues whose messages have a time, and which end when they are not used, and then does nothing.

const QUEUES = 10_000
/** Some are declared first, so that what is compiled and made for them does not count. */
const FIRST_QUEUES = 1000
const TIMES = fieldTable({ 'x-message-ttl': 60_000, 'x-expires': 3_600_000 })
/** What was begun when they were declared is over by then. What memory it took for a moment is still there, and counts. */
const SETTLING_MS = 20_000
/** After so much more time, V8 has given that back, too, in a few full collections. */
const COLLECTING_MS = 40_000
const IDLE_SECONDS = 60
const CPU_PERCENT_MAX = 0.2
const QUEUE_BYTES_MAX = 4096

interface Round {
  readonly queueBytes: number
  readonly cpuPercent: number
}

export const idleQueues: Measure = {
  name: 'idle-queues',
  description: `${QUEUES.toLocaleString('en-US')} queues with x-message-ttl and x-expires that nothing is done with`,
  run: async (bench) => {
    const rounds = await eachRound(bench, 'idle-queues', () => runRound(bench))
    const what = `${QUEUES.toLocaleString('en-US')} queues with x-message-ttl and x-expires`
    return [
      figure(
        {
          name: 'idle-queues.cpu',
          description: `${what}: processor over ${IDLE_SECONDS} s`,
          unit: '%',
          wanted: { below: CPU_PERCENT_MAX },
        },
        rounds.map(({ cpuPercent }) => cpuPercent),
      ),
      figure(
        { name: 'idle-queues.bytes', description: '– memory of each', unit: 'B', wanted: { below: QUEUE_BYTES_MAX } },
        rounds.map(({ queueBytes }) => queueBytes),
      ),
    ]
  },
}

async function runRound(bench: Bench): Promise<Round> {
  const leveret = await LeveretProcess.start(bench.pins)
  try {
    await declareQueues(leveret, 'first', FIRST_QUEUES)
    const before = processUsage(leveret.pid)
    await declareQueues(leveret, 'queue', QUEUES)
    await sleep(SETTLING_MS)
    const settled = processUsage(leveret.pid)
    await sleep(COLLECTING_MS)
    const begin = processUsage(leveret.pid)
    await sleep(IDLE_SECONDS * 1000)
    const end = processUsage(leveret.pid)
    return {
      queueBytes: (settled.rssBytes - before.rssBytes) / QUEUES,
      cpuPercent: (100 * (end.cpuSeconds - begin.cpuSeconds)) / IDLE_SECONDS,
    }
  } finally {
    await leveret.kill()
  }
}

async function declareQueues(broker: Broker, prefix: string, count: number): Promise<void> {
  const connection = await login(parseBrokerUri(broker.url), READ_BYTES)
  try {
    const allAnswered = answers(connection, 'queue.declare-ok', count)
    const declaration = (i: number): Buffer =>
      encodeMethodFrame(CHANNEL, 'queue.declare', { ...QUEUE, queue: `${prefix}-${i}`, arguments: TIMES })
    connection.write(Buffer.concat(Array.from({ length: count }, (_, i) => declaration(i))))
    await allAnswered
  } finally {
    await connection.close()
  }
}
