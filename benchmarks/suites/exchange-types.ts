import type { EmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import type { MessageProperties } from '../../src/embedded/message-properties.ts'
import { ScratchVhost } from '../scratch-vhost.ts'
import type { BenchmarkCase, Suite } from '../suite.ts'

const COUNT = 1000
const BINDINGS = 1000
const BODY = Buffer.alloc(100, 0x61)
const TRANSIENT = { deliveryMode: 1 } as const

/** An exchange, who is bound to it, and what is published to it: each message reaches every queue of the scene. */
interface Scene {
  readonly name: string
  readonly type: string
  readonly queues: number
  readonly bind: (vhost: EmbeddedBroker, queue: string) => void
  readonly routingKey: (i: number) => string
  readonly properties?: MessageProperties
}

const SCENES: readonly Scene[] = [
  {
    name: 'direct',
    type: 'direct',
    queues: 1,
    bind: (vhost, queue) => vhost.bindQueue(queue, 'x', 'orders'),
    routingKey: () => 'orders',
  },
  {
    name: 'fanout to 1 queue',
    type: 'fanout',
    queues: 1,
    bind: (vhost, queue) => vhost.bindQueue(queue, 'x'),
    routingKey: () => '',
  },
  {
    name: 'fanout to 10 queues',
    type: 'fanout',
    queues: 10,
    bind: (vhost, queue) => vhost.bindQueue(queue, 'x'),
    routingKey: () => '',
  },
  {
    name: 'topic',
    type: 'topic',
    queues: 1,
    bind: (vhost, queue) => vhost.bindQueue(queue, 'x', 'orders.*.created'),
    routingKey: () => 'orders.eu.created',
  },
  {
    name: `topic, ${BINDINGS} bindings, keys in turn`,
    type: 'topic',
    queues: 1,
    bind: (vhost, queue) => {
      for (let i = 0; i < BINDINGS; i++) vhost.bindQueue(queue, 'x', `dev.${i}.*.temp`)
    },
    routingKey: (i) => `dev.${i % BINDINGS}.room.temp`,
  },
  {
    name: 'headers, all of 2',
    type: 'headers',
    queues: 1,
    bind: (vhost, queue) => vhost.bindQueue(queue, 'x', '', { 'x-match': 'all', kind: 'order', region: 'eu' }),
    routingKey: () => '',
    properties: { deliveryMode: 1, headers: { kind: 'order', region: 'eu' } },
  },
]

export function exchangeTypes(broker: EmbeddedBroker): Suite {
  return {
    name: 'exchange types',
    note: 'one message of 100 B through an exchange to its queues, which keep it; transient, kept in memory',
    cases: SCENES.map((scene) => through(broker, scene)),
  }
}

function through(broker: EmbeddedBroker, scene: Scene): BenchmarkCase {
  const scratch = new ScratchVhost(broker, scene.name)
  const { vhost } = scratch
  scratch.exchange('x', scene.type)
  for (let i = 0; i < scene.queues; i++) {
    scratch.queues(`q${i}`)
    scene.bind(vhost, `q${i}`)
  }
  const keys = Array.from({ length: COUNT }, (_, i) => scene.routingKey(i))
  const properties = scene.properties ?? TRANSIENT
  return {
    name: scene.name,
    operations: COUNT,
    run: () => {
      for (const key of keys) vhost.publish('x', key, BODY, properties)
    },
    after: () => scratch.purge(COUNT),
  }
}
