import { ReplyCode, replyCodeName } from '../../protocol/constants.ts'
import type { BrokerErrorKind } from '../broker/errors.ts'

/** The one map from the core's refusals to AMQP. */
export const REPLY_CODES: Readonly<Record<BrokerErrorKind, number>> = {
  'not-found': ReplyCode.NOT_FOUND,
  'access-refused': ReplyCode.ACCESS_REFUSED,
  'resource-locked': ReplyCode.RESOURCE_LOCKED,
  'precondition-failed': ReplyCode.PRECONDITION_FAILED,
  'not-allowed': ReplyCode.NOT_ALLOWED,
  'not-implemented': ReplyCode.NOT_IMPLEMENTED,
  'resource-error': ReplyCode.RESOURCE_ERROR,
  'malformed-content': ReplyCode.INTERNAL_ERROR,
  'no-route': ReplyCode.NO_ROUTE,
}

const CHANNEL_CODES: ReadonlySet<number> = new Set([
  ReplyCode.CONTENT_TOO_LARGE,
  ReplyCode.NO_CONSUMERS,
  ReplyCode.ACCESS_REFUSED,
  ReplyCode.NOT_FOUND,
  ReplyCode.RESOURCE_LOCKED,
  ReplyCode.PRECONDITION_FAILED,
])

/** Whether an error with this code ends its channel only. */
export function isChannelCode(code: number): boolean {
  return CHANNEL_CODES.has(code)
}

/** `NOT_FOUND - no queue 'q' in vhost '/'`: what reply-text says. */
export function replyText(code: number, text: string): string {
  return text === '' ? replyCodeName(code) : `${replyCodeName(code)} - ${text}`
}
