import { rm } from 'node:fs/promises'
import { FRAME_MIN_BYTES } from '../../protocol/constants.ts'
import { encodeMethodFrame } from '../../protocol/method-codec.ts'
import type { MethodName } from '../../protocol/methods.ts'
import { parseBrokerUri } from '../../src/perf/broker-uri.ts'
import { login } from '../../src/perf/login.ts'
import { MessageImage } from '../../src/perf/message-image.ts'
import { processUsage } from '../../src/perf/process-usage.ts'
import type { Broker } from '../compare/generator.ts'
import { LeveretProcess } from '../compare/leveret-process.ts'
import { CHANNEL } from '../frames.ts'
import { type Bench, eachRound, type Measure, newStore, withLeveret } from './bench.ts'
import { type Figure, figure } from './figure.ts'
import { answers, READ_BYTES } from './pipeline.ts'

// Starts the broker over very many durable queues: empty ones, and ones with a binding and a message each.

const QUEUES = 200_000
/** So many are asked for before the answers are awaited. */
const PIPELINE = 10_000
const BODY_BYTES = 100
const SECONDS_MAX = 5

interface Start {
  readonly seconds: number
  readonly residentMegabytes: number
}

export const manyQueues: Measure = {
  name: 'many-queues',
  description: `start over ${QUEUES.toLocaleString('en-US')} durable queues, empty ones and used ones`,
  run: async (bench) => {
    const folder = newStore(bench)
    const figures: Figure[] = []
    await withLeveret(bench, folder, declareAll)
    figures.push(...(await startFigures(bench, folder, 'empty', 'durable queues', 0)))
    await withLeveret(bench, folder, useAll)
    const used = 'durable queues, each with a binding and a persistent message'
    figures.push(...(await startFigures(bench, folder, 'used', used, QUEUES)))
    await rm(folder, { recursive: true })
    return figures
  },
}

async function startFigures(
  bench: Bench,
  folder: string,
  name: string,
  what: string,
  messagesWanted: number,
): Promise<Figure[]> {
  const starts = await eachRound<Start>(bench, `many-queues, ${name}`, async () => {
    const leveret = await LeveretProcess.start(bench.pins, folder)
    const { rssBytes } = processUsage(leveret.pid)
    await leveret.kill()
    const { queues = 0, messages = 0 } = leveret.found ?? {}
    if (queues !== QUEUES || messages !== messagesWanted) {
      throw new Error(`${QUEUES} queues and ${messagesWanted} messages were kept, ${queues} and ${messages} found`)
    }
    return { seconds: leveret.startMs / 1000, residentMegabytes: rssBytes / 1e6 }
  })
  return [
    figure(
      {
        name: `many-queues.${name}`,
        description: `${QUEUES.toLocaleString('en-US')} ${what}: listening after`,
        unit: 's',
        wanted: { below: SECONDS_MAX },
      },
      starts.map(({ seconds }) => seconds),
    ),
    figure(
      { name: `many-queues.${name}.rss`, description: '– resident then', unit: 'MB' },
      starts.map(({ residentMegabytes }) => residentMegabytes),
    ),
  ]
}

async function declareAll(broker: Broker): Promise<void> {
  await pipelined(broker, 'queue.declare-ok', (names) => names.map(declaration))
}

/** The answer to a binding says that what was published before it has arrived, too. */
async function useAll(broker: Broker): Promise<void> {
  await pipelined(broker, 'queue.bind-ok', (names) => [messagesTo(names), ...names.map(binding)])
}

async function pipelined(
  broker: Broker,
  answer: MethodName,
  requests: (names: readonly string[]) => readonly Buffer[],
): Promise<void> {
  const connection = await login(parseBrokerUri(broker.url), READ_BYTES)
  try {
    for (let first = 0; first < QUEUES; first += PIPELINE) {
      const names = Array.from({ length: PIPELINE }, (_, i) => `queue-${first + i}`)
      const allAnswered = answers(connection, answer, PIPELINE)
      connection.write(Buffer.concat(requests(names)))
      await allAnswered
    }
  } finally {
    await connection.close()
  }
}

function declaration(queue: string): Buffer {
  const flags = { passive: false, durable: true, exclusive: false, autoDelete: false, nowait: false }
  return encodeMethodFrame(CHANNEL, 'queue.declare', { ...flags, queue, arguments: new Map() })
}

function binding(queue: string): Buffer {
  const args = { queue, exchange: 'amq.topic', routingKey: `key.${queue}`, nowait: false, arguments: new Map() }
  return encodeMethodFrame(CHANNEL, 'queue.bind', args)
}

function messagesTo(keys: readonly string[]): Buffer {
  const shape = { exchange: '', keys, bodyBytes: BODY_BYTES, isPersistent: true }
  return new MessageImage({ ...shape, frameMaxBytes: FRAME_MIN_BYTES, imageBytesMin: 0 }).bytes
}
