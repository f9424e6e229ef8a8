/** Messages as code in this process hands them in. */
import { createMessage, type Message } from '../broker/messages/message.ts'
import { anObject, anyText, type Check, type Checks, checkOptions, notA } from '../lib/checks.ts'
import { type MessageProperties, NO_PROPERTIES, toProperties } from './message-properties.ts'

export interface OutgoingMessage {
  /** A string is sent as UTF-8. Bytes are copied. */
  readonly body: string | Uint8Array
  readonly properties?: MessageProperties
}

export interface AddressedMessage extends OutgoingMessage {
  /** Empty for the default exchange, which knows every queue by its name. */
  readonly exchange: string
  readonly routingKey: string
}

const aBody: Check = (value, name) => {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) throw notA('a string or a Uint8Array', value, name)
}

/** Throws TypeError. */
export function checkBody(body: unknown): void {
  aBody(body, 'the body')
}

export const OUTGOING_CHECKS: Checks<OutgoingMessage> = { body: aBody, properties: anObject }
const ADDRESSED_CHECKS: Checks<AddressedMessage> = { ...OUTGOING_CHECKS, exchange: anyText, routingKey: anyText }

/** The message of a batch as bytes. Throws like `encodeMessage`, and TypeError for what is no such message. */
export function encodeAddressed(message: AddressedMessage): Message {
  checkOptions('a message', message, ADDRESSED_CHECKS)
  return encodeMessage(message.exchange, message.routingKey, message)
}

/** The message as bytes. Throws RangeError or TypeError for what AMQP cannot carry. */
export function encodeMessage(exchange: string, routingKey: string, { body, properties }: OutgoingMessage): Message {
  anyText(exchange, 'the exchange')
  anyText(routingKey, 'the routing key')
  checkBody(body)
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  return createMessage(exchange, routingKey, toProperties(properties ?? NO_PROPERTIES), bytes)
}
