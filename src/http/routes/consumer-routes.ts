/** Consumers, of all queues and of one. */
import type { EmbeddedBroker } from '../../embedded/embedded-broker.ts'
import type { ConnectionInfo } from '../../embedded/embedded-clients.ts'
import type { ConsumerInfo } from '../../embedded/entities.ts'
import type { Call } from '../call.ts'
import { list } from '../lists/list.ts'
import { endpoint, type Route } from '../route.ts'
import { consumerShape } from '../shapes/client-shapes.ts'

interface ConsumerRow {
  readonly vhost: string
  readonly info: ConsumerInfo
}

function* consumerRows(call: Call, brokers: readonly EmbeddedBroker[]): Iterable<ConsumerRow | undefined> {
  for (const broker of brokers) {
    if (!call.isThere(broker)) continue
    for (const { name, consumers } of broker.inventory.queueFigures()) {
      if (consumers === 0 || !call.isThere(broker)) yield undefined
      else for (const info of broker.inventory.consumersOf(name)) yield { vhost: broker.name, info }
    }
  }
}

async function listConsumers(call: Call): Promise<Response> {
  const brokers = await call.vhosts()
  const shape = await consumerShapes(call)
  return await list<ConsumerRow>(call, {
    rows: () => consumerRows(call, brokers),
    name: ({ info }) => info.tag,
    object: ({ vhost, info }) => shape(vhost, info),
    isWhole: true,
  })
}

/** How consumers are shown. */
export async function consumerShapes({ server }: Call): Promise<(vhost: string, info: ConsumerInfo) => object> {
  const { name: node, consumerTimeoutMs } = await server.node()
  const connection = ({ origin }: ConsumerInfo): ConnectionInfo | undefined =>
    origin === undefined ? undefined : server.clients.connection(origin.connection)
  return (vhost, info) => consumerShape(node, vhost, info, connection(info), consumerTimeoutMs)
}

export const CONSUMER_ROUTES: readonly Route[] = [
  { path: '/consumers', methods: { GET: endpoint('user', listConsumers) } },
  { path: '/consumers/:vhost', methods: { GET: endpoint('visible vhost', listConsumers) } },
]
