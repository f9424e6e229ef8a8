/**
 * The deaths of a message as its header `x-death` tells of them: an array of tables, the latest in front, one for each queue and
 * reason. RabbitMQ never reads what clients write there: it keeps its own history apart, and puts it into the header when it delivers
 * the message. Here the history is in the header, and a mark beside the message says that it is the broker's own.
 */
import { skipField } from '../../../protocol/field-table-skip.ts'
import { Block } from '../../lib/block.ts'
import type { DeathCause } from './death-cause.ts'
import { entriesAt, fieldName, findField, isText, LONG, type Range, TABLE, TAG_BYTES } from './encoded-table.ts'

/** What the broker has to know of a message beside its bytes: none, one or both of these. */
export type DeathMarks = number
/** The x-death header is the broker's own. */
export const HAS_DIED = 1
/** A dead-letter routing key took the place of all the keys that the message was published with, those in CC and BCC too. */
export const IS_REROUTED = 2

export const X_DEATH: Block = fieldName('x-death')
const QUEUE = fieldName('queue')
const REASON = fieldName('reason')
const COUNT = fieldName('count')
const REJECTED = new Block(Buffer.from('rejected'))

/** The death of that cause among these; undefined when it is the first of its kind. */
export function findDeath(block: Block, deaths: Range, cause: DeathCause): Range | undefined {
  const { bytes } = block
  for (let at = deaths.start, next = at; at < deaths.end; at = next) {
    next = skipField(bytes, at)
    if (bytes[at] !== TABLE) continue
    const fields = entriesAt(block, at + TAG_BYTES)
    if (!isText(block, findField(block, fields, QUEUE), cause.queue)) continue
    if (isText(block, findField(block, fields, REASON), cause.reasonText)) return { start: at, end: next }
  }
  return undefined
}

/** Adds one to the count of the death at `at`. */
export function countDeath(block: Block, at: number): void {
  const count = findField(block, entriesAt(block, at + TAG_BYTES), COUNT)
  if (count < 0 || block.bytes[count] !== LONG) return
  const place = count + TAG_BYTES
  block.view.setBigInt64(place, block.view.getBigInt64(place) + 1n)
}

/**
 * Whether a message that has died like this must not go to that queue: it was there before and has died since without any client
 * having rejected it, so that it would go round for ever.
 */
export function isCycle(block: Block, deaths: Range, queue: Block): boolean {
  const { bytes } = block
  for (let at = deaths.start, next = at; at < deaths.end; at = next) {
    next = skipField(bytes, at)
    if (bytes[at] !== TABLE) continue
    const fields = entriesAt(block, at + TAG_BYTES)
    if (isText(block, findField(block, fields, REASON), REJECTED)) return false
    if (isText(block, findField(block, fields, QUEUE), queue)) return true
  }
  return false
}
