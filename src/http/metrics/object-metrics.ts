/** Metrics of queues, connections and channels: of all together, or of each. */
import type { ChannelInfo, ConnectionInfo } from '../../embedded/embedded-clients.ts'
import type { QueueFigures } from '../../embedded/queue-figures.ts'
import { Pacer } from '../../lib/pacer.ts'
import type { ManagedServer } from '../managed-server.ts'
import { type Exposition, type Family, labelPair, labelText } from './exposition.ts'
import { CHANNEL_FAMILIES, CONNECTION_FAMILIES, NOT_SUMMED, QUEUE_FAMILIES } from './families.ts'
import type { SeriesMemory } from './series-memory.ts'
import { SeriesTable } from './series-table.ts'

/** Names that other brokers' dashboards have. */
export const COMMON_PREFIX = 'message_broker_'
/** What RabbitMQ has no names for. */
export const OWN_PREFIX = 'leveret_'

/** Undefined for all of them. */
export interface Wanted {
  readonly families?: ReadonlySet<string>
  readonly vhosts?: ReadonlySet<string>
}

export async function writeSums(text: Exposition, server: ManagedServer): Promise<void> {
  const ofQueues = Object.values(QUEUE_FAMILIES)
    .flat()
    .filter(({ name }) => !NOT_SUMMED.has(name))
  const sums = await writeSumsOf(text, ofQueues, queues(server, undefined))
  const messages = sums[ofQueues.findIndex(({ name }) => name === 'queue_messages')] ?? 0
  text.with(COMMON_PREFIX).series('queue_size', 'gauge', 'Messages in all queues', [[{}, messages]])
  await writeSumsOf(text, Object.values(CONNECTION_FAMILIES).flat(), server.clients.connections())
  await writeSumsOf(text, Object.values(CHANNEL_FAMILIES).flat(), server.clients.channels())
}

async function writeSumsOf<T>(text: Exposition, families: readonly Family<T>[], all: Iterable<T>): Promise<number[]> {
  const sums = families.map(() => 0)
  const pacer = new Pacer()
  for (const one of all) {
    for (const [at, { value }] of families.entries()) sums[at] = (sums[at] as number) + value(one)
    if (pacer.isDue) await pacer.rest()
  }
  for (const [at, { name, type, help }] of families.entries()) text.series(name, type, help, [[{}, sums[at] ?? 0]])
  return sums
}

export async function writeEach(
  text: Exposition,
  server: ManagedServer,
  memory: SeriesMemory,
  { families, vhosts }: Wanted,
): Promise<void> {
  const wanted = <F>(all: Readonly<Record<string, readonly F[]>>): F[] =>
    Object.entries(all).flatMap(([name, list]) => (families === undefined || families.has(name) ? list : []))
  const isInVhost = ({ vhost }: { readonly vhost: string }): boolean => vhosts === undefined || vhosts.has(vhost)
  const ofQueues: readonly Family<QueueFigures>[] = wanted<Family<QueueFigures>>(QUEUE_FAMILIES)
  if (families === undefined) await writeQueues(text, server, memory, ofQueues, vhosts)
  else if (ofQueues.length > 0) text.each(await table(memory, ofQueues, queues(server, vhosts), queueLabels))
  const ofConnections = wanted<Family<ConnectionInfo>>(CONNECTION_FAMILIES)
  if (ofConnections.length > 0) {
    text.each(
      await table(memory, ofConnections, server.clients.connections(), (connection) =>
        isInVhost(connection) ? labelText({ connection: connection.route, vhost: connection.vhost }) : undefined,
      ),
    )
  }
  const ofChannels = wanted<Family<ChannelInfo>>(CHANNEL_FAMILIES)
  if (ofChannels.length === 0) return
  text.each(
    await table(memory, ofChannels, server.clients.channels(), ({ connection, number }) =>
      isInVhost(connection)
        ? labelText({ channel: `${connection.route} (${number})`, vhost: connection.vhost })
        : undefined,
    ),
  )
}

/** By RabbitMQ's names, by names of our own, and by those of other brokers. */
async function writeQueues(
  text: Exposition,
  server: ManagedServer,
  memory: SeriesMemory,
  families: readonly Family<QueueFigures>[],
  vhosts: ReadonlySet<string> | undefined,
): Promise<void> {
  const { statistics } = server
  const age: Family<QueueFigures> = {
    name: 'queue_oldest_message_age_seconds',
    type: 'gauge',
    help: 'About how old the oldest message of a queue is',
    value: ({ vhost, name }) => statistics.oldestMessageAgeMs(vhost, name) / 1000,
  }
  const size: Family<QueueFigures> = {
    name: 'queue_size',
    type: 'gauge',
    help: 'Messages in a queue',
    value: ({ messages }) => messages,
  }
  const both = await table(memory, [...families, age], queues(server, vhosts), queueLabels)
  text.each(both.part(0, families.length))
  text.with(OWN_PREFIX).each(both.part(families.length, 1))
  text.with(COMMON_PREFIX).each(await table(memory, [size], queues(server, vhosts), topicLabels))
}

function queueLabels({ vhost, name }: QueueFigures): string {
  return `{${labelPair('vhost', vhost)},${labelPair('queue', name)}}`
}

function topicLabels({ vhost, name }: QueueFigures): string {
  return `{${labelPair('topic', name)},${labelPair('vhost', vhost)}}`
}

function* queues({ virtualHosts }: ManagedServer, vhosts: ReadonlySet<string> | undefined): Iterable<QueueFigures> {
  for (const vhost of virtualHosts.names()) {
    if (vhosts?.has(vhost) !== false) yield* virtualHosts.get(vhost)?.inventory.queueFigures() ?? []
  }
}

/** Turn by turn. Without labels, an object is left out. */
async function table<T>(
  memory: SeriesMemory,
  families: readonly Family<T>[],
  all: Iterable<T>,
  labelsOf: (object: T) => string | undefined,
): Promise<SeriesTable<T>> {
  const made = new SeriesTable(families, memory)
  const pacer = new Pacer()
  for (const one of all) {
    const labels = labelsOf(one)
    if (labels !== undefined) made.add(one, labels)
    if (pacer.isDue) await pacer.rest()
  }
  return made
}
