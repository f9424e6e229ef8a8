/** The kinds of queues there are, by the name that `x-queue-type` gives them: what keeps their messages. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import { textValue } from '../fields.ts'
import type { QueueTypeName } from './argument-table.ts'
import { Discards } from './discards.ts'
import { EveryPriority, HighAndNormal } from './level-rules.ts'
import { PriorityMessages } from './priority-messages.ts'
import type { QueueSettings } from './queue-arguments.ts'
import type { QueueLogs } from './queue-logs.ts'
import type { QueueMessages } from './queue-messages.ts'

export interface QueueKind {
  /** What RabbitMQ calls it in its texts. */
  readonly module: string
  /** Queues of this kind, and all messages in them, survive restarts: they are neither transient nor exclusive nor auto-delete. */
  readonly isAlwaysDurable: boolean
  /** Its messages in these logs: at first in one, and in as many as they need. */
  messages(logs: QueueLogs, settings: QueueSettings): QueueMessages
}

const classic: QueueKind = {
  module: 'rabbit_classic_queue',
  isAlwaysDurable: false,
  messages: (logs, { maxPriority }) =>
    maxPriority ? new PriorityMessages(logs, new EveryPriority(maxPriority)) : logs.first(),
}

/** It lives on one node, and does for its clients what RabbitMQ's does. */
const quorum: QueueKind = {
  module: 'rabbit_quorum_queue',
  isAlwaysDurable: true,
  messages: (logs) => new PriorityMessages(logs, new HighAndNormal(), new Discards(logs)),
}

const QUEUE_KINDS: { readonly [type: string]: QueueKind } = { classic, quorum }

/** What it is called: `classic`, unless its arguments say otherwise. */
export function queueType(queueArguments: FieldTable): QueueTypeName {
  const type = textValue(queueArguments.get('x-queue-type'))
  return type === 'quorum' || type === 'stream' ? type : 'classic'
}

export const QUEUE_TYPES: readonly string[] = Object.keys(QUEUE_KINDS)

/** The type of this name; undefined when there is none. */
export function queueTypeNamed(name: string): QueueTypeName | undefined {
  return name === 'classic' || name === 'quorum' ? name : undefined
}

/** A queue without a type is a classic one. */
export function queueKind(queueArguments: FieldTable): QueueKind {
  const type = queueArguments.get('x-queue-type')
  return (type?.type === 'S' ? QUEUE_KINDS[String(type.value)] : undefined) ?? classic
}
