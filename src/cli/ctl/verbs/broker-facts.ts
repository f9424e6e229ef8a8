/** What the management API tells of the broker as a whole, as far as commands use it. */
import { apiPath, type BrokerClient } from '../broker-client.ts'

export interface ListenerRow {
  readonly protocol: string
  readonly ip_address: string
  readonly port: number
}

export interface BrokerOverview {
  readonly node: string
  readonly clusterName: string
  readonly rabbitmqVersion: string
  readonly leveretVersion: string
  readonly runtime: string
  readonly listeners: readonly ListenerRow[]
  readonly connections: number
  readonly queues: number
  readonly vhosts: number
  readonly pid: number
  readonly uptimeMs: number
  readonly memoryUsedBytes: number
  readonly memoryLimitBytes: number
  readonly diskFreeBytes: number
  readonly diskLimitBytes: number
  readonly filesUsed: number
  readonly filesTotal: number
  readonly memoryAlarm: boolean
  readonly diskAlarm: boolean
}

/** Fields of `/api/overview` and `/api/nodes/NAME`. */
interface Answers {
  readonly overview: {
    readonly node: string
    readonly cluster_name: string
    readonly rabbitmq_version: string
    readonly leveret_version?: string
    readonly erlang_full_version: string
    readonly listeners: readonly ListenerRow[]
    readonly object_totals: { readonly connections: number; readonly queues: number }
  }
  readonly node: Readonly<Record<string, unknown>>
}

export async function brokerOverview(broker: BrokerClient): Promise<BrokerOverview> {
  // The API has these fields; another program would have been found out by then.
  const overview = (await broker.get('/overview')) as Answers['overview']
  const node = (await broker.get(apiPath`/nodes/${overview.node}`)) as Answers['node']
  const vhosts = (await broker.get('/vhosts?columns=name')) as readonly unknown[]
  const { connections, queues } = overview.object_totals
  return {
    node: overview.node,
    clusterName: overview.cluster_name,
    rabbitmqVersion: overview.rabbitmq_version,
    leveretVersion: overview.leveret_version ?? '',
    runtime: overview.erlang_full_version,
    listeners: overview.listeners,
    connections,
    queues,
    vhosts: vhosts.length,
    pid: Number(node.os_pid),
    uptimeMs: Number(node.uptime),
    memoryUsedBytes: Number(node.mem_used),
    memoryLimitBytes: Number(node.mem_limit),
    diskFreeBytes: Number(node.disk_free),
    diskLimitBytes: Number(node.disk_free_limit),
    filesUsed: Number(node.fd_used),
    filesTotal: Number(node.fd_total),
    memoryAlarm: node.mem_alarm === true,
    diskAlarm: node.disk_free_alarm === true,
  }
}
