/** Virtual hosts, and what users may do in them. */
import type { EmbeddedBroker } from '../../embedded/embedded-broker.ts'
import { DEFAULT_QUEUE_TYPES, type DefaultQueueType, type VhostOptions } from '../../embedded/vhost-options.ts'
import { visibleVhosts } from '../access.ts'
import { done, json, object, put } from '../answers.ts'
import { ApiError, badRequest, notFound } from '../api-error.ts'
import { flagIn, textIn, wordsIn } from '../body.ts'
import type { Call } from '../call.ts'
import type { JsonObject } from '../json.ts'
import { list, listOf } from '../lists/list.ts'
import { compareTexts } from '../lists/sort.ts'
import { endpoint, type Route } from '../route.ts'
import { lengths, sampledStats } from '../shapes/message-stats.ts'
import { type SampleRequest, sampleRequest } from '../shapes/rates.ts'

function vhostDefinition({ name, info }: EmbeddedBroker, node: string) {
  const { description, tags, defaultQueueType, isProtected } = info
  const metadata = { description, tags: [...tags], default_queue_type: defaultQueueType }
  return {
    name,
    description,
    tags: [...tags],
    default_queue_type: defaultQueueType,
    metadata,
    tracing: false,
    protected_from_deletion: isProtected,
    cluster_state: { [node]: 'running' },
  }
}

function vhostShape(call: Call, broker: EmbeddedBroker, node: string, asked: SampleRequest) {
  const counters = call.server.statistics.vhost(broker.name)
  const definition = vhostDefinition(broker, node)
  if (counters === undefined) return definition
  const { messageStats, bytes } = sampledStats(counters, asked)
  const value = (name: string): number => counters.find((counter) => counter.name === name)?.value ?? 0
  return {
    ...definition,
    ...bytes,
    ...lengths(value('messages_ready'), value('messages_unacknowledged'), counters, asked),
    ...(messageStats === undefined ? {} : { message_stats: messageStats }),
  }
}

async function listVhosts(call: Call): Promise<Response> {
  const names = await visibleVhosts(call.server, call.user, call.peerAddress)
  const { name: node } = await call.server.node()
  const asked = sampleRequest(call.query)
  return await list<string>(call, {
    rows: () => names,
    name: (name) => name,
    compare: compareTexts,
    object: (name) => {
      const broker = call.server.virtualHosts.get(name)
      return broker === undefined ? undefined : vhostShape(call, broker, node, asked)
    },
  })
}

async function getVhost(call: Call): Promise<Response> {
  const { name: node } = await call.server.node()
  return object(call, vhostShape(call, call.vhost(), node, sampleRequest(call.query)))
}

/** What a body, or a definition, says of a virtual host. Throws ApiError. */
export function vhostOptionsIn(body: JsonObject, current: EmbeddedBroker | undefined): VhostOptions {
  if (flagIn(body, 'tracing')) throw badRequest('message tracing is not supported')
  const type = queueType(textIn(body, 'default_queue_type'))
  const [description, tags] = [textIn(body, 'description'), wordsIn(body, 'tags')]
  return {
    ...(description === undefined ? {} : { description }),
    ...(tags === undefined ? {} : { tags }),
    ...(type === undefined || type === current?.info.defaultQueueType ? {} : { defaultQueueType: type }),
    ...(body.protected_from_deletion === undefined ? {} : { isProtected: flagIn(body, 'protected_from_deletion') }),
  }
}

function queueType(type: string | undefined): DefaultQueueType | undefined {
  // RabbitMQ exports virtual hosts without a type as of type `undefined`.
  if (type === undefined || type === '' || type === 'undefined') return undefined
  const short = type.replace(/^rabbit_(classic|quorum)_queue$/, '$1')
  const found = DEFAULT_QUEUE_TYPES.find((name) => name === short)
  if (found !== undefined) return found
  throw badRequest(`Unsupported default queue type: ${type.slice(0, 64)}`)
}

async function putVhost(call: Call): Promise<Response> {
  const name = call.param('vhost')
  const body = await call.body()
  await call.server.virtualHosts.whenDeleted(name)
  const current = call.server.virtualHosts.get(name)
  const options = vhostOptionsIn(body, current)
  const isNew = current === undefined
  const owner = call.isTrusted ? '' : call.user.name
  const broker = call.server.virtualHosts.create(name, isNew ? { ...options, owner } : options)
  await broker.whenDurable()
  return put(isNew)
}

async function deleteVhost(call: Call): Promise<Response> {
  const broker = call.vhost()
  if (broker.info.isProtected) {
    throw new ApiError(412, 'precondition_failed', 'Refusing to delete a protected virtual host')
  }
  call.server.virtualHosts.delete(broker.name)
  await call.server.virtualHosts.whenDeleted(broker.name)
  await broker.whenDurable()
  return done()
}

const protect =
  (isProtected: boolean) =>
  async (call: Call): Promise<Response> => {
    const broker = call.server.virtualHosts.create(call.vhost().name, { isProtected })
    await broker.whenDurable()
    return done()
  }

// --- permissions

function* permissionsIn(brokers: readonly EmbeddedBroker[]) {
  for (const { name: vhost, permissions } of brokers) {
    for (const { user, configure, write, read } of permissions.list()) yield { user, vhost, configure, write, read }
  }
}

function* topicPermissionsIn(brokers: readonly EmbeddedBroker[]) {
  for (const { name: vhost, permissions } of brokers) {
    for (const { user, exchange, write, read } of permissions.listTopics()) yield { user, vhost, exchange, write, read }
  }
}

export function allVhosts({ server }: Call): EmbeddedBroker[] {
  return server.virtualHosts.names().flatMap((name) => server.virtualHosts.get(name) ?? [])
}

type Owned = { readonly user: string; readonly vhost: string }

function listOwned(call: Call, permissions: Iterable<Owned>, user?: string): Promise<Response> {
  const found = [...permissions].filter((one) => user === undefined || one.user === user)
  return listOf(call, found, (one) => one.user)
}

export const listPermissions = (call: Call, user?: string) => listOwned(call, permissionsIn(allVhosts(call)), user)
export const listTopics = (call: Call, user?: string) => listOwned(call, topicPermissionsIn(allVhosts(call)), user)

/** Throws ApiError for a virtual host or a user that there is not. */
function target(call: Call): { readonly broker: EmbeddedBroker; readonly user: string } {
  const user = call.param('user')
  const broker = call.vhost()
  if (!call.server.users.list().some(({ name }) => name === user)) throw notFound()
  return { broker, user }
}

function patternsIn<N extends string>(body: JsonObject, names: readonly N[]): Record<N, string> {
  const missing = names.filter((name) => typeof body[name] !== 'string')
  if (missing.length > 0) throw badRequest(`[${missing.map((name) => `{key_missing,${name}}`).join(',\n ')}]`)
  return Object.fromEntries(names.map((name) => [name, body[name]])) as Record<N, string> // they are all texts
}

function getPermission(call: Call): Response {
  const { broker, user } = target(call)
  const patterns = broker.permissions.get(user)
  if (patterns === undefined) throw notFound()
  const { configure, write, read } = patterns
  return object(call, { user, vhost: broker.name, configure, write, read })
}

async function putPermission(call: Call): Promise<Response> {
  const { broker, user } = target(call)
  const patterns = patternsIn(await call.body(), ['configure', 'write', 'read'])
  const isNew = broker.permissions.get(user) === undefined
  await broker.permissions.set(user, patterns)
  return put(isNew)
}

async function deletePermission(call: Call): Promise<Response> {
  const { broker, user } = target(call)
  if (!(await broker.permissions.clear(user))) throw notFound()
  return done()
}

function topicsOf(call: Call) {
  const { broker, user } = target(call)
  return [...topicPermissionsIn([broker])].filter((one) => one.user === user)
}

function getTopics(call: Call): Response {
  const found = topicsOf(call)
  if (found.length === 0) throw notFound()
  return json(found)
}

async function putTopic(call: Call): Promise<Response> {
  const { broker, user } = target(call)
  const isNew = topicsOf(call).length === 0
  const body = await call.body()
  const { exchange, write, read } = patternsIn(body, ['exchange', 'write', 'read'])
  await broker.permissions.setTopic(user, exchange, { write, read })
  return put(isNew)
}

/** RabbitMQ: a list here, too. */
function getTopic(call: Call): Response {
  const found = topicsOf(call).filter(({ exchange }) => exchange === call.param('exchange'))
  if (found.length === 0) throw notFound()
  return json(found)
}

async function deleteTopic(call: Call): Promise<Response> {
  const { broker, user } = target(call)
  if (!(await broker.permissions.clearTopics(user, call.param('exchange')))) throw notFound()
  return done()
}

async function deleteTopics(call: Call): Promise<Response> {
  const { broker, user } = target(call)
  if (!(await broker.permissions.clearTopics(user, call.query.get('exchange') ?? undefined))) throw notFound()
  return done()
}

export const VHOST_ROUTES: readonly Route[] = [
  { path: '/vhosts', methods: { GET: endpoint('user', listVhosts) } },
  {
    path: '/vhosts/:vhost',
    methods: {
      GET: endpoint('visible vhost', getVhost),
      PUT: endpoint('administrator', putVhost),
      DELETE: endpoint('administrator', deleteVhost),
    },
  },
  {
    path: '/vhosts/:vhost/deletion/protection',
    methods: { POST: endpoint('administrator', protect(true)), DELETE: endpoint('administrator', protect(false)) },
  },
  {
    path: '/vhosts/:vhost/permissions',
    methods: { GET: endpoint('administrator', (call) => listOwned(call, permissionsIn([call.vhost()]))) },
  },
  {
    path: '/vhosts/:vhost/topic-permissions',
    methods: { GET: endpoint('administrator', (call) => listOwned(call, topicPermissionsIn([call.vhost()]))) },
  },
  { path: '/permissions', methods: { GET: endpoint('administrator', (call) => listPermissions(call)) } },
  {
    path: '/permissions/:vhost/:user',
    methods: {
      GET: endpoint('administrator', getPermission),
      PUT: endpoint('administrator', putPermission),
      DELETE: endpoint('administrator', deletePermission),
    },
  },
  { path: '/topic-permissions', methods: { GET: endpoint('administrator', (call) => listTopics(call)) } },
  {
    path: '/topic-permissions/:vhost/:user',
    methods: {
      GET: endpoint('administrator', getTopics),
      PUT: endpoint('administrator', putTopic),
      DELETE: endpoint('administrator', deleteTopics),
    },
  },
  {
    path: '/topic-permissions/:vhost/:user/:exchange',
    methods: { GET: endpoint('administrator', getTopic), DELETE: endpoint('administrator', deleteTopic) },
  },
]
