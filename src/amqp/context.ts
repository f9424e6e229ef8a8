/** What all connections of a listener share, and the limits they are under. */
import type { FieldTable } from '../../protocol/field-table.ts'
import type { Logins } from '../auth/logins/logins.ts'
import type { Broker } from '../broker/broker.ts'
import type { ConnectionDetails } from '../broker/clients/client-directory.ts'
import type { Logger } from '../lib/logger.ts'
import type { RareLines } from '../lib/rare-lines.ts'
import type { OutboxFlusher } from './outbox-flusher.ts'
import type { ReadBuffer } from './read-buffer.ts'

export interface AmqpLimits {
  readonly frameMaxBytes: number
  /** Largest frame before a client has logged in. */
  readonly initialFrameMaxBytes: number
  readonly channelMax: number
  /** Suggested to clients; 0 turns heartbeats off. */
  readonly heartbeatSec: number
  /** From connecting to connection.open. */
  readonly handshakeTimeoutMs: number
  /** How long a client may take nothing of what it is sent; 0 for ever. */
  readonly sendTimeoutMs: number
  /** How long a client may take for an acknowledgement where nothing else is said; 0 for ever. */
  readonly consumerTimeoutMs: number
  readonly maxMessageSizeBytes: number
}

export interface AmqpContext {
  readonly broker: Broker
  readonly logins: Logins
  readonly logger: Logger
  /** For what clients can cause at any rate. */
  readonly rareLines: RareLines
  readonly limits: AmqpLimits
  readonly serverProperties: FieldTable
  /** What the server calls itself. */
  readonly nodeName: string
  readonly flusher: OutboxFlusher
  readonly readBuffer: ReadBuffer
  /** Milliseconds since 1970. */
  readonly wallMs: () => number
  readonly onOpen: (details: ConnectionDetails) => void
  readonly onClose: (details: ConnectionDetails) => void
}

const NAME_CHARACTERS_MAX = 255

/** What a client calls its connection, undefined when it gives no name. */
export function connectionName(clientProperties: FieldTable): string | undefined {
  const field = clientProperties.get('connection_name')
  if (field?.type !== 'S' || field.value.length === 0) return undefined
  const text = Buffer.from(field.value as string).toString()
  return text.length <= NAME_CHARACTERS_MAX ? text : [...text].slice(0, NAME_CHARACTERS_MAX).join('')
}

/** What a client said it can do; RabbitMQ's names in its client-properties. */
export interface ClientCapabilities {
  readonly authenticationFailureClose: boolean
  readonly consumerCancelNotify: boolean
  readonly connectionBlocked: boolean
}

export const NO_CAPABILITIES: ClientCapabilities = {
  authenticationFailureClose: false,
  consumerCancelNotify: false,
  connectionBlocked: false,
}

export function clientCapabilities(clientProperties: FieldTable): ClientCapabilities {
  const field = clientProperties.get('capabilities')
  const capabilities: FieldTable = field?.type === 'F' ? field.value : new Map()
  const has = (name: string): boolean => capabilities.get(name)?.value === true
  return {
    authenticationFailureClose: has('authentication_failure_close'),
    consumerCancelNotify: has('consumer_cancel_notify'),
    connectionBlocked: has('connection.blocked'),
  }
}
