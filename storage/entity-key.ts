/** The key of an entity is a list of names. A storage keeps it as the JSON of that list. */
import type { StoredEntity } from './storage.ts'

export function keyText(parts: readonly string[]): string {
  return JSON.stringify(parts)
}

/** Throws Error when the key is no list of names. */
export function keyOf(entity: StoredEntity): readonly string[] {
  return entity.keyParts ?? partsOf(entity.key)
}

function partsOf(key: string): readonly string[] {
  let parts: unknown
  try {
    parts = JSON.parse(key)
  } catch {
    // it is no list either
  }
  if (Array.isArray(parts) && parts.every((part) => typeof part === 'string')) return parts
  throw new Error('its key makes no sense')
}

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN = 0x5b
const BACKSLASH = 0x5c
const CLOSE = 0x5d
const SPACE = 0x20
const DELETE = 0x7f

/** Finds the names in keys of plain characters, as nearly all are. Names that the last key had, too, are the same strings. */
export class PlainKeys {
  #last: readonly string[] = []

  /** Undefined for a key with other characters, or with anything between the names but one comma. */
  parts(bytes: Buffer, start: number, end: number): readonly string[] | undefined {
    const last = end - 1
    if (bytes[start] !== OPEN || bytes[last] !== CLOSE) return undefined
    const parts: string[] = []
    for (let at = start; at < last; ) {
      // A bracket at first, then a comma, which is in front of a quote.
      if ((at > start && bytes[at] !== COMMA) || bytes[at + 1] !== QUOTE) return undefined
      const nameStart = at + 2
      const nameEnd = plainEnd(bytes, nameStart, last)
      if (bytes[nameEnd] !== QUOTE) return undefined
      parts.push(this.#name(parts.length, bytes, nameStart, nameEnd))
      at = nameEnd + 1
    }
    this.#last = parts
    return parts
  }

  #name(place: number, bytes: Buffer, start: number, end: number): string {
    const last = this.#last[place]
    return last !== undefined && isText(last, bytes, start, end) ? last : bytes.toString('latin1', start, end)
  }
}

/** Where the plain characters end that begin here. */
function plainEnd(bytes: Buffer, start: number, end: number): number {
  let at = start
  for (; at < end; at++) {
    const octet = bytes[at] as number
    if (octet < SPACE || octet >= DELETE || octet === QUOTE || octet === BACKSLASH) break
  }
  return at
}

function isText(text: string, bytes: Buffer, start: number, end: number): boolean {
  if (text.length !== end - start) return false
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) !== bytes[start + at]) return false
  return true
}
