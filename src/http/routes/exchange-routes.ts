/** Exchanges: lists and details, declaring and deleting. */

import type { PlainTable } from '../../../protocol/field-table-plain.ts'
import type { EmbeddedBroker } from '../../embedded/embedded-broker.ts'
import { done, object, put } from '../answers.ts'
import { notFound } from '../api-error.ts'
import { flagIn, objectIn, textIn } from '../body.ts'
import type { Call } from '../call.ts'
import { columnsOf } from '../lists/columns.ts'
import { list } from '../lists/list.ts'
import { each, longObject } from '../long-object.ts'
import { endpoint, type Route } from '../route.ts'
import { channelFlow, queueFlow } from '../shapes/flow-shapes.ts'
import { sampleRequest } from '../shapes/rates.ts'
import { exchangeDefinition, exchangeShape } from '../shapes/topology-shapes.ts'
import { NAME_COLUMNS, type NamedRow, sourceOf } from './named-rows.ts'

function* exchangeRows(broker: EmbeddedBroker): Iterable<NamedRow> {
  for (const name of broker.inventory.exchangeNames()) yield { broker, name }
}

async function listExchanges(call: Call): Promise<Response> {
  const brokers = await call.vhosts()
  const asked = sampleRequest(call.query)
  const withoutStats = call.flag('disable_stats')
  const object = (broker: EmbeddedBroker, name: string): object | undefined => {
    const info = broker.inventory.exchange(name)
    if (info === undefined) return undefined
    if (withoutStats) return exchangeDefinition(broker.name, info)
    return exchangeShape(broker.name, info, call.server.statistics.exchange(broker.name, name), asked)
  }
  return await list(call, sourceOf(call, brokers, exchangeRows, object, NAME_COLUMNS))
}

async function getExchange(call: Call): Promise<Response> {
  const broker = call.vhost()
  const info = broker.exchangeInfo(call.param('exchange'))
  if (info === undefined) throw notFound()
  if (call.flag('disable_stats')) return object(call, exchangeDefinition(broker.name, info))
  const counters = call.server.statistics.exchange(broker.name, info.name)
  const asked = sampleRequest(call.query)
  const { name: node } = await call.server.node()
  const { flows } = call.server.statistics
  const incoming = await flows.toExchange(broker.name, info.name)
  return longObject(
    {
      ...exchangeShape(broker.name, info, counters, asked),
      incoming: each(incoming, (flow) => channelFlow(node, flow, call.server.clients, asked)),
      outgoing: each(flows.fromExchange(broker.name, info.name), (flow) => queueFlow(broker.name, flow, asked)),
    },
    columnsOf(call.query),
  )
}

async function putExchange(call: Call): Promise<Response> {
  const broker = call.vhostAsUser()
  const name = call.param('exchange')
  const body = await call.body()
  const isNew = !broker.inventory.hasExchange(name)
  broker.declareExchange(name, textIn(body, 'type') ?? 'direct', {
    durable: flagIn(body, 'durable', true),
    autoDelete: flagIn(body, 'auto_delete'),
    internal: flagIn(body, 'internal'),
    arguments: objectIn(body, 'arguments') as PlainTable, // JSON is one
  })
  await broker.whenDurable()
  return put(isNew)
}

async function deleteExchange(call: Call): Promise<Response> {
  const broker = call.vhostAsUser()
  const name = call.param('exchange')
  if (broker.exchangeInfo(name) === undefined) throw notFound()
  broker.deleteExchange(name, { ifUnused: call.flag('if-unused') })
  await broker.whenDurable()
  return done()
}

export const EXCHANGE_ROUTES: readonly Route[] = [
  { path: '/exchanges', methods: { GET: endpoint('user', listExchanges) } },
  { path: '/exchanges/:vhost', methods: { GET: endpoint('visible vhost', listExchanges) } },
  {
    path: '/exchanges/:vhost/:exchange',
    methods: {
      GET: endpoint('vhost', getExchange),
      PUT: endpoint('vhost', putExchange),
      DELETE: endpoint('vhost', deleteExchange),
    },
  },
]
