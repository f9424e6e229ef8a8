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

const QUEUE_KINDS = { classic, quorum } satisfies { readonly [name: string]: QueueKind }

export type QueueKindName = keyof typeof QUEUE_KINDS

/** Whose arguments it takes, and whose rules it follows: those of a classic queue, unless it is of one of RabbitMQ's other types. */
export function queueType(queueArguments: FieldTable): QueueTypeName {
  const type = textValue(queueArguments.get('x-queue-type'))
  return type === 'quorum' || type === 'stream' ? type : 'classic'
}

export const QUEUE_KIND_NAMES = Object.keys(QUEUE_KINDS) as readonly QueueKindName[]

/** Undefined when there is no kind of this name. */
export function queueKindNamed(name: string): QueueKindName | undefined {
  return Object.hasOwn(QUEUE_KINDS, name) ? (name as QueueKindName) : undefined
}

/** What it is called: `classic`, unless its arguments say otherwise. */
export function queueKindName(queueArguments: FieldTable): QueueKindName {
  const type = queueArguments.get('x-queue-type')
  return (type?.type === 'S' ? queueKindNamed(String(type.value)) : undefined) ?? 'classic'
}

export function queueKind(queueArguments: FieldTable): QueueKind {
  return QUEUE_KINDS[queueKindName(queueArguments)]
}
