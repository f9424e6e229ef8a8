/**
 * The headers of a first death are the same for messages that have none of their own, came by the same key and die of the same: but
 * for the time. So those of the last one are kept, and copied for the next.
 */
import { headersPlace, PROPERTY_FLAGS, readFlags } from '../../../protocol/properties.ts'
import { allocateBlock, type Block, copyBytes, EMPTY_BLOCK, equalBytes } from '../../lib/block.ts'
import type { DeathCause } from './death-cause.ts'
import type { DyingMessage } from './dying-message.ts'
import { arrayNamed, entriesAt, fieldName, findField, LENGTH_BYTES, TAG_BYTES } from './encoded-table.ts'

const X_DEATH = fieldName('x-death')
const TIME = fieldName('time')
const LOW_WORD = 4
const UNUSUAL = PROPERTY_FLAGS.headers.flag | PROPERTY_FLAGS.expiration.flag

/** Whether nothing in the message makes its first death differ from that of others. */
export function diesPlainly({ head, headerStart }: DyingMessage): boolean {
  return (readFlags(head.bytes, headerStart) & UNUSUAL) === 0
}

export class FirstDeath {
  /** The headers, with their length. */
  table: Block = EMPTY_BLOCK
  #cause: DeathCause | undefined
  #key: Block = EMPTY_BLOCK
  /** Where the seconds are in the table. */
  #timeAt = 0

  /** Whether the headers that are kept are those of this message: they have this time then. */
  fits({ head, keyStart, headerStart }: DyingMessage, cause: DeathCause, nowSec: number): boolean {
    const keyBytes = headerStart - keyStart
    const isSame =
      this.#cause === cause && this.#key.size === keyBytes && equalBytes(this.#key, 0, head, keyStart, keyBytes)
    if (isSame) this.table.view.setUint32(this.#timeAt, nowSec)
    return isSame
  }

  /** Keeps the headers of the dead letter whose content header begins there. */
  keep(
    { head, keyStart, headerStart }: DyingMessage,
    cause: DeathCause,
    letter: Block,
    letterHeaderStart: number,
  ): void {
    const at = headersPlace(letter.bytes, letterHeaderStart)
    const { end } = entriesAt(letter, at)
    this.table = copyOf(letter, at, end)
    this.#key = copyOf(head, keyStart, headerStart)
    this.#cause = cause
    const deaths = arrayNamed(this.table, { start: LENGTH_BYTES, end: this.table.size }, X_DEATH)
    const death = entriesAt(this.table, deaths.start + TAG_BYTES)
    this.#timeAt = findField(this.table, death, TIME) + TAG_BYTES + LOW_WORD
  }
}

function copyOf(source: Block, start: number, end: number): Block {
  const copy = allocateBlock(end - start)
  copyBytes(copy, 0, source, start, end)
  return copy
}
