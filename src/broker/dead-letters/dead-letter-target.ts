/** Where a queue sends its dead letters. */
import { SHORTSTR_BYTES_MAX, shortstrBytes } from '../../../protocol/short-string.ts'
import { Block } from '../../lib/block.ts'

export interface DeadLetterTarget {
  /** The exchange as a short string. */
  readonly exchange: Block
  /** The routing key of them all, as a short string; undefined when they keep theirs. */
  readonly routingKey: Block | undefined
}

/**
 * Undefined when dead letters cannot go there: names and routing keys are short strings, so that no exchange has a longer name,
 * and no delivery a longer key.
 */
export function deadLetterTarget(exchange: string, routingKey?: string): DeadLetterTarget | undefined {
  const name = shortString(exchange)
  const key = routingKey === undefined ? undefined : shortString(routingKey)
  if (name === undefined || (routingKey !== undefined && key === undefined)) return undefined
  return { exchange: name, routingKey: key }
}

function shortString(text: string): Block | undefined {
  const bytes = shortstrBytes(text)
  return bytes.length > SHORTSTR_BYTES_MAX ? undefined : new Block(Buffer.concat([Buffer.of(bytes.length), bytes]))
}
