/** Metrics of the server as a whole that are more than additions of counters: sizes, times, log-ins, what publishers waited for. */
import type { LoginCount } from '../../auth/logins/login-counts.ts'
import type { ServerFigures, ServerTotals } from '../../embedded/embedded-statistics.ts'
import type { NodeInfo } from '../../embedded/node-info.ts'
import { Histogram, SECONDS_BOUNDS } from '../../lib/histogram.ts'
import type { ManagedServer } from '../managed-server.ts'
import type { Exposition, Labels, MetricType } from './exposition.ts'

type Row<T> = readonly [name: string, type: MetricType, help: string, value: (of: T) => number]

const NOTHING_TIMED = new Histogram(SECONDS_BOUNDS)

const LOGINS: readonly Row<LoginCount>[] = [
  ['auth_attempts_total', 'counter', 'Total number of authentication attempts', (one) => one.succeeded + one.failed],
  [
    'auth_attempts_succeeded_total',
    'counter',
    'Total number of successful authentication attempts',
    (one) => one.succeeded,
  ],
  ['auth_attempts_failed_total', 'counter', 'Total number of failed authentication attempts', (one) => one.failed],
]

/** RabbitMQ's reasons, as its metrics call them. */
const DEATHS = [
  ['rejected', 'Total number of messages dead-lettered due to basic.reject or basic.nack'],
  ['expired', 'Total number of messages dead-lettered due to message TTL exceeded'],
  ['maxlen', 'Total number of messages dead-lettered due to overflow drop-head or reject-publish-dlx'],
  ['delivery_limit', 'Total number of messages dead-lettered due to delivery-limit exceeded'],
] as const

/** By RabbitMQ's names. */
export function writeBroker(text: Exposition, server: ManagedServer, figures: ServerFigures): void {
  text.histogram(
    'message_size_bytes',
    'Size of messages received from publishers',
    { protocol: 'amqp091' },
    figures.messageSizes,
  )
  writeDeadLetters(text, figures)
  writeDisk(text, figures)
  const counts = server.logins.counts()
  const protocols: readonly LoginCount['protocol'][] = ['amqp091', 'http']
  const logins = protocols.map((protocol) => {
    return counts.find((one) => one.protocol === protocol) ?? { protocol, succeeded: 0, failed: 0 }
  })
  for (const [name, type, help, value] of LOGINS) {
    text.series(
      name,
      type,
      help,
      logins.map((one) => [{ protocol: one.protocol }, value(one)]),
    )
  }
}

/** RabbitMQ counts what dies in queues without a dead letter exchange, too; the broker does not, and says 0. */
function writeDeadLetters(text: Exposition, { deadLetters }: ServerFigures): void {
  const labels = (type: string, strategy: string): Labels => ({
    queue_type: `rabbit_${type}_queue`,
    dead_letter_strategy: strategy,
  })
  const withNone = ['classic', 'quorum'].map((type) => [labels(type, 'disabled'), 0] as const)
  for (const [reason, help] of DEATHS) {
    text.series(`global_messages_dead_lettered_${reason}_total`, 'counter', help, [
      ...withNone,
      ...deadLetters.map(
        ({ queueType, strategy, counts }) => [labels(queueType, strategy), counts[reason].count] as const,
      ),
    ])
  }
  text.series(
    'global_messages_dead_lettered_confirmed_total',
    'counter',
    'Total number of messages dead-lettered and confirmed by target queues',
    deadLetters
      .filter(({ strategy }) => strategy === 'at_least_once')
      .map(({ queueType, strategy, counts }) => [labels(queueType, strategy), counts.arrived]),
  )
}

function writeDisk(text: Exposition, { store }: ServerFigures): void {
  const { commits, syncs, bytesWritten } = store ?? { commits: NOTHING_TIMED, syncs: NOTHING_TIMED, bytesWritten: 0 }
  text.series('io_write_ops_total', 'counter', 'Total number of I/O write operations', [[{}, commits.count]])
  text.series('io_write_bytes_total', 'counter', 'Total number of I/O bytes written', [[{}, bytesWritten]])
  text.series('io_write_time_seconds_total', 'counter', 'Total I/O write time', [[{}, commits.sum]])
  text.series('io_sync_ops_total', 'counter', 'Total number of I/O sync operations', [[{}, syncs.count]])
  text.series('io_sync_time_seconds_total', 'counter', 'Total I/O sync time', [[{}, syncs.sum]])
}

/** What RabbitMQ has no names for. */
export function writeOwn(text: Exposition, server: ManagedServer, figures: ServerFigures): void {
  const { store, eventLoop } = figures
  text.histogram('commit_duration_seconds', 'Time until a commit was written', {}, store?.commits ?? NOTHING_TIMED)
  text.histogram('sync_duration_seconds', 'Time of a sync beside commits', {}, store?.syncs ?? NOTHING_TIMED)
  const alarms = server.statistics.alarmTimes()
  const ofAlarms = (name: string, help: string, value: (of: (typeof alarms)[number]) => number): void =>
    text.series(
      name,
      name.endsWith('_total') ? 'counter' : 'gauge',
      help,
      alarms.map((one) => [{ resource: one.resource }, value(one)]),
    )
  ofAlarms('alarm_active', 'is 1 while publishers wait for this', ({ isActive }) => Number(isActive))
  ofAlarms('alarms_total', 'How often publishers had to wait for this', ({ raisedCount }) => raisedCount)
  ofAlarms('blocked_seconds_total', 'How long publishers had to wait for this', ({ activeMs }) => activeMs / 1000)
  text.series('event_loop_delay_seconds', 'gauge', 'How late the event loop was in the last minute or two', [
    [{ quantile: '0.5' }, eventLoop.p50Sec],
    [{ quantile: '0.9' }, eventLoop.p90Sec],
    [{ quantile: '0.99' }, eventLoop.p99Sec],
    [{ quantile: '1' }, eventLoop.maxSec],
  ])
  text.series('event_loop_delay_mean_seconds', 'gauge', 'The same on average', [[{}, eventLoop.meanSec]])
  writeRecovery(text, server)
}

function writeRecovery(text: Exposition, { recovery }: ManagedServer): void {
  if (recovery === undefined) return
  const gauge = (name: string, help: string, value: number): void =>
    text.series(`recovery_${name}`, 'gauge', help, [[{}, value]])
  gauge('duration_seconds', 'How long the last start took to open the store', recovery.durationMs / 1000)
  gauge('queues', 'Durable queues that were found', recovery.queues)
  gauge('messages', 'Messages that were found', recovery.messages)
  gauge('torn_bytes', 'Bytes of commits that were not finished, and never confirmed', recovery.tornBytes)
  gauge('quarantined', 'Damaged places that were left out', recovery.quarantined)
}

/** Names that other brokers' dashboards have. */
export function writeCommon(
  text: Exposition,
  node: NodeInfo,
  { channels, classic, quorum }: ServerTotals,
  { store }: ServerFigures,
): void {
  text.series('messages_published_total', 'counter', 'Messages that clients have published', [[{}, channels.published]])
  text.series('messages_consumed_total', 'counter', 'Messages that were delivered to clients', [
    [{}, classic.messagesDelivered + quorum.messagesDelivered],
  ])
  text.series('active_connections', 'gauge', 'Connections that are open', [[{}, node.connections]])
  text.histogram(
    'processing_duration_seconds',
    'Time until the disk has what it is given, for all messages of a commit together',
    {},
    store?.commits ?? NOTHING_TIMED,
  )
}
