/** What goes from where to where, as RabbitMQ shows it: `incoming`, `outgoing`, `publishes` and `deliveries`. */
import type { ConnectionInfo, EmbeddedClients } from '../../embedded/embedded-clients.ts'
import type { ChannelFlow, ConsumerFlow, ExchangeFlow, Flow, QueueFlow } from '../../embedded/embedded-flows.ts'
import { type SampleRequest, withDetails } from './rates.ts'

type Connections = Pick<EmbeddedClients, 'connection'>

function published({ count, counters }: Flow, asked: SampleRequest) {
  return withDetails({ publish: count }, counters, asked.rates)
}

export function exchangeFlow(vhost: string, flow: ExchangeFlow, asked: SampleRequest) {
  return { exchange: { name: flow.exchange, vhost }, stats: published(flow, asked) }
}

export function queueFlow(vhost: string, flow: QueueFlow, asked: SampleRequest) {
  return { queue: { name: flow.queue, vhost }, stats: published(flow, asked) }
}

export function channelFlow(node: string, flow: ChannelFlow, connections: Connections, asked: SampleRequest) {
  const connection = connections.connection(flow.connection)
  return { channel_details: channelDetails(node, flow.channel, connection), stats: published(flow, asked) }
}

/** RabbitMQ has one for each channel; a channel with several consumers of a queue has several here. */
export function consumerFlow(node: string, flow: ConsumerFlow, connections: Connections, asked: SampleRequest) {
  const { origin, noAck } = flow.consumer
  const connection = origin === undefined ? undefined : connections.connection(origin.connection)
  return {
    channel_details: channelDetails(node, origin?.channel ?? 0, connection),
    stats: delivered(flow, noAck, asked),
  }
}

/** The same as its channel sees it. */
export function deliveryFlow(vhost: string, flow: ConsumerFlow, asked: SampleRequest) {
  const { queue, noAck } = flow.consumer
  return { queue: { name: queue, vhost }, stats: delivered(flow, noAck, asked) }
}

function delivered({ count, counters = [] }: Flow, isNoAck: boolean, asked: SampleRequest) {
  const [sampled] = counters
  const named =
    sampled === undefined ? [] : ['deliver', 'deliver_no_ack', 'deliver_get'].map((name) => ({ ...sampled, name }))
  const counts = { ...(isNoAck ? { deliver_no_ack: count } : { deliver: count }), deliver_get: count }
  return withDetails(counts, named, asked.rates)
}

/** Where something in a channel is; this process has none. */
export function channelDetails(node: string, number: number, connection: ConnectionInfo | undefined) {
  return {
    connection_name: connection?.route ?? '',
    name: connection === undefined ? '' : `${connection.route} (${number})`,
    node,
    number,
    peer_host: connection?.peerAddress ?? '',
    peer_port: connection?.peerPort ?? 0,
    user: connection?.user.name ?? '',
  }
}
