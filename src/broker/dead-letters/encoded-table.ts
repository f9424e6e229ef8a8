/** Field tables that are read where they lie, and never decoded. They must be well-formed. */
import { skipField } from '../../../protocol/field-table-skip.ts'
import { Block, equalBytes } from '../../lib/block.ts'

/** Bytes of a block, from start to end. */
export interface Range {
  readonly start: number
  readonly end: number
}

export const NO_RANGE: Range = { start: 0, end: 0 }

/** Of a field: its tag, and of a text, an array or a table the length behind it. */
export const TAG_BYTES = 1
export const LENGTH_BYTES = 4

export const TEXT: number = tag('S')
const ARRAY = tag('A')
export const TABLE: number = tag('F')
export const LONG: number = tag('l')
export const TIMESTAMP: number = tag('T')

function tag(letter: string): number {
  return letter.charCodeAt(0)
}

/** The entries of the table whose length is at `at`. */
export function entriesAt({ view }: Block, at: number): Range {
  const start = at + LENGTH_BYTES
  return { start, end: start + view.getUint32(at) }
}

/** Where the field of that name, a short string, is among these entries; -1 when there is none. Of several the first counts. */
export function findField(block: Block, { start, end }: Range, name: Block): number {
  const { bytes } = block
  for (let at = start; at < end; ) {
    const field = at + 1 + (bytes[at] as number)
    if (field - at === name.size && equalBytes(block, at, name, 0, name.size)) return field
    at = skipField(bytes, field)
  }
  return -1
}

/** A name as it lies in a table. */
export function fieldName(name: string): Block {
  return new Block(Buffer.from(String.fromCharCode(name.length) + name))
}

/** What is in the array of that name; nothing when there is none. */
export function arrayNamed(block: Block, entries: Range, name: Block): Range {
  const at = findField(block, entries, name)
  return at >= 0 && block.bytes[at] === ARRAY ? entriesAt(block, at + TAG_BYTES) : NO_RANGE
}

/** Whether there is a field at `at` and it is this text. */
export function isText(block: Block, at: number, text: Block): boolean {
  if (at < 0 || block.bytes[at] !== TEXT || block.view.getUint32(at + TAG_BYTES) !== text.size) return false
  return equalBytes(block, at + TAG_BYTES + LENGTH_BYTES, text, 0, text.size)
}

/** The texts among the fields of an array, field by field. What is none is passed over. */
export function textsIn({ bytes }: Block, { start, end }: Range): Range[] {
  const texts: Range[] = []
  for (let at = start, next = at; at < end; at = next) {
    next = skipField(bytes, at)
    if (bytes[at] === TEXT) texts.push({ start: at, end: next })
  }
  return texts
}
