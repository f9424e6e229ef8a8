/** The kinds of queues there are, by the name that `x-queue-type` gives them: what keeps their messages. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import { textValue } from '../fields.ts'
import type { QueueTypeName } from './argument-table.ts'
import { PriorityMessages } from './priority-messages.ts'
import type { QueueSettings } from './queue-arguments.ts'
import type { QueueLogs } from './queue-logs.ts'
import type { QueueMessages } from './queue-messages.ts'

export interface QueueKind {
  /** Its messages in these logs: at first in one, and in as many as they need. */
  messages(logs: QueueLogs, settings: QueueSettings): QueueMessages
}

const classic: QueueKind = {
  messages: (logs, { maxPriority }) => (maxPriority ? new PriorityMessages(logs, maxPriority) : logs.first()),
}

const QUEUE_KINDS: { readonly [type: string]: QueueKind } = { classic }

/** What it is called: `classic`, unless its arguments say otherwise. */
export function queueType(queueArguments: FieldTable): QueueTypeName {
  const type = textValue(queueArguments.get('x-queue-type'))
  return type === 'quorum' || type === 'stream' ? type : 'classic'
}

export const QUEUE_TYPES: readonly string[] = Object.keys(QUEUE_KINDS)

/** A queue without a type is a classic one. */
export function queueKind(queueArguments: FieldTable): QueueKind {
  const type = queueArguments.get('x-queue-type')
  return (type?.type === 'S' ? QUEUE_KINDS[String(type.value)] : undefined) ?? classic
}
