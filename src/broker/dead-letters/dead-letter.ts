/**
 * What becomes of a message that dies: its key and its content header are written anew. The key is where it goes now. Of the header all
 * bytes stay as the publisher wrote them, but for
 *
 *     x-death                         the new death in front, or the count of an earlier one of the same queue and reason raised
 *     x-first-death-*, x-last-death-* reason, queue and exchange of the first death and of this one
 *     expiration                      taken out, so that it does not expire again; x-death tells of it
 *
 * Headers of these names that a client wrote go when the broker writes its own, whatever is in them.
 */
import { FIELDS_MAX } from '../../../protocol/field-table-limits.ts'
import { skipFieldTable } from '../../../protocol/field-table-skip.ts'
import { headersPlace, PROPERTY_FLAGS, readFlags } from '../../../protocol/properties.ts'
import { shortstrBytes, shortstrText } from '../../../protocol/short-string.ts'
import { Block } from '../../lib/block.ts'
import type { DeadLetterTarget } from './dead-letter-target.ts'
import type { DeathCause } from './death-cause.ts'
import { type KeysToTell, writeDeathHeaders } from './death-headers.ts'
import { type DeathMarks, HAS_DIED, IS_REROUTED, isCycle, X_DEATH } from './death-history.ts'
import { Draft } from './draft.ts'
import { copiesAmong, type DyingMessage, type Parts, partsOf, shortString } from './dying-message.ts'
import { arrayNamed, entriesAt, LENGTH_BYTES, NO_RANGE, type Range, TAG_BYTES, textsIn } from './encoded-table.ts'
import { diesPlainly, FirstDeath } from './first-death.ts'

/** No header becomes longer: it would take deaths in a thousand queues, or a client that has filled it beforehand. */
const HEADER_BYTES_MAX = 1024 * 1024
/** More than a death takes beside its keys: its names, numbers and lengths, three times its queue and exchange. */
const DEATH_BYTES_MAX = 4096
const FLAGS_OFFSET = 12
const MS_PER_SEC = 1000
const { headers: HEADERS, expiration: EXPIRATION } = PROPERTY_FLAGS
const NO_KEYS: readonly Block[] = []

/** One object, and its memory, is used again for every dead letter. What it says holds until the next one is written. */
export class DeadLetter implements DyingMessage {
  readonly keyStart = 0
  headerStart = 0
  headerEnd = 0
  /** To be kept with the message. */
  marks: DeathMarks = 0
  /** Whether it is routed by more keys than its own, see `routingKeys`. */
  hasMoreKeys = false
  /** The keys in the header BCC, which is not in the message any more. To be kept with it. */
  blindKeys: readonly Block[] = NO_KEYS
  readonly #draft = new Draft()
  readonly #firstDeath = new FirstDeath()
  /** Its headers, from their first entry on. */
  #entries: Range = NO_RANGE
  #queueName = ''
  #isRejected = false
  #isFirst = false

  get head(): Block {
    return this.#draft.block
  }

  /**
   * Writes the dead letter of a message, with the marks and the blind keys that were kept with it. False when there is no room for
   * another death in its header and it must not go on, since it might go round for ever. A message that a client rejected goes
   * on all the same, and does not tell of this death.
   */
  write(
    message: DyingMessage,
    marks: DeathMarks,
    cause: DeathCause,
    target: DeadLetterTarget,
    nowMs: number,
    blindKeys: readonly Block[] = NO_KEYS,
  ): boolean {
    if (marks === 0 && blindKeys.length === 0 && diesPlainly(message)) {
      return this.#writePlainly(message, cause, target, nowMs)
    }
    return this.#write(message, marks, cause, target, nowMs, blindKeys)
  }

  /** As the last one of its kind, if there was one. */
  #writePlainly(message: DyingMessage, cause: DeathCause, target: DeadLetterTarget, nowMs: number): boolean {
    if (!this.#firstDeath.fits(message, cause, Math.floor(nowMs / MS_PER_SEC))) {
      const isWritten = this.#write(message, 0, cause, target, nowMs, NO_KEYS)
      if (isWritten) this.#firstDeath.keep(message, cause, this.head, this.headerStart)
      return isWritten
    }
    const { head, headerStart, headerEnd } = message
    const { table } = this.#firstDeath
    const draft = this.#draft
    this.blindKeys = NO_KEYS
    this.hasMoreKeys = false
    this.#isRejected = cause.reason === 'rejected'
    this.#isFirst = true
    this.#queueName = cause.queueName
    this.marks = HAS_DIED | (target.routingKey === undefined ? 0 : IS_REROUTED)
    draft.begin(headerEnd - headerStart + table.size + DEATH_BYTES_MAX)
    this.#writeKey(head, message.keyStart, headerStart, target)
    const place = headersPlace(head.bytes, headerStart)
    draft.copyPart(head, headerStart, place)
    this.#setFlags(head, headerStart, HEADERS.flag)
    const at = draft.length
    draft.add(table)
    this.#entries = entriesAt(draft.block, at)
    draft.copyPart(head, place, headerEnd)
    this.headerEnd = draft.length
    return true
  }

  #write(
    message: DyingMessage,
    marks: DeathMarks,
    cause: DeathCause,
    target: DeadLetterTarget,
    nowMs: number,
    blindKeys: readonly Block[],
  ): boolean {
    const parts = partsOf(message, marks)
    const isRerouted = (marks & IS_REROUTED) !== 0
    const keepsKeys = target.routingKey === undefined && !isRerouted
    this.blindKeys = blindKeys
    this.hasMoreKeys = keepsKeys && (parts.copies.end > parts.copies.start || blindKeys.length > 0)
    this.#isRejected = cause.reason === 'rejected'
    this.#isFirst = !parts.hasDied
    this.#queueName = cause.queueName
    this.#beginDraft(parts, blindKeys)
    this.#writeKey(message.head, message.keyStart, message.headerStart, target)
    const copies = isRerouted ? NO_RANGE : parts.copies
    this.marks = HAS_DIED | (keepsKeys ? 0 : IS_REROUTED)
    if (this.#writeHeader(parts, { copies, blindKeys, isRerouted }, cause, nowMs)) return true
    // With thousands of keys in CC each death is long: another try without them.
    if (this.#writeHeader(parts, { copies: NO_RANGE, blindKeys: NO_KEYS, isRerouted }, cause, nowMs)) return true
    this.#writeUntold(parts)
    if (!parts.hasDied) this.marks &= ~HAS_DIED
    return this.#isRejected
  }

  /** Whether it must not go to that queue, by its deaths. */
  isCycle(queueName: string): boolean {
    if (this.#isRejected) return false
    if (this.#isFirst) return queueName === this.#queueName
    const deaths = arrayNamed(this.head, this.#entries, X_DEATH)
    return isCycle(this.head, deaths, new Block(shortstrBytes(queueName)))
  }

  /** All keys that it is routed by. */
  routingKeys(): string[] {
    const { head } = this
    const texts: Range[] = [shortString(head, shortString(head, 0).end)]
    if (this.hasMoreKeys) {
      for (const { start, end } of textsIn(head, copiesAmong(head, this.#entries))) {
        texts.push({ start: start + TAG_BYTES + LENGTH_BYTES, end })
      }
    }
    const keys = texts.map(({ start, end }) => shortstrText(head.bytes, start, end))
    return this.hasMoreKeys ? [...keys, ...this.blindKeys.map(({ bytes, size }) => shortstrText(bytes, 0, size))] : keys
  }

  #beginDraft({ header }: Parts, blindKeys: readonly Block[]): void {
    let roomBytes = 3 * (header.end - header.start) + DEATH_BYTES_MAX
    for (const key of blindKeys) roomBytes += key.size + TAG_BYTES + LENGTH_BYTES
    this.#draft.begin(roomBytes)
  }

  /** The key that the message has: its exchange, and behind that its routing key. */
  #writeKey(source: Block, keyStart: number, keyEnd: number, target: DeadLetterTarget): void {
    const draft = this.#draft
    draft.add(target.exchange)
    if (target.routingKey !== undefined) draft.add(target.routingKey)
    else draft.copyPart(source, keyStart + 1 + (source.bytes[keyStart] as number), keyEnd)
    this.headerStart = draft.length
  }

  /** False when that makes a header which is too long, or has more fields than a table may have. */
  #writeHeader(parts: Parts, keys: KeysToTell, cause: DeathCause, nowMs: number): boolean {
    const { source, header, headers, kept } = parts
    const draft = this.#draft
    draft.length = this.headerStart
    draft.copy(source, { start: header.start, end: headers.start })
    this.#setFlags(source, header.start, HEADERS.flag)
    const place = draft.skipLength()
    for (const run of kept) draft.copy(source, run)
    writeDeathHeaders(draft, parts, keys, cause, nowMs)
    draft.patchLength(place)
    this.#entries = entriesAt(draft.block, place)
    this.#writeRest(parts)
    if (this.headerEnd - this.headerStart > HEADER_BYTES_MAX) return false
    // A field has one octet at least.
    const { start, end } = this.#entries
    return end - start <= FIELDS_MAX || skipFieldTable(draft.block.bytes, place, end) === end
  }

  /** The header as it is, but for its expiration. */
  #writeUntold(parts: Parts): void {
    const { source, header, headers } = parts
    const draft = this.#draft
    draft.length = this.headerStart
    draft.copy(source, { start: header.start, end: headers.end })
    this.#setFlags(source, header.start, 0)
    const tableBytes = headers.end - headers.start
    this.#entries = tableBytes === 0 ? NO_RANGE : entriesAt(draft.block, draft.length - tableBytes)
    this.#writeRest(parts)
  }

  #setFlags(source: Block, headerStart: number, more: number): void {
    const flags = readFlags(source.bytes, headerStart) & ~EXPIRATION.flag
    this.#draft.block.view.setUint16(this.headerStart + FLAGS_OFFSET, flags | more)
  }

  /** The properties behind the headers. */
  #writeRest({ source, header, headers, expiration }: Parts): void {
    const draft = this.#draft
    if (expiration === undefined) draft.copy(source, { start: headers.end, end: header.end })
    else {
      draft.copy(source, { start: headers.end, end: expiration.start })
      draft.copy(source, { start: expiration.end, end: header.end })
    }
    this.headerEnd = draft.length
  }
}
