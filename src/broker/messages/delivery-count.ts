/** The header in which a delivery tells how often its message came back before. */
import { skipField } from '../../../protocol/field-table-skip.ts'
import { headersPlace, PROPERTY_FLAGS, readFlags } from '../../../protocol/properties.ts'
import { Block } from '../../lib/block.ts'

const NAME = Buffer.from('\x10x-delivery-count')
const TAG_LONG = 'l'.charCodeAt(0)
const FIELD_BYTES = NAME.length + 1 + 8
const LENGTH_BYTES = 4
const FLAGS_OFFSET = 12
const { flag: HEADERS } = PROPERTY_FLAGS.headers

/** A copy of the content header between start and end, well-formed, that tells of so many returns, and nothing else of them. */
export function withDeliveryCount(bytes: Buffer, start: number, end: number, count: number): Block {
  const place = headersPlace(bytes, start)
  const hasHeaders = (readFlags(bytes, start) & HEADERS) !== 0
  const entriesStart = hasHeaders ? place + LENGTH_BYTES : place
  const entriesEnd = hasHeaders ? entriesStart + bytes.readUInt32BE(place) : place
  const kept = otherEntries(bytes, entriesStart, entriesEnd)
  const field = Buffer.alloc(FIELD_BYTES)
  NAME.copy(field)
  field[NAME.length] = TAG_LONG
  field.writeBigInt64BE(BigInt(count), NAME.length + 1)
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32BE(FIELD_BYTES + kept.reduce((sum, run) => sum + run.length, 0))
  const header = Buffer.concat([bytes.subarray(start, place), length, ...kept, field, bytes.subarray(entriesEnd, end)])
  header.writeUInt16BE(header.readUInt16BE(FLAGS_OFFSET) | HEADERS, FLAGS_OFFSET)
  return new Block(header)
}

/** What a publisher wrote under that name goes. */
function otherEntries(bytes: Buffer, start: number, end: number): Buffer[] {
  const kept: Buffer[] = []
  for (let at = start, next = at; at < end; at = next) {
    const field = at + 1 + (bytes[at] as number)
    next = skipField(bytes, field)
    if (!NAME.equals(bytes.subarray(at, field))) kept.push(bytes.subarray(at, next))
  }
  return kept
}
