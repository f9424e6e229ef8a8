import type { EmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import { ScratchVhost } from '../scratch-vhost.ts'
import type { BenchmarkCase, Suite } from '../suite.ts'

const COUNT = 1000
const TRANSIENT = { durable: false } as const

export function exchangeDeclaration(broker: EmbeddedBroker): Suite {
  const declare = (name: string, type: string): BenchmarkCase =>
    repeated(broker, `${name} exchange`, ({ vhost }, i) => vhost.declareExchange(`exchange-${i}`, type, TRANSIENT))
  return {
    name: 'exchange declaration',
    note: 'one new exchange with a name of its own; transient, kept in memory',
    cases: [
      declare('direct', 'direct'),
      declare('fanout', 'fanout'),
      declare('topic', 'topic'),
      declare('headers', 'headers'),
      repeated(broker, 'declared before', ({ vhost }) => vhost.declareExchange('the same', 'topic', TRANSIENT)),
    ],
  }
}

export function queueDeclaration(broker: EmbeddedBroker): Suite {
  return {
    name: 'queue declaration',
    note: 'one new queue with a name of its own, or one binding; transient, kept in memory',
    cases: [
      repeated(broker, 'queue', ({ vhost }, i) => vhost.declareQueue(`queue-${i}`, TRANSIENT)),
      repeated(broker, 'declared before', ({ vhost }) => vhost.declareQueue('the same', TRANSIENT)),
      repeated(broker, 'named by the broker', ({ vhost }) => vhost.declareQueue('', TRANSIENT)),
      repeated(
        broker,
        'binding to a topic exchange',
        ({ vhost }, i) => vhost.bindQueue('bound', 'amq.topic', `a.${i}.*`),
        (scratch) => scratch.queues('bound'),
      ),
    ],
  }
}

/** One operation, 1000 times in an empty virtual host. */
function repeated(
  broker: EmbeddedBroker,
  name: string,
  operation: (scratch: ScratchVhost, i: number) => void,
  prepare: (scratch: ScratchVhost) => void = () => undefined,
): BenchmarkCase {
  const scratch = new ScratchVhost(broker, name)
  return {
    name,
    operations: COUNT,
    before: () => {
      scratch.renew()
      prepare(scratch)
    },
    run: () => {
      for (let i = 0; i < COUNT; i++) operation(scratch, i)
    },
    after: () => scratch.renew(),
  }
}
