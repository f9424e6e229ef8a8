/** The server as a whole: overview, nodes, names, features, health. */
import type { NodeInfo } from '../../embedded/node-info.ts'
import { RABBITMQ_VERSION } from '../../lib/version.ts'
import { openVhosts } from '../access.ts'
import { done, json, object } from '../answers.ts'
import { textIn } from '../body.ts'
import type { Call } from '../call.ts'
import { listOf } from '../lists/list.ts'
import { endpoint, type Route } from '../route.ts'
import { lengths, sampledStats } from '../shapes/message-stats.ts'
import { EXCHANGE_TYPES, nodeMemory, nodeShape, relativeMemory } from '../shapes/node-shape.ts'
import { NO_SAMPLES, sampleRequest } from '../shapes/rates.ts'
import { requireThisNode } from './this-node.ts'

const RETENTION = { global: [600], basic: [60], detailed: [60] }

async function overview(call: Call): Promise<Response> {
  const { server, user, peerAddress, query } = call
  const node = await server.node()
  const asked = sampleRequest(query)
  const sampled = sampledStats(server.statistics.overview() ?? [], asked)
  const vhosts = await openVhosts(server, user, peerAddress)
  const { messagesReady, messagesUnacked, ...contents } = await server.statistics.contents(vhosts)
  const totals = { channels: node.channels, connections: node.connections, ...contents }
  return object(call, {
    management_version: RABBITMQ_VERSION,
    rates_mode: 'basic',
    sample_retention_policies: RETENTION,
    exchange_types: EXCHANGE_TYPES,
    product_version: RABBITMQ_VERSION,
    product_name: 'Leveret',
    rabbitmq_version: RABBITMQ_VERSION,
    leveret_version: node.version,
    cluster_name: clusterName(call, node),
    cluster_tags: {},
    node_tags: {},
    erlang_version: 'none',
    erlang_full_version: `none: Node.js ${process.versions.node}`,
    release_series_support_status: 'supported',
    disable_stats: false,
    default_queue_type: node.defaultQueueType,
    is_op_policy_updating_enabled: true,
    enable_queue_totals: false,
    message_stats: sampled.messageStats ?? {},
    churn_rates: sampled.churn,
    queue_totals: lengths(messagesReady, messagesUnacked, server.statistics.overview(), asked),
    object_totals: totals,
    statistics_db_event_queue: 0,
    node: node.name,
    listeners: listenersOf(node),
    contexts: contextsOf(node),
  })
}

export function clusterName({ server }: Call, { name }: NodeInfo): string {
  const set = server.globalParameters.get('cluster_name')
  return typeof set === 'string' ? set : name
}

function listenersOf({ name, listeners }: NodeInfo) {
  return listeners.map(({ protocol, host, port }) => ({
    node: name,
    protocol,
    ip_address: host,
    port,
    socket_opts: {},
    tls: protocol.endsWith('/ssl') || protocol.startsWith('https'),
  }))
}

function contextsOf({ name, listeners }: NodeInfo) {
  return listeners
    .filter(({ protocol }) => protocol.startsWith('http'))
    .map(({ protocol, host, port }) => ({
      node: name,
      description: protocol.endsWith('/prometheus') ? 'RabbitMQ Prometheus' : 'RabbitMQ Management',
      path: '/',
      ip: host,
      port: String(port),
      ssl_opts: [],
      cowboy_opts: '[]',
      protocol,
    }))
}

async function nodes(call: Call): Promise<Response> {
  const node = await call.server.node()
  return await listOf(call, [fullNode(call, node)], ({ name }) => name)
}

function fullNode(call: Call, node: NodeInfo) {
  const sampled = sampledStats(call.server.statistics.overview() ?? [], NO_SAMPLES)
  return { ...nodeShape(node), contexts: contextsOf(node), ...sampled.churn }
}

async function setClusterName(call: Call): Promise<Response> {
  const name = textIn(await call.body(), 'name')
  if (name !== undefined) await call.server.globalParameters.set('cluster_name', name)
  return done()
}

async function resetStatistics({ server }: Call): Promise<Response> {
  await server.statistics.forgetSamples()
  return done()
}

const FEATURES = [
  'classic_queue_type_delivery_support',
  'detailed_queues_endpoint',
  'direct_exchange_routing_v2',
  'feature_flags_v2',
  'listener_records_in_ets',
  'message_containers',
  'quorum_queue_non_voters',
  'restart_streams',
  'stream_filtering',
  'tracking_records_in_ets',
  'user_limits',
  'virtual_host_metadata',
].map((name) => ({
  name,
  desc: 'Part of the behaviour of RabbitMQ 4.2',
  doc_url: '',
  state: 'enabled',
  stability: 'required',
  provided_by: 'rabbit',
}))

export const SERVER_ROUTES: readonly Route[] = [
  { path: '/overview', methods: { GET: endpoint('user', overview) } },
  {
    path: '/cluster-name',
    methods: {
      GET: endpoint('user', async (call) => json({ name: clusterName(call, await call.server.node()) })),
      PUT: endpoint('administrator', setClusterName),
    },
  },
  { path: '/nodes', methods: { GET: endpoint('monitor', nodes) } },
  {
    path: '/nodes/:node',
    methods: { GET: endpoint('monitor', async (call) => object(call, fullNode(call, await requireThisNode(call)))) },
  },
  {
    path: '/nodes/:node/memory',
    methods: { GET: endpoint('monitor', async (call) => json({ memory: nodeMemory(await requireThisNode(call)) })) },
  },
  {
    path: '/nodes/:node/memory/relative',
    methods: {
      GET: endpoint('monitor', async (call) => json({ memory: relativeMemory(await requireThisNode(call)) })),
    },
  },
  { path: '/extensions', methods: { GET: endpoint('user', () => json([])) } },
  { path: '/version', methods: { GET: endpoint('user', () => new Response(RABBITMQ_VERSION)) } },
  {
    path: '/config/effective',
    methods: { GET: endpoint('administrator', async (call) => new Response(await call.effectiveConfig())) },
  },
  { path: '/feature-flags', methods: { GET: endpoint('user', (call) => listOf(call, FEATURES, ({ name }) => name)) } },
  { path: '/feature-flags/:name/enable', methods: { PUT: endpoint('administrator', () => done()) } },
  { path: '/deprecated-features', methods: { GET: endpoint('user', () => json([])) } },
  { path: '/deprecated-features/used', methods: { GET: endpoint('user', () => json([])) } },
  { path: '/reset', methods: { DELETE: endpoint('administrator', resetStatistics) } },
  {
    path: '/reset/:node',
    methods: {
      DELETE: endpoint('administrator', async (call) => {
        await requireThisNode(call)
        return await resetStatistics(call)
      }),
    },
  },
  { path: '/rebalance/queues', methods: { POST: endpoint('administrator', () => done()) } },
  {
    path: '/vhosts/:vhost/start/:node',
    methods: {
      POST: endpoint('administrator', async (call) => {
        call.vhost()
        await requireThisNode(call)
        return done()
      }),
    },
  },
]
