/** Connections and channels. */
import type { ChannelInfo, ConnectionInfo } from '../../embedded/embedded-clients.ts'
import type { ConsumerFlow } from '../../embedded/embedded-flows.ts'
import type { EmbeddedStatistics } from '../../embedded/embedded-statistics.ts'
import { Pacer } from '../../lib/pacer.ts'
import { isAdministrator, isMonitor } from '../access.ts'
import { done, object } from '../answers.ts'
import { badRequest, notAuthorised, notFound } from '../api-error.ts'
import type { Call } from '../call.ts'
import { columnsOf } from '../lists/columns.ts'
import { type KnownColumns, list } from '../lists/list.ts'
import { compareTexts } from '../lists/sort.ts'
import { each, longObject } from '../long-object.ts'
import { endpoint, type Route } from '../route.ts'
import { channelName, channelShape, connectionShape } from '../shapes/client-shapes.ts'
import { deliveryFlow, exchangeFlow } from '../shapes/flow-shapes.ts'
import { type SampleRequest, sampleRequest } from '../shapes/rates.ts'
import { consumerShapes } from './consumer-routes.ts'

const NOT_YOURS = 'User not authorised to access object'

/** RabbitMQ: monitors see the connections of all users, others their own. */
function isVisible(call: Call, { user }: ConnectionInfo): boolean {
  return isMonitor(call.user) || user.name === call.user.name
}

type Wanted = (info: ConnectionInfo) => boolean

function* visibleConnections(call: Call, isWanted: Wanted): Iterable<ConnectionInfo | undefined> {
  for (const info of call.server.clients.connections()) {
    yield isWanted(info) && isVisible(call, info) ? info : undefined
  }
}

function* visibleChannels(call: Call, isWanted: Wanted, id?: number): Iterable<ChannelInfo | undefined> {
  for (const info of call.server.clients.channels(id)) {
    yield isWanted(info.connection) && isVisible(call, info.connection) ? info : undefined
  }
}

/** What lists are sorted by most. */
const CONNECTION_COLUMNS: KnownColumns<ConnectionInfo> = {
  name: ({ route }) => route,
  vhost: ({ vhost }) => vhost,
  user: ({ user }) => user.name,
  state: ({ state }) => state,
  channels: ({ channels }) => channels,
  connected_at: ({ connectedAtMs }) => connectedAtMs,
  peer_host: ({ peerAddress }) => peerAddress,
  peer_port: ({ peerPort }) => peerPort,
  recv_oct: ({ bytesReceived }) => bytesReceived,
  send_oct: ({ bytesSent }) => bytesSent,
}
const CHANNEL_COLUMNS: KnownColumns<ChannelInfo> = {
  name: channelName,
  vhost: ({ connection }) => connection.vhost,
  user: ({ connection }) => connection.user.name,
  number: ({ number }) => number,
  consumer_count: ({ consumers }) => consumers,
  prefetch_count: ({ prefetchCount }) => prefetchCount,
  messages_unacknowledged: ({ messagesUnacked }) => messagesUnacked,
  messages_unconfirmed: ({ messagesUnconfirmed }) => messagesUnconfirmed,
}

async function listConnections(call: Call, isWanted: Wanted): Promise<Response> {
  const { name: node } = await call.server.node()
  const asked = sampleRequest(call.query)
  const { statistics } = call.server
  return await list<ConnectionInfo>(call, {
    rows: () => visibleConnections(call, isWanted),
    name: ({ route }) => route,
    compare: (a, b) => compareTexts(a.vhost, b.vhost) || compareTexts(a.route, b.route),
    columns: CONNECTION_COLUMNS,
    object: (info) => connectionShape(node, info, statistics.connection(info.id), asked),
  })
}

async function listChannels(call: Call, isWanted: Wanted, id?: number): Promise<Response> {
  const { name: node } = await call.server.node()
  const asked = sampleRequest(call.query)
  const { statistics } = call.server
  return await list<ChannelInfo>(call, {
    rows: () => visibleChannels(call, isWanted, id),
    name: channelName,
    compare: (a, b) =>
      compareTexts(a.connection.vhost, b.connection.vhost) || compareTexts(channelName(a), channelName(b)),
    columns: CHANNEL_COLUMNS,
    object: (info) => oneChannel(node, info, statistics, asked),
  })
}

function oneChannel(node: string, info: ChannelInfo, statistics: EmbeddedStatistics, asked: SampleRequest) {
  const { connection, number } = info
  const counters = statistics.channel(connection.id, number)
  return channelShape(node, info, counters, asked, statistics.channelIdleSinceMs(connection.id, number))
}

/** Throws ApiError when there is none of that name, and when the user may not do that with it. */
function connectionOf(call: Call): ConnectionInfo {
  const info = call.server.clients.connectionWithRoute(call.param('connection'))
  if (info === undefined) throw notFound()
  const isAllowed = call.method === 'DELETE' ? isAdministrator(call.user) : isMonitor(call.user)
  if (!isAllowed && info.user.name !== call.user.name) throw notAuthorised(NOT_YOURS)
  return info
}

async function getConnection(call: Call): Promise<Response> {
  const info = connectionOf(call)
  const { name: node } = await call.server.node()
  return object(
    call,
    connectionShape(node, info, call.server.statistics.connection(info.id), sampleRequest(call.query)),
  )
}

function reasonIn(call: Call): string {
  return call.headers.get('x-reason') ?? 'Closed via management plugin'
}

function closeConnection(call: Call): Response {
  const { id } = connectionOf(call)
  call.server.clients.close(id, reasonIn(call))
  return done()
}

/** As a connection, it is for its own user and for administrators. RabbitMQ has no such endpoint; other brokers have it at this path. */
async function cancelConsumer(call: Call): Promise<Response> {
  const { id } = connectionOf(call)
  const broker = call.vhost()
  const [channel, tag] = [call.param('channel'), call.param('tag')]
  if (!/^\d{1,5}$/.test(channel)) throw badRequest('the channel is a number')
  const origin = { connection: id, channel: Number(channel) }
  const pacer = new Pacer()
  for (const { name, consumers } of broker.inventory.queueFigures()) {
    if (consumers > 0 && broker.cancelConsumer(name, origin, tag)) return done()
    // Not before: the queue may be deleted meanwhile.
    if (pacer.isDue) await pacer.rest()
  }
  throw notFound()
}

async function closeConnectionsOfUser(call: Call): Promise<Response> {
  const name = call.param('username')
  if (!isAdministrator(call.user) && name !== call.user.name) throw notAuthorised(NOT_YOURS)
  const { clients } = call.server
  const pacer = new Pacer()
  const ids: number[] = []
  // Those that come back meanwhile stay.
  for (const { id, user } of clients.connections()) {
    if (user.name === name) ids.push(id)
    if (pacer.isDue) await pacer.rest()
  }
  for (const id of ids) {
    clients.close(id, reasonIn(call))
    if (pacer.isLate) await pacer.rest()
  }
  return done()
}

async function getChannel(call: Call): Promise<Response> {
  const { name: node } = await call.server.node()
  const info = channelOf(call)
  const asked = sampleRequest(call.query)
  const { vhost, id } = info.connection
  const publishes = call.server.statistics.flows.fromChannel(id, info.number)
  const flows = await channelConsumers(call, info)
  const shape = await consumerShapes(call)
  return longObject(
    {
      ...oneChannel(node, info, call.server.statistics, asked),
      consumer_details: each(flows, ({ consumer }) => shape(vhost, consumer)),
      deliveries: each(flows, (flow) => deliveryFlow(vhost, flow, asked)),
      publishes: publishes.map((flow) => exchangeFlow(vhost, flow, asked)),
    },
    columnsOf(call.query),
  )
}

/** Throws ApiError when there is none of that name, and when the user may not see it. */
function channelOf(call: Call): ChannelInfo {
  const name = call.param('channel')
  const { clients } = call.server
  const connection = clients.connectionWithRoute(name.replace(/ \(\d{1,5}\)$/, ''))
  for (const info of connection === undefined ? [] : clients.channels(connection.id)) {
    if (channelName(info) !== name) continue
    if (!isVisible(call, info.connection)) throw notAuthorised(NOT_YOURS)
    return info
  }
  throw notFound()
}

/** What goes to its consumers. Looks at the queues of the virtual host: a channel does not know them. */
async function channelConsumers(call: Call, info: ChannelInfo): Promise<ConsumerFlow[]> {
  const broker = call.server.virtualHosts.get(info.connection.vhost)
  const found: ConsumerFlow[] = []
  if (broker === undefined || info.consumers === 0) return found
  const pacer = new Pacer()
  for (const { name, consumers } of broker.inventory.queueFigures()) {
    if (pacer.isDue) await pacer.rest()
    if (consumers === 0) continue
    for (const flow of call.server.statistics.flows.toConsumers(broker.name, name)) {
      const { origin } = flow.consumer
      if (origin?.connection === info.connection.id && origin.channel === info.number) found.push(flow)
      if (pacer.isDue) await pacer.rest()
    }
  }
  return found
}

const anyone = (): boolean => true
const ofVhost = (call: Call) => {
  const { name } = call.vhost()
  return (info: ConnectionInfo): boolean => info.vhost === name
}
const ofUser = (call: Call) => {
  const name = call.param('username')
  return (info: ConnectionInfo): boolean => info.user.name === name
}

export const CLIENT_ROUTES: readonly Route[] = [
  { path: '/connections', methods: { GET: endpoint('user', (call) => listConnections(call, anyone)) } },
  {
    path: '/connections/username/:username',
    methods: {
      GET: endpoint('user', (call) => listConnections(call, ofUser(call))),
      DELETE: endpoint('user', closeConnectionsOfUser),
    },
  },
  {
    path: '/connections/:connection',
    methods: { GET: endpoint('user', getConnection), DELETE: endpoint('user', closeConnection) },
  },
  {
    path: '/connections/:connection/channels',
    methods: {
      GET: endpoint('user', (call) => {
        const { id } = connectionOf(call)
        return listChannels(call, anyone, id)
      }),
    },
  },
  {
    path: '/connections/:connection/sessions',
    methods: {
      GET: endpoint('user', (call) => {
        connectionOf(call)
        throw badRequest('connection does not use AMQP 1.0')
      }),
    },
  },
  {
    path: '/vhosts/:vhost/connections',
    methods: { GET: endpoint('visible vhost', (call) => listConnections(call, ofVhost(call))) },
  },
  {
    path: '/vhosts/:vhost/channels',
    methods: { GET: endpoint('visible vhost', (call) => listChannels(call, ofVhost(call))) },
  },
  { path: '/channels', methods: { GET: endpoint('user', (call) => listChannels(call, anyone)) } },
  { path: '/channels/:channel', methods: { GET: endpoint('user', getChannel) } },
  {
    path: '/consumers/:vhost/:connection/:channel/:tag',
    methods: { DELETE: endpoint('vhost', cancelConsumer) },
  },
]
