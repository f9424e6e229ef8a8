/** Message properties for people: headers as a plain object, the timestamp as a Date. */
import { fieldTable, type PlainTable, plainTable, plainValue } from '../../protocol/field-table-plain.ts'
import type { Properties } from '../../protocol/properties.ts'

/** The properties of a message, AMQP 0-9-1 section 1.8. Texts have at most 255 bytes. */
export interface MessageProperties {
  /** MIME type of the body. */
  readonly contentType?: string
  readonly contentEncoding?: string
  /** Whole numbers become 32- or 64-bit integers, other numbers doubles, dates whole seconds. */
  readonly headers?: PlainTable
  /** 1 transient, 2 persistent. */
  readonly deliveryMode?: number
  /** 0 to 255. */
  readonly priority?: number
  readonly correlationId?: string
  readonly replyTo?: string
  /** Time to live in milliseconds, in decimal digits. */
  readonly expiration?: string
  readonly messageId?: string
  /** In whole seconds; a bigint of seconds since 1970 where no Date reaches. */
  readonly timestamp?: Date | bigint
  readonly type?: string
  /** In-process publishers may name any user here. */
  readonly userId?: string
  readonly appId?: string
  readonly clusterId?: string
}

export const NO_PROPERTIES: MessageProperties = {}

/** Throws TypeError or RangeError for headers and timestamps that AMQP cannot carry. */
export function toProperties({ headers, timestamp, ...rest }: MessageProperties): Properties {
  return {
    ...rest,
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
