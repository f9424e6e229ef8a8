import type { EmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import { ScratchVhost } from '../scratch-vhost.ts'
import type { BenchmarkCase, Suite } from '../suite.ts'

const COUNT = 1000
const BYTES_PER_CALL_MAX = 32 * 1024 * 1024
const TRANSIENT = { deliveryMode: 1 } as const
const DURABILITY = 'transient, kept in memory'

const RICH = {
  deliveryMode: 1,
  contentType: 'application/json',
  messageId: 'c0ffee',
  headers: { tenant: 'north', attempt: 1 },
} as const

export function publish(broker: EmbeddedBroker): Suite {
  const body = Buffer.alloc(100, 0x61)
  return {
    name: 'publish',
    note: `one message of 100 B to one queue, which keeps it; ${DURABILITY}`,
    cases: [
      toQueue(broker, 'publish', body.length, ({ vhost }) => vhost.publish('', 'q', body, TRANSIENT)),
      toQueue(broker, 'publish, with headers', body.length, ({ vhost }) => vhost.publish('', 'q', body, RICH)),
      batches(broker, body),
      getAndAck(broker, body),
    ],
  }
}

export function messageSizes(broker: EmbeddedBroker): Suite {
  const sizes = { '100 B': 100, '1 KB': 1000, '10 KB': 10_000, '100 KB': 100_000, '1 MB': 1_000_000 }
  return {
    name: 'message sizes',
    note: `one message to one queue, which keeps a copy of it; ${DURABILITY}`,
    cases: Object.entries(sizes).map(([name, bytes]) => {
      const body = Buffer.alloc(bytes, 0x61)
      return toQueue(broker, name, bytes, ({ vhost }) => vhost.publish('', 'q', body, TRANSIENT))
    }),
  }
}

/** Publishes to queue `q`; as often per call as fits into 32 MiB. */
function toQueue(
  broker: EmbeddedBroker,
  name: string,
  bytes: number,
  publishOne: (scratch: ScratchVhost) => void,
): BenchmarkCase {
  const operations = Math.min(COUNT, Math.floor(BYTES_PER_CALL_MAX / bytes))
  const scratch = new ScratchVhost(broker, name)
  scratch.queues('q')
  return {
    name,
    operations,
    bytes,
    run: () => {
      for (let i = 0; i < operations; i++) publishOne(scratch)
    },
    after: () => scratch.purge(operations),
  }
}

function batches(broker: EmbeddedBroker, body: Buffer): BenchmarkCase {
  const batch = Array.from({ length: 10 }, () => ({ exchange: '', routingKey: 'q', body, properties: TRANSIENT }))
  const scratch = new ScratchVhost(broker, 'batches')
  scratch.queues('q')
  return {
    name: 'publish in batches of 10',
    operations: COUNT,
    bytes: body.length,
    run: () => {
      for (let i = 0; i < COUNT; i += batch.length) scratch.vhost.publishBatch(batch)
    },
    after: () => scratch.purge(COUNT),
  }
}

function getAndAck(broker: EmbeddedBroker, body: Buffer): BenchmarkCase {
  const scratch = new ScratchVhost(broker, 'get')
  scratch.queues('q')
  const { vhost } = scratch
  return {
    name: 'get and ack',
    operations: COUNT,
    before: () => {
      for (let i = 0; i < COUNT; i++) vhost.publish('', 'q', body, TRANSIENT)
    },
    run: async () => {
      for (let message = await vhost.get('q'); message !== undefined; message = await vhost.get('q')) vhost.ack(message)
    },
    after: () => scratch.purge(0),
  }
}
