import type { Properties } from '../../protocol/properties.ts'
import { parseBrokerUri } from '../../src/perf/broker-uri.ts'
import type { ClientConnection } from '../../src/perf/client-connection.ts'
import { login } from '../../src/perf/login.ts'
import { processUsage } from '../../src/perf/process-usage.ts'
import { LeveretProcess } from '../compare/leveret-process.ts'
import { type Bench, eachRound, type Measure } from '../durable/bench.ts'
import { figure } from '../durable/figure.ts'
import { publishFrames } from '../frames.ts'
import { QUEUE as DECLARATION } from '../method-arguments.ts'

// Fills a queue with messages that each have another expiration, and one with messages that have none.

const QUEUE = 'full'
const BODY = Buffer.alloc(16, 'x')
const EXPIRATION_MS_MIN = 3_600_000
const BATCH = 2000
/** The queue has so many of them before the others count: what is compiled and made first is there then. */
const FIRST_SHARE = 0.2
const MORE_BYTES_MAX = 40
const READ_BYTES = 4096

type PropertiesOf = (i: number) => Properties

export const expirations: Measure = {
  name: 'expirations',
  description: 'memory of queued messages of 16 B that each have another expiration',
  run: async (bench) => {
    const plain = (): Properties => ({ deliveryMode: 1 })
    const timed = (i: number): Properties => ({ deliveryMode: 1, expiration: String(EXPIRATION_MS_MIN + i) })
    const without = await eachRound(bench, 'expirations, without', () => bytesPerMessage(bench, plain))
    const withThem = await eachRound(bench, 'expirations, with', () => bytesPerMessage(bench, timed))
    const what = `${bench.messages.toLocaleString('en-US')} messages of 16 B in a queue`
    return [
      figure({ name: 'expirations.without', description: `${what}: memory of each`, unit: 'B' }, without),
      figure(
        {
          name: 'expirations.more',
          description: '– more with an expiration, each another one',
          unit: 'B',
          wanted: { below: MORE_BYTES_MAX },
        },
        withThem.map((bytes, round) => bytes - (without[round] ?? Number.NaN)),
      ),
    ]
  },
}

async function bytesPerMessage(bench: Bench, propertiesOf: PropertiesOf): Promise<number> {
  const leveret = await LeveretProcess.start(bench.pins)
  try {
    const client = await login(parseBrokerUri(leveret.url), READ_BYTES)
    await client.call('queue.declare', { ...DECLARATION, queue: QUEUE })
    const first = Math.ceil(bench.messages * FIRST_SHARE)
    await fill(client, 0, first, propertiesOf)
    const before = processUsage(leveret.pid).rssBytes
    await fill(client, first, first + bench.messages, propertiesOf)
    const bytes = processUsage(leveret.pid).rssBytes - before
    await client.close()
    return bytes / bench.messages
  } finally {
    await leveret.kill()
  }
}

/** Puts the messages from one number up to another into the queue. */
async function fill(client: ClientConnection, from: number, to: number, propertiesOf: PropertiesOf): Promise<void> {
  for (let first = from; first < to; first += BATCH) {
    const count = Math.min(BATCH, to - first)
    const frames = Array.from({ length: count }, (_, i) => publishFrames('', QUEUE, BODY, propertiesOf(first + i)))
    await new Promise<void>((resolve) => client.write(Buffer.concat(frames), resolve))
  }
  const answer = await client.call('queue.declare', { ...DECLARATION, queue: QUEUE, passive: true })
  const count = answer.name === 'queue.declare-ok' ? answer.args.messageCount : 0
  if (count !== to) throw new Error(`${to} messages were published, ${count} are in the queue`)
}
