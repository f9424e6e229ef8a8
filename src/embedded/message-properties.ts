/** Message properties for people: headers as a plain object, the timestamp as a Date. */
import { fieldTable, type PlainTable, plainTable, plainValue } from '../../protocol/field-table-plain.ts'
import type { Properties } from '../../protocol/properties.ts'
import { SHORTSTR_BYTES_MAX } from '../../protocol/short-string.ts'
import { aBoolean, aTable, type Check, type Checks, checkOptions, notA, text, wholeNumber } from '../lib/checks.ts'

/** The properties of a message, AMQP 0-9-1 section 1.8. Texts have at most 255 bytes. */
export interface MessageProperties {
  /** MIME type of the body. */
  readonly contentType?: string
  /** MIME encoding of the body, such as `gzip`. */
  readonly contentEncoding?: string
  /** Whole numbers become 32- or 64-bit integers, other numbers doubles, dates whole seconds. */
  readonly headers?: PlainTable
  /** 1 transient (the default), 2 persistent: kept in durable queues where the storage is durable. */
  readonly deliveryMode?: number
  /** The same by another name: `true` is delivery mode 2, `false` 1. Received messages have `deliveryMode` alone. */
  readonly persistent?: boolean
  /** 0 to 255: which message comes first, in queues with `x-max-priority`. */
  readonly priority?: number
  /** Which request an answer belongs to. */
  readonly correlationId?: string
  /** The queue for answers. */
  readonly replyTo?: string
  /** Time to live in milliseconds, in decimal digits. */
  readonly expiration?: string
  /** A name for the message, by the publisher. */
  readonly messageId?: string
  /** In whole seconds; a bigint of seconds since 1970 where no Date reaches. */
  readonly timestamp?: Date | bigint
  /** What kind of message it is, by the publisher. */
  readonly type?: string
  /** In-process publishers may name any user here. */
  readonly userId?: string
  /** The program that published it. */
  readonly appId?: string
  /** Of no use any more; AMQP 0-9-1 keeps its place. */
  readonly clusterId?: string
}

export const NO_PROPERTIES: MessageProperties = {}

const shortText = text(0, SHORTSTR_BYTES_MAX)

const aTime: Check = (value, name) => {
  if (!(value instanceof Date) && typeof value !== 'bigint') throw notA('a Date, or a bigint of seconds', value, name)
}

const PROPERTY_CHECKS: Checks<MessageProperties> = {
  contentType: shortText,
  contentEncoding: shortText,
  headers: aTable,
  deliveryMode: wholeNumber(1, 2),
  persistent: aBoolean,
  priority: wholeNumber(0, 255),
  correlationId: shortText,
  replyTo: shortText,
  expiration: shortText,
  messageId: shortText,
  timestamp: aTime,
  type: shortText,
  userId: shortText,
  appId: shortText,
  clusterId: shortText,
}

/** Throws TypeError for what is no property of a message, TypeError or RangeError for values that AMQP cannot carry. */
export function toProperties(properties: MessageProperties): Properties {
  checkOptions('a message', properties, PROPERTY_CHECKS, { noun: 'property' })
  const { headers, timestamp, persistent, ...rest } = properties
  const deliveryMode = persistent === undefined ? undefined : persistent ? 2 : 1
  if (deliveryMode !== undefined && (rest.deliveryMode ?? deliveryMode) !== deliveryMode) {
    throw new RangeError(
      `persistent is ${persistent} and deliveryMode is ${rest.deliveryMode}: they contradict each other`,
    )
  }
  return {
    ...rest,
    ...(deliveryMode === undefined ? {} : { deliveryMode }),
    ...(headers === undefined ? {} : { headers: fieldTable(headers) }),
    ...(timestamp === undefined ? {} : { timestamp: seconds(timestamp) }),
  }
}

export function fromProperties({ headers, timestamp, ...rest }: Properties): MessageProperties {
  return {
    ...rest,
    ...(headers === undefined ? {} : { headers: plainTable(headers) }),
    ...(timestamp === undefined ? {} : { timestamp: plainValue({ type: 'T', value: timestamp }) as Date | bigint }),
  }
}

function seconds(timestamp: Date | bigint): bigint {
  if (typeof timestamp === 'bigint') return timestamp
  const value = Math.floor(timestamp.getTime() / 1000)
  if (!(value >= 0)) throw new RangeError('the timestamp must be a date from 1970 on')
  return BigInt(value)
}
