import type { EmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import { ScratchVhost } from '../scratch-vhost.ts'
import type { BenchmarkCase, Suite } from '../suite.ts'

const PARTIES = 10
const COUNT = 1000
const PREFETCH = 1000
const BODY = Buffer.alloc(100, 0x61)
const TRANSIENT = { deliveryMode: 1 } as const
const NAMES = Array.from({ length: PARTIES }, (_, i) => `q${i}`)

/** One thread does the work of all: what changes against a single party is that they come in turn. */
export function concurrentOperations(broker: EmbeddedBroker): Suite {
  return {
    name: 'concurrent operations',
    note: `${PARTIES} parties in turn, messages of 100 B; transient, kept in memory`,
    cases: [publishers(broker), registration(broker), publishersAndConsumers(broker)],
  }
}

function publishers(broker: EmbeddedBroker): BenchmarkCase {
  const scratch = new ScratchVhost(broker, 'publishers')
  scratch.queues(...NAMES)
  const { vhost } = scratch
  return {
    name: 'publishers, each to its queue',
    operations: COUNT,
    bytes: BODY.length,
    run: () => {
      for (let i = 0; i < COUNT; i += PARTIES) {
        for (const name of NAMES) vhost.publish('', name, BODY, TRANSIENT)
      }
    },
    after: () => scratch.purge(COUNT / PARTIES),
  }
}

function registration(broker: EmbeddedBroker): BenchmarkCase {
  const scratch = new ScratchVhost(broker, 'registration')
  scratch.queues(...NAMES)
  const { vhost } = scratch
  return {
    name: 'consumers registered and cancelled',
    operations: COUNT,
    run: () => {
      for (let i = 0; i < COUNT; i += PARTIES) {
        const consumers = NAMES.map((name) => vhost.consume(name, () => undefined))
        for (const consumer of consumers) consumer.cancel()
      }
    },
  }
}

/** From publish to the handler and its ack, over turns of the event loop. */
function publishersAndConsumers(broker: EmbeddedBroker): BenchmarkCase {
  const scratch = new ScratchVhost(broker, 'both')
  scratch.queues(...NAMES)
  const { vhost } = scratch
  let left = 0
  let done: () => void = () => undefined
  for (const name of NAMES) {
    const handler = (message: { readonly deliveryTag: number }): void => {
      vhost.ack(message.deliveryTag)
      if (--left === 0) done()
    }
    vhost.consume(name, handler, { prefetch: PREFETCH })
  }
  return {
    name: 'publishers and consumers with acks',
    operations: COUNT,
    bytes: BODY.length,
    run: () =>
      new Promise<void>((resolve) => {
        left = COUNT
        done = resolve
        for (let i = 0; i < COUNT; i += PARTIES) {
          for (const name of NAMES) vhost.publish('', name, BODY, TRANSIENT)
        }
      }),
    after: () => scratch.purge(0),
  }
}
