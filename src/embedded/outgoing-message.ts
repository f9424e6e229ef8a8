/** Messages as code in this process hands them in. */
import { createMessage, type Message } from '../broker/message.ts'
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

/** The message as bytes. Throws RangeError or TypeError for what AMQP cannot carry. */
export function encodeMessage(exchange: string, routingKey: string, { body, properties }: OutgoingMessage): Message {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  return createMessage(exchange, routingKey, toProperties(properties ?? NO_PROPERTIES), bytes)
}
