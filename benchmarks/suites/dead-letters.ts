import type { EmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import { ScratchVhost } from '../scratch-vhost.ts'
import type { BenchmarkCase, Suite } from '../suite.ts'

const COUNT = 1000
const BODY = Buffer.alloc(100, 0x61)
const TO_DEAD = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' }

/** What makes every message of the queue a dead letter as soon as it is there. */
const DEATHS = {
  'no time to live': { 'x-message-ttl': 0 },
  'no room': { 'x-max-length': 0 },
}

export function deadLetters(broker: EmbeddedBroker): Suite {
  return {
    name: 'dead letters',
    note: 'one message of 100 B that is published to a queue, dies there and goes to a second one; transient, kept in memory',
    cases: Object.entries(DEATHS).map(([name, settings]) => dying(broker, name, settings)),
  }
}

function dying(broker: EmbeddedBroker, name: string, settings: Readonly<Record<string, number>>): BenchmarkCase {
  const scratch = new ScratchVhost(broker, name)
  scratch.queues('dead')
  scratch.vhost.declareQueue('q', { durable: false, arguments: { ...TO_DEAD, ...settings } })
  return {
    name,
    operations: COUNT,
    bytes: BODY.length,
    run: () => {
      for (let i = 0; i < COUNT; i++) scratch.vhost.publish('', 'q', BODY)
    },
    after: () => {
      const dead = scratch.vhost.purgeQueue('dead')
      if (dead !== COUNT) throw new Error(`${dead} messages died, not ${COUNT}`)
    },
  }
}
