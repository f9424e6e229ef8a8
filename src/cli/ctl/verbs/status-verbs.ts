/** What the broker is and how it does. */
import { leveretVersion } from '../../../lib/version.ts'
import { sizeText } from '../../size-text.ts'
import { apiPath } from '../broker-client.ts'
import type { Output, Verb, VerbCall } from '../verb.ts'
import { type BrokerOverview, brokerOverview } from './broker-facts.ts'
import { rowsIn } from './list-verbs.ts'

async function status({ broker }: VerbCall): Promise<Output> {
  const facts = await brokerOverview(broker)
  return {
    kind: 'object',
    title: `Status of node ${facts.node} ...`,
    value: statusValue(facts),
    text: statusText(facts),
  }
}

/** With the keys of `rabbitmqctl status --formatter json`. */
function statusValue(facts: BrokerOverview): object {
  const { node, listeners } = facts
  return {
    active_plugins: [],
    alarms: alarmsOf(facts),
    disk_free: facts.diskFreeBytes,
    disk_free_limit: facts.diskLimitBytes,
    erlang_version: facts.runtime,
    file_descriptors: { total_limit: facts.filesTotal, total_used: facts.filesUsed },
    leveret_version: facts.leveretVersion,
    listeners: listeners.map(({ ip_address, port, protocol }) => ({ node, interface: ip_address, port, protocol })),
    memory: { total: { rss: facts.memoryUsedBytes }, strategy: 'rss' },
    net_ticktime: 60,
    os: process.platform,
    pid: facts.pid,
    product_name: 'Leveret',
    product_version: facts.rabbitmqVersion,
    rabbitmq_version: facts.rabbitmqVersion,
    run_queue: 0,
    totals: { connection_count: facts.connections, queue_count: facts.queues, virtual_host_count: facts.vhosts },
    uptime: Math.floor(facts.uptimeMs / 1000),
    vm_memory_high_watermark_limit: facts.memoryLimitBytes,
  }
}

function alarmsOf({ memoryAlarm, diskAlarm }: BrokerOverview): string[] {
  return [...(memoryAlarm ? ['memory'] : []), ...(diskAlarm ? ['disk'] : [])]
}

function statusText(facts: BrokerOverview): string {
  const alarms = alarmsOf(facts)
  return [
    'Runtime\n',
    `OS PID: ${facts.pid}`,
    `Uptime (seconds): ${Math.floor(facts.uptimeMs / 1000)}`,
    `Leveret version: ${facts.leveretVersion}`,
    `RabbitMQ version: ${facts.rabbitmqVersion}`,
    `Runtime: ${facts.runtime.replace(/^none: /, '')}`,
    '\nAlarms\n',
    alarms.length === 0 ? '(none)' : alarms.join('\n'),
    '\nMemory\n',
    `Memory used: ${sizeText(facts.memoryUsedBytes)}`,
    `Memory limit: ${sizeText(facts.memoryLimitBytes)}`,
    '\nFile Descriptors\n',
    `Total: ${facts.filesUsed}, limit: ${facts.filesTotal}`,
    '\nFree Disk Space\n',
    `Low free disk space limit: ${sizeText(facts.diskLimitBytes)}`,
    `Free disk space: ${sizeText(facts.diskFreeBytes)}`,
    '\nTotals\n',
    `Connection count: ${facts.connections}`,
    `Queue count: ${facts.queues}`,
    `Virtual host count: ${facts.vhosts}`,
    '\nListeners\n',
    ...facts.listeners.map(
      ({ ip_address, port, protocol }) => `Interface: ${ip_address}, port: ${port}, protocol: ${protocol}`,
    ),
  ].join('\n')
}

async function clusterStatus({ broker }: VerbCall): Promise<Output> {
  const facts = await brokerOverview(broker)
  const { node, clusterName, listeners, rabbitmqVersion } = facts
  const value = {
    cluster_name: clusterName,
    disk_nodes: [node],
    ram_nodes: [],
    running_nodes: [node],
    partitions: {},
    alarms: alarmsOf(facts),
    listeners: {
      [node]: listeners.map(({ ip_address, port, protocol }) => ({ node, interface: ip_address, port, protocol })),
    },
    versions: {
      [node]: { rabbitmq_version: rabbitmqVersion, rabbitmq_name: 'RabbitMQ', leveret_version: facts.leveretVersion },
    },
  }
  const text = ['Basics\n', `Cluster name: ${clusterName}`, '\nRunning Nodes\n', node, '\nAlarms\n']
  const alarms = alarmsOf(facts)
  return {
    kind: 'object',
    title: `Cluster status of node ${node} ...`,
    value,
    text: [...text, alarms.length === 0 ? '(none)' : alarms.join('\n')].join('\n'),
  }
}

function version(): Output {
  const text = leveretVersion()
  return { kind: 'object', value: { version: text }, text }
}

async function serverVersion({ broker }: VerbCall): Promise<Output> {
  const { rabbitmqVersion: text } = await brokerOverview(broker)
  return { kind: 'object', value: { version: text }, text }
}

async function features({ broker }: VerbCall): Promise<Output> {
  const rows = rowsIn(await broker.get('/feature-flags'))
  return { kind: 'rows', title: 'Listing feature flags ...', columns: ['name', 'state'], rows }
}

async function memoryBreakdown({ broker }: VerbCall): Promise<Output> {
  const { node } = await brokerOverview(broker)
  const { memory } = (await broker.get(apiPath`/nodes/${node}/memory`)) as {
    readonly memory: Readonly<Record<string, unknown>>
  }
  const parts = Object.entries(memory).filter((part): part is [string, number] => typeof part[1] === 'number')
  const total = parts.reduce((sum, [, bytes]) => sum + bytes, 0)
  const share = (bytes: number): number => (total === 0 ? 0 : Math.round((bytes / total) * 10_000) / 100)
  const found = parts.filter(([, bytes]) => bytes > 0).sort(([, a], [, b]) => b - a)
  return {
    kind: 'object',
    title: `Reporting memory breakdown on node ${node} ...`,
    value: Object.fromEntries(found.map(([name, bytes]) => [name, { bytes, percentage: share(bytes) }])),
    text: found.map(([name, bytes]) => `${name}: ${sizeText(bytes)} (${share(bytes)}%)`).join('\n'),
  }
}

async function setClusterName(call: VerbCall): Promise<Output> {
  const name = call.text('name')
  await call.broker.put('/cluster-name', { name })
  return { kind: 'done', text: `Setting cluster name to ${name} ...` }
}

export const STATUS_VERBS: readonly Verb[] = [
  { name: 'status', describe: 'show version, alarms, memory, disk, totals and listeners', run: status },
  { name: 'cluster_status', describe: 'show the broker as a cluster of one node', run: clusterStatus },
  { name: 'version', describe: 'print the version of this command', run: version },
  {
    name: 'server_version',
    describe: 'print the version of RabbitMQ that the broker behaves like',
    run: serverVersion,
  },
  { name: 'list_feature_flags', describe: "list RabbitMQ's feature flags", run: features },
  { name: 'memory_breakdown', describe: 'show what memory is used for', run: memoryBreakdown },
  {
    name: 'set_cluster_name',
    args: '<name>',
    describe: 'change the cluster name, which tools show',
    run: setClusterName,
  },
]
