/** What publishing reads of a message's properties: which need a look, and whether their values make sense. */
import type { FieldTable } from '../../../protocol/field-table.ts'
import { findProperty, PROPERTY_FLAGS, UNUSED_FLAGS, validateProperties } from '../../../protocol/properties.ts'
import { shortstrText } from '../../../protocol/short-string.ts'
import type { Block } from '../../lib/block.ts'
import { refuse } from '../errors.ts'
import { fieldTypeName } from '../fields.ts'
import type { Message } from '../messages/message.ts'
import { type PropertySet, propertySet } from '../messages/property-set.ts'

const { headers: HEADERS, deliveryMode, priority } = PROPERTY_FLAGS
const BOTH_OCTETS = deliveryMode.flag | priority.flag
/** Properties that must be looked at, and flags that must not be handed on: the last one would announce more. */
export const INSPECTED_FLAGS: PropertySet = propertySet('replyTo', 'expiration', 'userId') | UNUSED_FLAGS
const LETTER_C = 0x43
const PERSISTENT = 2

/** Header payloads with no property, with the delivery mode, and with a priority, too: nothing in them can be malformed. */
const BARE_HEADER_BYTES = 14
const DELIVERY_MODE_HEADER_BYTES = 15
const BOTH_OCTETS_HEADER_BYTES = 16

/** True when the properties are well-formed and none of them needs a look. Throws BrokerError for malformed ones. */
export function isPlain(message: Message): boolean {
  const { head, headerStart, headerEnd } = message
  const flags = message.propertyFlags
  const headerBytes = headerEnd - headerStart
  if (flags === deliveryMode.flag && headerBytes === DELIVERY_MODE_HEADER_BYTES) return true
  if (flags === 0 && headerBytes === BARE_HEADER_BYTES) return true
  if (flags === BOTH_OCTETS && headerBytes === BOTH_OCTETS_HEADER_BYTES) return true
  if ((flags & INSPECTED_FLAGS) !== 0) return false
  if (!validateProperties(head.bytes, headerStart, headerEnd)) throw refuse.malformedContent()
  return (flags & HEADERS.flag) === 0 || !mayCopy(head, headerStart + BARE_HEADER_BYTES, headerEnd)
}

/** Whether the delivery mode is 2. Malformed properties are found out later; these looks stay within the header. */
export function isPersistent(message: Message): boolean {
  const { head, headerStart, headerEnd } = message
  const flags = message.propertyFlags
  if ((flags & deliveryMode.flag) === 0) return false
  const at =
    flags === deliveryMode.flag ? headerStart + BARE_HEADER_BYTES : deliveryModeAt(head, headerStart, headerEnd)
  return at >= 0 && at < headerEnd && head.bytes[at] === PERSISTENT
}

function deliveryModeAt(head: Block, headerStart: number, headerEnd: number): number {
  return findProperty(head.bytes, headerStart, headerEnd, deliveryMode.flag)
}

/** Whether the letters CC occur: the quick check for the headers CC and BCC. */
function mayCopy({ bytes }: Block, start: number, end: number): boolean {
  for (let i = start + 1; i < end; i++) {
    if (bytes[i] === LETTER_C && bytes[i - 1] === LETTER_C) return true
  }
  return false
}

export function routingKeysIn(headers: FieldTable, name: 'CC' | 'BCC'): string[] {
  const header = headers.get(name)
  if (header === undefined) return []
  if (header.type !== 'A') throw refuse.invalidRouteHeader(name, fieldTypeName(header))
  // RabbitMQ passes over what is no text.
  return header.value.flatMap(({ type, value }) => (type === 'S' ? [longstrText(value)] : []))
}

/** As a routing key is read from a short string, lossless where it is not UTF-8. */
function longstrText(value: string | Uint8Array): string {
  return typeof value === 'string' ? value : shortstrText(Buffer.from(value), 0, value.length)
}
