/** Exchanges, queues and bindings: reading, declaring and deleting. */

import type { PlainTable } from '../../../protocol/field-table-plain.ts'
import type { EmbeddedBroker } from '../../embedded/embedded-broker.ts'
import type { ConsumerInfo, QueueInfo } from '../../embedded/entities.ts'
import type { QueueFigures } from '../../embedded/queue-figures.ts'
import { done, json, object, put } from '../answers.ts'
import { badRequest, notFound } from '../api-error.ts'
import { flagIn, integerIn, objectIn, textIn } from '../body.ts'
import type { Call } from '../call.ts'
import { columnsOf } from '../lists/columns.ts'
import { type KnownColumns, type ListSource, list } from '../lists/list.ts'
import { compareTexts } from '../lists/sort.ts'
import { each, longObject } from '../long-object.ts'
import { endpoint, type Route } from '../route.ts'
import { channelFlow, consumerFlow, exchangeFlow, queueFlow } from '../shapes/flow-shapes.ts'
import {
  exclusiveTag,
  queueDefinition,
  queueShape,
  queueState,
  queueWithTotals,
  quorumStatus,
} from '../shapes/queue-shape.ts'
import { sampleRequest } from '../shapes/rates.ts'
import { exchangeDefinition, exchangeShape } from '../shapes/topology-shapes.ts'
import { consumerShapes } from './consumer-routes.ts'

interface Row {
  readonly broker: EmbeddedBroker
  readonly name: string
}

interface QueueRow extends Row {
  readonly figures: QueueFigures
}

const NAME_COLUMNS: KnownColumns<Row> = {
  name: ({ name }) => name,
  vhost: ({ broker }) => broker.name,
}
/** What lists of queues are sorted by most. */
const QUEUE_COLUMNS: KnownColumns<QueueRow> = {
  ...NAME_COLUMNS,
  messages: ({ figures }) => figures.messages,
  messages_ready: ({ figures }) => figures.messagesReady,
  messages_unacknowledged: ({ figures }) => figures.messagesUnacked,
  consumers: ({ figures }) => figures.consumers,
  message_bytes: ({ figures }) => figures.bytes,
  message_bytes_ready: ({ figures }) => figures.bytesReady,
  message_bytes_unacknowledged: ({ figures }) => figures.bytesUnacked,
  memory: ({ figures }) => figures.bytes,
  type: ({ figures }) => figures.type,
  state: ({ figures }) => queueState(figures),
}

const byVhostAndName = (a: Row, b: Row): number =>
  (a.broker === b.broker ? 0 : compareTexts(a.broker.name, b.broker.name)) || compareTexts(a.name, b.name)

function sourceOf<R extends Row>(
  call: Call,
  brokers: readonly EmbeddedBroker[],
  allRowsOf: (broker: EmbeddedBroker) => Iterable<R>,
  objectOf: (broker: EmbeddedBroker, name: string) => object | undefined,
  columns: KnownColumns<R>,
): ListSource<R> {
  function* rowsOf(broker: EmbeddedBroker): Iterable<R> {
    if (call.isThere(broker)) yield* allRowsOf(broker)
  }
  const object = (broker: EmbeddedBroker, name: string) => (call.isThere(broker) ? objectOf(broker, name) : undefined)
  return {
    *rows() {
      for (const broker of brokers) yield* rowsOf(broker)
    },
    name: ({ name }) => name,
    compare: byVhostAndName,
    columns,
    object: ({ broker, name }) => object(broker, name),
    named: {
      key: JSON.stringify(brokers.map(({ name }) => name)),
      parts: brokers.map(rowsOf),
      object: (part, name) => object(brokers[part] as EmbeddedBroker, name), // the number is that of a broker
    },
  }
}

// --- queues

function* queueRows(broker: EmbeddedBroker): Iterable<QueueRow> {
  for (const figures of broker.inventory.queueFigures()) yield { broker, name: figures.name, figures }
}

async function listQueues(call: Call, isDetailed: boolean): Promise<Response> {
  const brokers = await call.vhosts()
  const node = (await call.server.node()).name
  const asked = sampleRequest(call.query)
  const withoutStats = !isDetailed && call.flag('disable_stats')
  const definition = call.flag('enable_queue_totals') ? queueWithTotals : queueDefinition
  const object = (broker: EmbeddedBroker, name: string): object | undefined => {
    const info = broker.queueInfo(name)
    const place = { vhost: broker.name, node }
    if (info === undefined) return undefined
    if (withoutStats) return definition(place, info)
    const { statistics } = call.server
    const idleSinceMs = statistics.queueIdleSinceMs(broker.name, name)
    return queueShape(place, info, statistics.queue(broker.name, name), asked, idleSinceMs)
  }
  const columns = withoutStats ? NAME_COLUMNS : QUEUE_COLUMNS
  return await list(call, sourceOf<QueueRow>(call, brokers, queueRows, object, columns))
}

async function getQueue(call: Call): Promise<Response> {
  const broker = call.vhost()
  const info = broker.queueInfo(call.param('queue')) ?? broker.queueInfo(call.param('queue').replaceAll('+', ' '))
  if (info === undefined) throw notFound()
  const place = { vhost: broker.name, node: (await call.server.node()).name }
  if (call.flag('disable_stats')) {
    return object(call, (call.flag('enable_queue_totals') ? queueWithTotals : queueDefinition)(place, info))
  }
  const { statistics } = call.server
  const asked = sampleRequest(call.query)
  const incoming = await statistics.flows.toQueue(broker.name, info.name)
  const shape = await consumerShapes(call)
  const consumers = (): Iterable<ConsumerInfo> => broker.inventory.consumersOf(info.name)
  return longObject(
    {
      ...queueShape(
        place,
        info,
        statistics.queue(broker.name, info.name),
        asked,
        statistics.queueIdleSinceMs(broker.name, info.name),
      ),
      ...ownerOf(call, info),
      exclusive_consumer_tag: exclusiveTag(consumers()),
      consumer_details: each(consumers(), (consumer) => shape(broker.name, consumer)),
      deliveries: each(statistics.flows.toConsumers(broker.name, info.name), (flow) =>
        consumerFlow(place.node, flow, call.server.clients, asked),
      ),
      incoming: each(incoming, (flow) => exchangeFlow(broker.name, flow, asked)),
    },
    columnsOf(call.query),
  )
}

async function getQuorumStatus(call: Call): Promise<Response> {
  const info = call.vhost().queueInfo(call.param('queue'))
  if (info === undefined) throw notFound()
  if (info.type !== 'quorum') return json({ status: 'failed', reason: 'classic_queue_not_supported' }, 503)
  return json(quorumStatus((await call.server.node()).name, info))
}

/** Whose an exclusive queue is. RabbitMQ: lists do not say it. */
function ownerOf({ server }: Call, { ownerConnection }: QueueInfo) {
  if (ownerConnection === undefined) return {}
  const owner = server.clients.connection(ownerConnection)
  if (owner === undefined) return {}
  const { route, peerAddress, peerPort } = owner
  return { owner_pid_details: { name: route, peer_host: peerAddress, peer_port: peerPort } }
}

async function putQueue(call: Call): Promise<Response> {
  const broker = call.vhostAsUser()
  const name = call.param('queue')
  const body = await call.body()
  const table = { ...objectIn(body, 'arguments') } as Record<string, unknown>
  const type = textIn(body, 'type')
  if (type !== undefined && type !== '' && table['x-queue-type'] === undefined && type !== 'classic')
    table['x-queue-type'] = type
  const isNew = !broker.inventory.hasQueue(name)
  broker.declareQueue(name, {
    durable: flagIn(body, 'durable', true),
    autoDelete: flagIn(body, 'auto_delete'),
    arguments: table as PlainTable, // JSON is one
  })
  await broker.whenDurable()
  return put(isNew)
}

async function deleteQueue(call: Call): Promise<Response> {
  const broker = call.vhostAsUser()
  const name = call.param('queue')
  if (broker.queueInfo(name) === undefined) throw notFound()
  broker.deleteQueue(name, { ifEmpty: call.flag('if-empty'), ifUnused: call.flag('if-unused') })
  await broker.whenDurable()
  return done()
}

async function purgeQueue(call: Call): Promise<Response> {
  const broker = call.vhostAsUser()
  if (broker.queueInfo(call.param('queue')) === undefined) throw notFound()
  broker.purgeQueue(call.param('queue'))
  await broker.whenDurable()
  return done()
}

/** Of RabbitMQ's actions on mirrored queues there is none left; these are our own. */
async function actOnQueue(call: Call): Promise<Response> {
  const broker = call.vhostAsUser()
  const name = call.param('queue')
  if (broker.queueInfo(name) === undefined) throw notFound()
  const body = await call.body()
  const action = textIn(body, 'action')
  if (action === 'pause') broker.pauseQueue(name)
  else if (action === 'resume') broker.resumeQueue(name)
  else if (action === 'move') {
    const count = integerIn(body, 'count')
    const target = textIn(body, 'to')
    if (target === undefined) throw badRequest('[{key_missing,to}]')
    return json({ moved: await broker.moveMessages(name, target, count === undefined ? {} : { count }) })
  } else if (action !== 'sync' && action !== 'cancel_sync')
    throw badRequest(`unknown action ${String(action).slice(0, 64)}`)
  await broker.whenDurable()
  return done()
}

// --- exchanges

function* exchangeRows(broker: EmbeddedBroker): Iterable<Row> {
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

export const TOPOLOGY_ROUTES: readonly Route[] = [
  { path: '/queues', methods: { GET: endpoint('user', (call) => listQueues(call, false)) } },
  { path: '/queues/detailed', methods: { GET: endpoint('user', (call) => listQueues(call, true)) } },
  { path: '/queues/:vhost', methods: { GET: endpoint('visible vhost', (call) => listQueues(call, false)) } },
  {
    path: '/queues/:vhost/:queue',
    methods: {
      GET: endpoint('vhost', getQueue),
      PUT: endpoint('vhost', putQueue),
      DELETE: endpoint('vhost', deleteQueue),
    },
  },
  // RabbitMQ shows it to users without permissions in the virtual host, too.
  { path: '/queues/quorum/:vhost/:queue/status', methods: { GET: endpoint('vhost', getQuorumStatus) } },
  { path: '/queues/:vhost/:queue/contents', methods: { DELETE: endpoint('vhost', purgeQueue) } },
  { path: '/queues/:vhost/:queue/actions', methods: { POST: endpoint('vhost', actOnQueue) } },
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
