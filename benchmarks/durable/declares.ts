import { rm } from 'node:fs/promises'
import { encodeMethodFrame } from '../../protocol/method-codec.ts'
import { parseBrokerUri } from '../../src/perf/broker-uri.ts'
import { login } from '../../src/perf/login.ts'
import type { Broker } from '../compare/generator.ts'
import { LeveretProcess } from '../compare/leveret-process.ts'
import { CHANNEL } from '../frames.ts'
import { type Bench, eachRound, type Measure, newStore } from './bench.ts'
import { type Figure, figure, type Wanted } from './figure.ts'
import { answers, READ_BYTES } from './pipeline.ts'

// Declares durable things on one channel without waiting for the answers, until all are there. At the end the broker is
// killed and started again: what it has answered must be there.

const DECLARES = 10_000
const WARMUP_DECLARES = 1000
const WANTED: Wanted = { above: 5000 }

type Kind = 'queue' | 'exchange'

interface Round {
  readonly perSecond: number
  readonly generatorCpuPercent: number
}

export const declares: Measure = {
  name: 'declares',
  description: `${DECLARES.toLocaleString('en-US')} durable exchanges and queues declared in a pipeline`,
  run: async (bench) => {
    const folder = newStore(bench)
    const figures: Figure[] = []
    const leveret = await LeveretProcess.start(bench.pins, folder)
    try {
      for (const kind of ['queue', 'exchange'] as const) {
        await declareMany(leveret, kind, 'warm', WARMUP_DECLARES)
        const work = (round: number): Promise<Round> => declareMany(leveret, kind, `round-${round}`, DECLARES)
        figures.push(declareFigure(kind, await eachRound(bench, `declares, ${kind}s`, work)))
      }
    } finally {
      await leveret.kill()
    }
    await requireAll(bench, folder)
    await rm(folder, { recursive: true })
    return figures
  },
}

function declareFigure(kind: Kind, rounds: readonly Round[]): Figure {
  const meaning = {
    name: `declares.${kind}`,
    description: `durable ${kind}s declared in a pipeline`,
    unit: '/s',
    wanted: WANTED,
    generatorCpuPercent: Math.max(...rounds.map(({ generatorCpuPercent }) => generatorCpuPercent)),
  }
  return figure(
    meaning,
    rounds.map(({ perSecond }) => perSecond),
  )
}

async function declareMany(broker: Broker, kind: Kind, prefix: string, count: number): Promise<Round> {
  const frames = Buffer.concat(Array.from({ length: count }, (_, i) => declaration(kind, `${prefix}-${i}`)))
  const connection = await login(parseBrokerUri(broker.url), READ_BYTES)
  try {
    const cpuBefore = process.cpuUsage()
    const startedAtMs = performance.now()
    const allAnswered = answers(connection, `${kind}.declare-ok`, count)
    connection.write(frames)
    await allAnswered
    const seconds = (performance.now() - startedAtMs) / 1000
    const { user, system } = process.cpuUsage(cpuBefore)
    return { perSecond: count / seconds, generatorCpuPercent: Math.round((user + system) / 10_000 / seconds) }
  } finally {
    await connection.close()
  }
}

function declaration(kind: Kind, name: string): Buffer {
  const common = { passive: false, durable: true, autoDelete: false, nowait: false, arguments: new Map() }
  return kind === 'queue'
    ? encodeMethodFrame(CHANNEL, 'queue.declare', { ...common, queue: name, exclusive: false })
    : encodeMethodFrame(CHANNEL, 'exchange.declare', { ...common, exchange: name, type: 'direct', internal: false })
}

async function requireAll(bench: Bench, folder: string): Promise<void> {
  const again = await LeveretProcess.start(bench.pins, folder)
  await again.stop()
  const declared = WARMUP_DECLARES + bench.rounds * DECLARES
  const { queues = 0, exchanges = 0 } = again.found ?? {}
  if (queues < declared || exchanges < declared) {
    throw new Error(
      `${declared} were declared each, but after kill -9 there are ${queues} queues, ${exchanges} exchanges`,
    )
  }
}
