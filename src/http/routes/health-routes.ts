/** Health checks: 200 when all is well, 503 with what is not. */
import type { NodeInfo } from '../../embedded/node-info.ts'
import { json } from '../answers.ts'
import { badRequest } from '../api-error.ts'
import type { Call } from '../call.ts'
import { readiness } from '../readiness.ts'
import { endpoint, type Route } from '../route.ts'
import { requireThisNode } from './this-node.ts'

const OK = { status: 'ok' } as const

function failed(reason: string, details: object): Response {
  return json({ status: 'failed', reason, ...details }, 503)
}

async function alarms(call: Call): Promise<Response> {
  const node = await call.server.node()
  const resources = [...(node.hasMemoryAlarm ? ['memory'] : []), ...(node.hasDiskAlarm ? ['disk'] : [])]
  if (resources.length === 0) return json(OK)
  return failed('resource alarm(s) in effect', {
    alarms: resources.map((resource) => ({ node: node.name, resource })),
  })
}

async function portListener(call: Call): Promise<Response> {
  const text = call.param('port')
  if (!/^\d{1,5}$/.test(text)) throw badRequest('Invalid port')
  const port = Number(text)
  const { listeners } = await call.server.node()
  const ports = [...new Set(listeners.map((listener) => listener.port))]
  if (ports.includes(port)) return json({ ...OK, port })
  return failed('No active listener', { missing: port, ports })
}

/** Names that operators use for the same protocol. */
const PROTOCOLS: Readonly<Record<string, string>> = {
  amqp091: 'amqp',
  'amqp0-9-1': 'amqp',
  'amqp0.9.1': 'amqp',
  amqps: 'amqp/ssl',
  management: 'http',
  prometheus: 'http/prometheus',
  'prometheus/ssl': 'https/prometheus',
}

async function protocolListener(call: Call): Promise<Response> {
  const asked = call.param('protocols').split(',')
  const { listeners } = await call.server.node()
  const protocols = [...new Set(listeners.map(({ protocol }) => protocol))]
  const missing = asked.filter((name) => !protocols.includes(PROTOCOLS[name.toLowerCase()] ?? name.toLowerCase()))
  if (missing.length < asked.length) {
    return json({ ...OK, protocol: asked.find((name) => !missing.includes(name)) })
  }
  return failed('No active listener', { missing: asked.length === 1 ? asked[0] : missing, protocols })
}

const DAY_MS = 86_400_000
const UNITS_MS = new Map([
  ['days', DAY_MS],
  ['weeks', 7 * DAY_MS],
  ['months', 30 * DAY_MS],
  ['years', 365 * DAY_MS],
])

/** Fails for certificates that have ended, or will within so long. */
async function certificateExpiration(call: Call): Promise<Response> {
  if (!/^\d{1,6}$/.test(call.param('within')))
    throw badRequest(`Invalid expiration: ${call.param('within').slice(0, 20)}`)
  const unitMs = UNITS_MS.get(call.param('unit'))
  if (unitMs === undefined) throw badRequest(`Time unit not recognised: ${call.param('unit').slice(0, 20)}`)
  const withinMs = Number(call.param('within')) * unitMs
  const { certificates, name } = await call.server.node()
  const expired = certificates.filter(({ leftMs }) => leftMs < withinMs)
  if (expired.length === 0) return json(OK)
  return failed('Certificates expiring', {
    expired: expired.map(({ file, subject, toMs }) => ({
      node: name,
      certfile: file,
      subject,
      certfile_expires_on: [new Date(toMs).toISOString()],
    })),
  })
}

async function inService(call: Call): Promise<Response> {
  const { trouble } = await call.server.node()
  return trouble === undefined ? json(OK) : failed(trouble, {})
}

/** Beyond RabbitMQ: all that the server itself says is wrong, or held back. */
function warnings(call: Call): Response {
  const { status, warnings: found } = call.server.health()
  return status === 'healthy' ? json(OK) : failed(found.join('; '), { server_status: status, warnings: found })
}

function belowConnectionLimit(node: NodeInfo): boolean {
  return node.filesMax === undefined || node.filesOpen < node.filesMax
}

async function connectionLimit(call: Call): Promise<Response> {
  const node = await call.server.node()
  const details = { limit: node.filesMax ?? 'infinity', connections: node.connections }
  return belowConnectionLimit(node) ? json({ ...OK, ...details }) : failed('node connection limit is reached', details)
}

async function aliveness(call: Call): Promise<Response> {
  const broker = call.vhostAsUser()
  const name = 'aliveness-test'
  broker.declareQueue(name, { durable: false })
  // It asks for all that is asked for below, before there is a message that an answer which comes later would leave behind.
  await broker.peek(name)
  broker.publish('', name, 'test_message')
  await broker.get(name, { noAck: true })
  return json(OK)
}

/** For probes, which have no log-in: says nothing but that. */
async function ready(call: Call): Promise<Response> {
  const { isReady, reason } = await readiness(call.server)
  return isReady ? json(OK) : failed(reason, {})
}

const ok = endpoint('user', () => json(OK))
const single = endpoint('user', () => json({ ...OK, reason: 'single node cluster' }))

export const HEALTH_ROUTES: readonly Route[] = [
  { path: '/health/checks/alarms', methods: { GET: endpoint('user', alarms) } },
  { path: '/health/checks/local-alarms', methods: { GET: endpoint('user', alarms) } },
  {
    path: '/health/checks/certificate-expiration/:within/:unit',
    methods: { GET: endpoint('user', certificateExpiration) },
  },
  { path: '/health/checks/port-listener/:port', methods: { GET: endpoint('user', portListener) } },
  { path: '/health/checks/protocol-listener/:protocols', methods: { GET: endpoint('user', protocolListener) } },
  { path: '/health/checks/virtual-hosts', methods: { GET: ok } },
  { path: '/health/checks/warnings', methods: { GET: endpoint('user', warnings) } },
  { path: '/health/checks/node-is-mirror-sync-critical', methods: { GET: single } },
  { path: '/health/checks/node-is-quorum-critical', methods: { GET: single } },
  { path: '/health/checks/is-in-service', methods: { GET: endpoint('user', inService) } },
  { path: '/health/checks/below-node-connection-limit', methods: { GET: endpoint('user', connectionLimit) } },
  { path: '/health/checks/ready-to-serve-clients', methods: { GET: endpoint('user', inService) } },
  { path: '/health/checks/metadata-store/initialized', methods: { GET: ok } },
  { path: '/health/checks/metadata-store/initialized/with-data', methods: { GET: ok } },
  { path: '/health/checks/reached-target-cluster-size', methods: { GET: ok } },
  { path: '/health/checks/quorum-queues-without-elected-leaders/all-vhosts', methods: { GET: ok } },
  { path: '/health/checks/quorum-queues-without-elected-leaders/all-vhosts/pattern/:pattern', methods: { GET: ok } },
  { path: '/health/checks/quorum-queues-without-elected-leaders/vhost/:vhost', methods: { GET: ok } },
  { path: '/health/checks/quorum-queues-without-elected-leaders/vhost/:vhost/pattern/:pattern', methods: { GET: ok } },
  { path: '/health/live', methods: { GET: endpoint('nothing', () => json(OK)) } },
  { path: '/health/ready', methods: { GET: endpoint('nothing', ready) } },
  { path: '/healthchecks/node', methods: { GET: ok } },
  {
    path: '/healthchecks/node/:node',
    methods: {
      GET: endpoint('user', async (call) => {
        await requireThisNode(call)
        return json(OK)
      }),
    },
  },
  { path: '/aliveness-test/:vhost', methods: { GET: endpoint('vhost', aliveness) } },
]
