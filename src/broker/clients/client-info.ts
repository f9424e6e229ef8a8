/** What connections and channels tell of themselves when they are looked at: nothing of it is kept. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import type { ChannelCounts } from './channel-counts.ts'
import type { ConnectionDetails } from './client-directory.ts'
import type { UnackedOf } from './unacked-bytes.ts'

export interface ConnectionState extends ConnectionDetails {
  /** `AMQP 0-9-1` … */
  readonly protocol: string
  /** Where the client has connected to. */
  readonly localAddress: string
  readonly localPort: number
  readonly isEncrypted: boolean
  readonly state: 'running' | 'blocked' | 'closing'
  readonly connectedAtMs: number
  readonly authMechanism: string
  /** Decoded when they are asked for. */
  readonly clientProperties: () => FieldTable
  readonly channels: number
  readonly channelMax: number
  readonly frameMaxBytes: number
  readonly heartbeatSec: number
  readonly bytesReceived: number
  readonly bytesSent: number
  /** Bytes that the client has not taken yet. */
  readonly bytesUnsent: number
  /** Bytes of messages that are unacked; undefined while no limit concerns them. */
  readonly bytesUnacked: number | undefined
  /** Whose limit on unacked bytes is reached: until some of them are settled, nothing more is delivered that is to be acknowledged. */
  readonly deliveriesWaitFor: UnackedOf | undefined
}

export interface ChannelState extends ChannelCounts {
  readonly number: number
  /** How many messages it has published to each exchange, of those that it has published to last. */
  readonly publishedTo: () => Iterable<readonly [exchange: string, count: number]>
  readonly isConfirming: boolean
  readonly isTransactional: boolean
  readonly consumers: number
  /** Of consumers that start from now on; 0 for no limit. */
  readonly prefetchCount: number
  /** Of all consumers together; 0 for no limit. */
  readonly globalPrefetchCount: number
  readonly messagesUnacked: number
  readonly messagesUnconfirmed: number
  readonly messagesUncommitted: number
  readonly acksUncommitted: number
}
