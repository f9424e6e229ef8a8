/** What a server tells of itself. */
import type { Journal } from '../../storage/journal.ts'
import type { Broker } from '../broker/broker.ts'
import type { BrokerStats } from '../broker/statistics/broker-stats.ts'

/** What a program is told that uses a server before or after its time. */
export const NOT_RUNNING = 'the server is not running: call start() or listen() first'
export const NOT_LISTENING = 'the server does not listen yet: call listen() first'
export const STOPPED = 'the broker was stopped: build another one'

/** What holds publishers back. */
export type AlarmName = 'memory' | 'disk' | 'event-loop' | 'store'

/** How the server is doing. */
export interface Health {
  /**
   * `degraded`: it works, but something is held back. `unhealthy`: nothing durable can be kept, and the operator has to
   * look after the disk. See `warnings`.
   */
  readonly status: 'healthy' | 'degraded' | 'unhealthy' | 'stopped'
  readonly uptimeMs: number
  /** What is wrong, in plain words; empty when all is well. */
  readonly warnings: readonly string[]
}

/** The whole server in numbers. Counts begin with its start, and what is gone stays counted. */
export interface ServerStats extends BrokerStats {
  readonly uptimeMs: number
  /** What holds publishers back now: memory or the disk is short, the event loop is late, the store is behind. */
  readonly alarms: readonly AlarmName[]
  /** By how much the event loop was late within the last seconds, at most. */
  readonly eventLoopDelayMs: number
  /** AMQP connections that are open. */
  readonly connections: number
  readonly channels: number
  /** Bytes that AMQP clients sent. */
  readonly bytesReceived: number
  /** Bytes that were sent to AMQP clients. */
  readonly bytesSent: number
}

type Alarms = Pick<Broker, 'memory' | 'loadAlarm' | 'storeAlarm'>
type JournalState = Pick<Journal, 'trouble'>

interface HealthSources {
  readonly core: Alarms
  readonly journal: JournalState
  /** What else is wrong. */
  readonly warnings: readonly string[]
}

/** How a server does that is running. */
export function healthOf({ core, journal, warnings }: HealthSources, uptimeMs: number): Health {
  const { memory, loadAlarm, storeAlarm } = core
  const all: string[] = []
  if (memory.isActive) all.push('low on memory: publishers are blocked')
  if (loadAlarm.isActive) all.push('the event loop is late: publishers are blocked')
  if (storeAlarm.isActive) all.push('the store is behind: publishers of durable messages are blocked')
  if (journal.trouble !== undefined) all.push(journal.trouble)
  all.push(...warnings)
  let status: Health['status'] = all.length === 0 ? 'healthy' : 'degraded'
  if (journal.trouble !== undefined) status = 'unhealthy'
  return { status, uptimeMs, warnings: all }
}

/** The alarms of a server that is running. */
export function alarmsOf({ memory, loadAlarm, storeAlarm }: Alarms, journal: JournalState): AlarmName[] {
  const are: readonly (readonly [AlarmName, boolean])[] = [
    ['memory', memory.isActive],
    ['disk', journal.trouble !== undefined],
    ['event-loop', loadAlarm.isActive],
    ['store', storeAlarm.isActive],
  ]
  return are.filter(([, isActive]) => isActive).map(([name]) => name)
}
