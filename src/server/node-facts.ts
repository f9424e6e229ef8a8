/** What a server tells of itself and of its process: `Server.node`. */
import { readdir, statfs } from 'node:fs/promises'
import { availableParallelism, hostname } from 'node:os'
import type { Storage } from '../../storage/storage.ts'
import type { Broker } from '../broker/broker.ts'
import type { NodeInfo } from '../embedded/node-info.ts'
import { openFilesMax } from '../lib/open-files.ts'
import { leveretVersion } from '../lib/version.ts'
import type { ListenAddress } from '../listeners/listen-options.ts'

const RABBITMQ_PROTOCOLS = { amqp: 'amqp', amqps: 'amqp/ssl', ws: 'http/web-amqp', wss: 'https/web-amqp' } as const

/** What is asked of the system counts for so long. */
const FRESH_MS = 1000

export interface NodeSources {
  readonly core: Broker
  readonly storage: Storage
  readonly uptimeMs: () => number
  readonly nowMs: () => number
  readonly addresses: () => readonly ListenAddress[]
  readonly httpListeners: () => NodeInfo['listeners']
  readonly certificates: () => NodeInfo['certificates']
  readonly mechanisms: readonly string[]
  readonly consumerTimeoutMs: number
  readonly defaultQueueType: NodeInfo['defaultQueueType']
}

interface SystemFacts {
  readonly diskFreeBytes: number | undefined
  readonly filesOpen: number
  readonly filesMax: number | undefined
}

export class NodeFacts {
  readonly #sources: NodeSources
  #system: Promise<SystemFacts> | undefined
  #askedAtMs = 0

  constructor(sources: NodeSources) {
    this.#sources = sources
  }

  async info(): Promise<NodeInfo> {
    const {
      core,
      storage,
      uptimeMs,
      addresses,
      httpListeners,
      certificates,
      mechanisms,
      consumerTimeoutMs,
      defaultQueueType,
    } = this.#sources
    const { trouble } = storage.journal
    const { connections, channels } = core.clientCounts
    return {
      name: `leveret@${hostname()}`,
      version: leveretVersion(),
      uptimeMs: uptimeMs(),
      pid: process.pid,
      processors: availableParallelism(),
      memoryUsedBytes: core.memory.usedBytes,
      memoryLimitBytes: core.memory.limitBytes,
      hasMemoryAlarm: core.memory.isActive,
      diskLimitBytes: storage.disk?.freeBytesMin ?? 0,
      hasDiskAlarm: trouble !== undefined,
      trouble,
      connections: connections.inAll,
      channels: channels.inAll,
      listeners: [...amqpListeners(addresses()), ...httpListeners()],
      certificates: certificates(),
      mechanisms,
      consumerTimeoutMs,
      defaultQueueType,
      storage: storage.kind,
      ...(await this.#systemFacts()),
    }
  }

  #systemFacts(): Promise<SystemFacts> {
    const { nowMs, storage } = this.#sources
    if (this.#system === undefined || nowMs() - this.#askedAtMs > FRESH_MS) {
      this.#askedAtMs = nowMs()
      this.#system = askSystem(storage.disk?.folder)
    }
    return this.#system
  }
}

/** By RabbitMQ's names of protocols. */
function amqpListeners(addresses: readonly ListenAddress[]): NodeInfo['listeners'] {
  const withPorts = addresses.filter(({ path }) => path === undefined)
  return withPorts.map(({ protocol, host, port }) => ({ protocol: RABBITMQ_PROTOCOLS[protocol], host, port }))
}

/** Where the system does not say, nothing is told. */
async function askSystem(folder: string | undefined): Promise<SystemFacts> {
  const free = folder === undefined ? undefined : await statfs(folder).catch(() => undefined)
  const files = await readdir('/dev/fd').catch(() => [])
  return {
    diskFreeBytes: free === undefined ? undefined : free.bavail * free.bsize,
    filesOpen: files.length,
    filesMax: openFilesMax(),
  }
}
