/** Queues: lists and details, declaring, deleting, purging, and what is done with them. */

import type { PlainTable } from '../../../protocol/field-table-plain.ts'
import type { EmbeddedBroker } from '../../embedded/embedded-broker.ts'
import type { ConsumerInfo, QueueInfo } from '../../embedded/entities.ts'
import type { QueueFigures } from '../../embedded/queue-figures.ts'
import { done, json, object, put } from '../answers.ts'
import { badRequest, notFound } from '../api-error.ts'
import { flagIn, integerIn, objectIn, textIn } from '../body.ts'
import type { Call } from '../call.ts'
import { columnsOf } from '../lists/columns.ts'
import { type KnownColumns, list } from '../lists/list.ts'
import { each, longObject } from '../long-object.ts'
import { endpoint, type Route } from '../route.ts'
import { consumerFlow, exchangeFlow } from '../shapes/flow-shapes.ts'
import {
  exclusiveTag,
  queueDefinition,
  queueShape,
  queueState,
  queueWithTotals,
  quorumStatus,
} from '../shapes/queue-shape.ts'
import { sampleRequest } from '../shapes/rates.ts'
import { consumerShapes } from './consumer-routes.ts'
import { NAME_COLUMNS, type NamedRow, sourceOf } from './named-rows.ts'

interface QueueRow extends NamedRow {
  readonly figures: QueueFigures
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

type QueueRows = (broker: EmbeddedBroker) => Iterable<QueueRow | undefined>

function* queueRows(broker: EmbeddedBroker): Iterable<QueueRow> {
  for (const figures of broker.inventory.queueFigures()) yield rowOf(broker, figures)
}

function rowOf(broker: EmbeddedBroker, figures: QueueFigures): QueueRow {
  return { broker, name: figures.name, figures }
}

const rowsOfUser = (user: string): QueueRows =>
  function* ofUser(broker) {
    for (const figures of broker.inventory.queueFigures())
      yield figures.user === user ? rowOf(broker, figures) : undefined
  }

async function listQueues(call: Call, isDetailed: boolean, rows: QueueRows = queueRows): Promise<Response> {
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
  return await list(call, sourceOf<QueueRow>(call, brokers, rows, object, columns))
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

export const QUEUE_ROUTES: readonly Route[] = [
  { path: '/queues', methods: { GET: endpoint('user', (call) => listQueues(call, false)) } },
  { path: '/queues/detailed', methods: { GET: endpoint('user', (call) => listQueues(call, true)) } },
  { path: '/queues/:vhost', methods: { GET: endpoint('visible vhost', (call) => listQueues(call, false)) } },
  {
    path: '/users/:user/queues',
    // RabbitMQ: of whom nothing is known there is nothing to list, too.
    methods: { GET: endpoint('vhost', (call) => listQueues(call, false, rowsOfUser(call.param('user')))) },
  },
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
]
