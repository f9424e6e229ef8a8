/** A message that dies, as far as its death has to know it: where its parts lie in its bytes. */
import { skipField } from '../../../protocol/field-table-skip.ts'
import { findProperty, headersPlace, PROPERTY_FLAGS, readFlags } from '../../../protocol/properties.ts'
import { type Block, equalBytes } from '../../lib/block.ts'
import { type DeathMarks, HAS_DIED, X_DEATH } from './death-history.ts'
import { arrayNamed, entriesAt, fieldName, NO_RANGE, type Range } from './encoded-table.ts'

/** Where its key (exchange and routing key as short strings) and its content header lie. The header must be well-formed. */
export interface DyingMessage {
  readonly head: Block
  readonly keyStart: number
  readonly headerStart: number
  readonly headerEnd: number
}

export interface Parts {
  readonly source: Block
  readonly hasDied: boolean
  /** The octets of both, without their length. */
  readonly exchange: Range
  readonly routingKey: Range
  readonly header: Range
  /** The headers with their length; empty, and in their place, when there are none. */
  readonly headers: Range
  /** Those of their entries that stay as they are. */
  readonly kept: readonly Range[]
  /** The fields of the header CC. */
  readonly copies: Range
  /** The deaths that the broker has written. */
  readonly history: Range
  /** The property with its length. */
  readonly expiration: Range | undefined
}

const CC = fieldName('CC')
const LETTER_X = 'x'.charCodeAt(0)
/** The headers that every death writes, and those that the first one writes as well. */
const EVERY_DEATH: readonly Block[] = [X_DEATH, ...namesOf('x-last-death')]
const FIRST_DEATH: readonly Block[] = [...EVERY_DEATH, ...namesOf('x-first-death')]

function namesOf(prefix: string): Block[] {
  return ['reason', 'queue', 'exchange'].map((what) => fieldName(`${prefix}-${what}`))
}

export function partsOf(message: DyingMessage, marks: DeathMarks): Parts {
  const { head: source, keyStart, headerStart, headerEnd } = message
  const { bytes } = source
  const exchange = shortString(source, keyStart)
  const place = headersPlace(bytes, headerStart)
  const hasHeaders = (readFlags(bytes, headerStart) & PROPERTY_FLAGS.headers.flag) !== 0
  const entries = hasHeaders ? entriesAt(source, place) : { start: place, end: place }
  const expirationAt = findProperty(bytes, headerStart, headerEnd, PROPERTY_FLAGS.expiration.flag)
  const hasDied = (marks & HAS_DIED) !== 0
  return {
    source,
    hasDied,
    exchange,
    routingKey: shortString(source, exchange.end),
    header: { start: headerStart, end: headerEnd },
    headers: { start: place, end: entries.end },
    kept: keptEntries(source, entries, hasDied ? EVERY_DEATH : FIRST_DEATH),
    copies: copiesAmong(source, entries),
    history: hasDied ? arrayNamed(source, entries, X_DEATH) : NO_RANGE,
    expiration: expirationAt < 0 ? undefined : { start: expirationAt, end: shortString(source, expirationAt).end },
  }
}

/** The fields of the header CC. */
export function copiesAmong(block: Block, entries: Range): Range {
  return arrayNamed(block, entries, CC)
}

/** Runs of entries that a death does not write. */
function keptEntries(block: Block, { start, end }: Range, written: readonly Block[]): Range[] {
  const { bytes } = block
  const kept: Range[] = []
  let runStart = start
  for (let at = start, next = at; at < end; at = next) {
    const field = at + 1 + (bytes[at] as number)
    next = skipField(bytes, field)
    if (bytes[at + 1] !== LETTER_X || !isOneOf(written, block, at, field - at)) continue
    if (runStart < at) kept.push({ start: runStart, end: at })
    runStart = next
  }
  if (runStart < end) kept.push({ start: runStart, end })
  return kept
}

function isOneOf(names: readonly Block[], block: Block, at: number, size: number): boolean {
  for (const name of names) if (name.size === size && equalBytes(block, at, name, 0, size)) return true
  return false
}

/** The octets of the short string at `at`. */
export function shortString({ bytes }: Block, at: number): Range {
  return { start: at + 1, end: at + 1 + (bytes[at] as number) }
}
