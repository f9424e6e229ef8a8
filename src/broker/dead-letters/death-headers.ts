/** Writes the headers in which a message tells of its deaths. */
import { Block } from '../../lib/block.ts'
import { DEATHS, type DeathCause, EXCHANGE, ORIGINAL_EXPIRATION, ROUTING_KEYS } from './death-cause.ts'
import { countDeath, findDeath } from './death-history.ts'
import type { Draft } from './draft.ts'
import type { Parts } from './dying-message.ts'
import { LENGTH_BYTES, type Range, TABLE, TAG_BYTES, TEXT, textsIn } from './encoded-table.ts'

const MS_PER_SEC = 1000
const TWO_TO_32 = 0x1_0000_0000
const DIGIT_0 = '0'.charCodeAt(0)
const DIGIT_9 = '9'.charCodeAt(0)

/** The keys beside the first one that a death tells of. */
export interface KeysToTell {
  /** The fields of the header CC. */
  readonly copies: Range
  /** The keys that were in the header BCC. */
  readonly blindKeys: readonly Block[]
  /** Whether the message is no longer routed by the keys that it was published with. */
  readonly isRerouted: boolean
}

/** All headers of a death: x-death with the earlier ones, and those about the first and the last. */
export function writeDeathHeaders(draft: Draft, of: Parts, keys: KeysToTell, cause: DeathCause, nowMs: number): void {
  const { source, history, exchange } = of
  draft.add(DEATHS)
  const length = draft.skipLength()
  const earlier = findDeath(source, history, cause)
  if (earlier === undefined) {
    writeDeath(draft, of, keys, cause, nowMs)
    draft.copy(source, history)
  } else {
    const at = draft.length
    draft.copy(source, earlier)
    countDeath(draft.block, at)
    draft.copy(source, { start: history.start, end: earlier.start })
    draft.copy(source, { start: earlier.end, end: history.end })
  }
  draft.patchLength(length)
  if (!of.hasDied) {
    draft.add(cause.firstDeath)
    draft.text(source, exchange)
  }
  draft.add(cause.lastDeath)
  draft.text(source, exchange)
}

/** A table of its own, its fields in RabbitMQ's order. */
function writeDeath(draft: Draft, of: Parts, keys: KeysToTell, cause: DeathCause, nowMs: number): void {
  const { source, exchange, expiration } = of
  draft.octet(TABLE)
  const length = draft.skipLength()
  if (expiration !== undefined) {
    draft.add(ORIGINAL_EXPIRATION)
    draft.text(source, digitsOf(source, { start: expiration.start + 1, end: expiration.end }))
  }
  draft.add(cause.fields)
  const nowSec = Math.floor(nowMs / MS_PER_SEC)
  draft.long(Math.floor(nowSec / TWO_TO_32))
  draft.long(nowSec % TWO_TO_32)
  draft.add(EXCHANGE)
  draft.text(source, exchange)
  draft.add(ROUTING_KEYS)
  const keysLength = draft.skipLength()
  writeKeys(draft, of, keys)
  draft.patchLength(keysLength)
  draft.patchLength(length)
}

function writeKeys(draft: Draft, { source, routingKey }: Parts, keys: KeysToTell): void {
  const copies = textsIn(source, keys.copies)
  if (keys.blindKeys.length === 0) {
    draft.octet(TEXT)
    draft.text(source, routingKey)
    for (const copy of copies) draft.copy(source, copy)
    return
  }
  const { bytes } = source
  const all = [
    bytes.subarray(routingKey.start, routingKey.end),
    ...copies.map(({ start, end }) => bytes.subarray(start + TAG_BYTES + LENGTH_BYTES, end)),
  ]
  for (const key of withoutBlind(all, keys)) {
    draft.octet(TEXT)
    draft.long(key.length)
    draft.add(new Block(key))
  }
}

/**
 * RabbitMQ takes each blind key off the list of all keys, where it finds it first. A key that is blind and not blind is told of,
 * unless a dead-letter routing key is such a key.
 */
function withoutBlind(visible: readonly Buffer[], { blindKeys, isRerouted }: KeysToTell): readonly Buffer[] {
  const keys = isRerouted ? [...visible] : [...visible, ...blindKeys.map(({ bytes }) => bytes)]
  for (const blind of blindKeys) {
    const at = keys.findIndex((key) => key.equals(blind.bytes))
    if (at >= 0) keys.splice(at, 1)
  }
  return keys
}

/** The number as RabbitMQ prints it: without a sign and leading zeros, which an expiration may have. */
function digitsOf({ bytes }: Block, { start, end }: Range): Range {
  let at = start
  while (at < end - 1 && !isDigitAboveZero(bytes[at] as number)) at++
  return { start: at, end }
}

function isDigitAboveZero(octet: number): boolean {
  return octet > DIGIT_0 && octet <= DIGIT_9
}
