/** The kinds of queues there are, by the name that `x-queue-type` gives them: what keeps their messages. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import type { QueueLog } from '../../../storage/queue-log.ts'
import { textValue } from '../fields.ts'
import type { QueueTypeName } from './argument-table.ts'
import type { QueueSettings } from './queue-arguments.ts'
import type { QueueMessages } from './queue-messages.ts'

export interface QueueKind {
  /** How many logs a queue with these settings has: always as many as when it was declared. */
  logCount(settings: QueueSettings): number
  /** Its messages in these logs. */
  messages(logs: readonly QueueLog[], settings: QueueSettings): QueueMessages
}

const classic: QueueKind = {
  logCount: () => 1,
  messages: ([log]) => {
    if (log === undefined) throw new Error('the queue has no log')
    return log
  },
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
