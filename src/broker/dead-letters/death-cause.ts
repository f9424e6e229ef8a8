/** Where and why messages die, with the bytes of the headers that say so: they are the same for each of them. */
import { shortstrBytes } from '../../../protocol/short-string.ts'
import { Writer } from '../../../protocol/writer.ts'
import { Block } from '../../lib/block.ts'
import { LONG, TEXT, TIMESTAMP } from './encoded-table.ts'

/** As the headers name it. */
export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit'

/** What stands in front of the octets of each value, name and tag. */
export const DEATHS: Block = nameAndTag('x-death', 'A')
export const ORIGINAL_EXPIRATION: Block = nameAndTag('original-expiration', 'S')
export const EXCHANGE: Block = nameAndTag('exchange', 'S')
export const ROUTING_KEYS: Block = nameAndTag('routing-keys', 'A')

export class DeathCause {
  readonly queueName: string
  readonly reason: DeathReason
  /** The queue's name and the reason as bytes. */
  readonly queue: Block
  readonly reasonText: Block
  /** The fields of a death from its count, which is 1, to the tag of its time. */
  readonly fields: Block
  /** The headers about a message's first death and about its last, up to the tag of the exchange. */
  readonly firstDeath: Block
  readonly lastDeath: Block

  constructor(queueName: string, reason: DeathReason) {
    this.queueName = queueName
    this.reason = reason
    const queue = shortstrBytes(queueName)
    this.queue = new Block(queue)
    this.reasonText = new Block(Buffer.from(reason))
    const fields = new Writer()
    fields.shortstr('count')
    fields.octet(LONG)
    fields.longlong(1n)
    writeText(fields, 'reason', reason)
    writeText(fields, 'queue', queue)
    fields.shortstr('time')
    fields.octet(TIMESTAMP)
    this.fields = new Block(fields.take())
    this.firstDeath = headersOf('x-first-death', reason, queue)
    this.lastDeath = headersOf('x-last-death', reason, queue)
  }
}

function headersOf(prefix: string, reason: DeathReason, queue: Buffer): Block {
  const writer = new Writer()
  writeText(writer, `${prefix}-reason`, reason)
  writeText(writer, `${prefix}-queue`, queue)
  writer.shortstr(`${prefix}-exchange`)
  writer.octet(TEXT)
  return new Block(writer.take())
}

function writeText(writer: Writer, name: string, value: string | Buffer): void {
  writer.shortstr(name)
  writer.octet(TEXT)
  writer.longstr(value)
}

function nameAndTag(name: string, tag: string): Block {
  return new Block(Buffer.from(`${String.fromCharCode(name.length)}${name}${tag}`))
}
