/** Definitions as RabbitMQ exports them: everything but messages, to be imported into another broker. */
import type { EmbeddedBroker } from '../../embedded/embedded-broker.ts'
import { Pacer } from '../../lib/pacer.ts'
import { RABBITMQ_VERSION } from '../../lib/version.ts'
import type { Call } from '../call.ts'
import { jsonTable } from '../json.ts'
import { parametersOf, policyShape } from '../routes/policy-routes.ts'
import { userShape } from '../routes/user-routes.ts'
import { allVhosts } from '../routes/vhost-routes.ts'

const VERSIONS = {
  rabbit_version: RABBITMQ_VERSION,
  rabbitmq_version: RABBITMQ_VERSION,
  product_name: 'RabbitMQ',
  product_version: RABBITMQ_VERSION,
}

/** Of the whole server. */
export async function exportAll(call: Call, clusterName: string): Promise<object> {
  const { server } = call
  const pacer = new Pacer()
  const found = []
  for (const broker of allVhosts(call)) {
    const content = await contentIfThere(call, broker, pacer)
    if (content !== undefined) found.push(content)
  }
  const contents = found.filter(({ broker }) => call.isThere(broker))
  const vhosts = contents.map(({ broker }) => broker)
  return {
    ...VERSIONS,
    rabbitmq_definition_format: 'cluster',
    original_cluster_name: clusterName,
    explanation: `Definitions of cluster '${clusterName}'`,
    users: server.users.list().map((user) => userShape(server, user)),
    vhosts: vhosts.map(vhostDefinition),
    permissions: vhosts.flatMap(({ name: vhost, permissions }) =>
      permissions.list().map(({ user, configure, write, read }) => ({ user, vhost, configure, write, read })),
    ),
    topic_permissions: vhosts.flatMap(({ name: vhost, permissions }) =>
      permissions.listTopics().map(({ user, exchange, write, read }) => ({ user, vhost, exchange, write, read })),
    ),
    parameters: vhosts.flatMap(parametersOf),
    global_parameters: server.globalParameters
      .names()
      .map((name) => ({ name, value: server.globalParameters.get(name) })),
    policies: vhosts.flatMap(({ name, policies }) => policies.list().map((policy) => policyShape(name, policy))),
    queues: allOf(contents.map(({ queues }) => queues)),
    exchanges: allOf(contents.map(({ exchanges }) => exchanges)),
    bindings: allOf(contents.map(({ bindings }) => bindings)),
  }
}

/** Of one virtual host, whose name is nowhere in it. */
export async function exportVhost(broker: EmbeddedBroker): Promise<object> {
  const { queues, exchanges, bindings } = await contentOf(broker, new Pacer())
  const { description, defaultQueueType } = broker.info
  return {
    ...VERSIONS,
    rabbitmq_definition_format: 'single_virtual_host',
    original_vhost_name: broker.name,
    explanation: `Definitions of virtual host '${broker.name}'`,
    metadata: metadataOf(broker),
    description,
    default_queue_type: defaultQueueType,
    limits: [],
    parameters: nameless(parametersOf(broker)),
    policies: nameless(broker.policies.list().map((policy) => policyShape(broker.name, policy))),
    queues: nameless(queues),
    exchanges: nameless(exchanges),
    bindings: nameless(bindings),
  }
}

/** One by one, as they are written: copies of very long lists would take long. */
function* allOf(lists: readonly object[][]): Iterable<object> {
  for (const list of lists) yield* list
}

function* nameless(objects: readonly { readonly vhost: string }[]): Iterable<object> {
  for (const { vhost: _vhost, ...rest } of objects) yield rest
}

function vhostDefinition(broker: EmbeddedBroker) {
  const { description, tags, defaultQueueType } = broker.info
  const metadata = metadataOf(broker)
  return { name: broker.name, description, tags, default_queue_type: defaultQueueType, limits: [], metadata }
}

/** RabbitMQ has the protection among these, where there is one. */
function metadataOf({ info: { description, tags, defaultQueueType, isProtected } }: EmbeddedBroker) {
  const protection = isProtected ? { protected_from_deletion: true } : {}
  return { description, tags: [...tags], default_queue_type: defaultQueueType, ...protection }
}

/** Undefined for a virtual host that goes meanwhile. */
async function contentIfThere(call: Call, broker: EmbeddedBroker, pacer: Pacer) {
  try {
    return { broker, ...(await contentOf(broker, pacer)) }
  } catch (error) {
    if (call.isThere(broker)) throw error
    return undefined
  }
}

/**
 * What is there for others, too: exclusive queues belong to their connections, and predeclared exchanges are everywhere. A binding is
 * there only with both its ends, which may have come after they were looked for.
 */
async function contentOf({ name: vhost, inventory }: EmbeddedBroker, pacer: Pacer) {
  const ends = { queue: new Set<string>(), exchange: new Set<string>() }
  const queues = []
  for (const { name, durable, autoDelete, type, arguments: table, exclusive } of inventory.queues()) {
    if (pacer.isDue) await pacer.rest()
    if (exclusive) continue
    ends.queue.add(name)
    queues.push({ name, vhost, durable, auto_delete: autoDelete, type, arguments: jsonTable(table) })
  }
  const exchanges = []
  for (const { name, type, durable, autoDelete, internal, arguments: table } of inventory.exchanges()) {
    if (pacer.isDue) await pacer.rest()
    ends.exchange.add(name)
    if (name === '' || name.startsWith('amq.')) continue
    exchanges.push({ name, vhost, type, durable, auto_delete: autoDelete, internal, arguments: jsonTable(table) })
  }
  const bindings = []
  for (const { source, destination, destinationType, routingKey, arguments: table } of inventory.bindings()) {
    if (pacer.isDue) await pacer.rest()
    if (source === '' || !ends.exchange.has(source) || !ends[destinationType].has(destination)) continue
    bindings.push({
      source,
      vhost,
      destination,
      destination_type: destinationType,
      routing_key: routingKey,
      arguments: jsonTable(table),
    })
  }
  return { queues, exchanges, bindings }
}
