/**
 * JSON whose integers keep all their digits: one that no JavaScript number holds exactly is a bigint. `JSON` itself rounds it when it
 * reads it, and refuses to write it; so it goes through a text with a mark that is this process's own.
 */
import { randomUUID } from 'node:crypto'

const MARK = randomUUID()
const MARKED = new RegExp(`"${MARK}(-?\\d+)"`, 'g')

/** Shorter ones are all exact. */
const MAY_BE_LARGE = /\d{16}/
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const INTEGER = /^-?[1-9]\d{15,}$/
/** To read very long ones takes long, and nothing can be done with them. */
const DIGITS_MAX = 100
const KEY_END = /\s*:/y
const [QUOTE, BACKSLASH, MINUS, ZERO, NINE] = [0x22, 0x5c, 0x2d, 0x30, 0x39] as const

/** Throws SyntaxError, for an integer of more than a hundred digits, too. */
export function parseJson(text: string): unknown {
  if (!MAY_BE_LARGE.test(text)) return JSON.parse(text)
  const marked = withMarks(text)
  if (marked === text) return JSON.parse(text)
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value,
  )
}

/** The same text with marked strings in place of large integers. */
function withMarks(text: string): string {
  let marked = ''
  let copied = 0
  let at = 0
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = stringEnd(text, at)
    else if (code !== MINUS && (code < ZERO || code > NINE)) at++
    else {
      const number = tokenAt(NUMBER, text, at) ?? '-'
      const end = at + number.length
      if (INTEGER.test(number) && !Number.isSafeInteger(Number(number))) {
        if (number.length > DIGITS_MAX) throw new SyntaxError('an integer is too long')
        // As a string it could be a key, which a number cannot.
        if (tokenAt(KEY_END, text, end) !== undefined) throw new SyntaxError('a number is no key')
        marked += `${text.slice(copied, at)}"${MARK}${number}"`
        copied = end
      }
      at = end
    }
  }
  return copied === 0 ? text : marked + text.slice(copied)
}

function stringEnd(text: string, start: number): number {
  let at = start + 1
  while (at < text.length) {
    const code = text.charCodeAt(at++)
    if (code === QUOTE) break
    if (code === BACKSLASH) at++
  }
  return at
}

function tokenAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

export function jsonText(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent)
  } catch (error) {
    // There is a bigint in it: to look at every value takes ten times as long.
    if (error instanceof TypeError) return jsonTextWithLarge(value, indent)
    throw error
  }
}

function jsonTextWithLarge(value: unknown, indent: number | undefined): string {
  let hasLarge = false
  const replaced = (_key: string, part: unknown): unknown => {
    if (typeof part !== 'bigint') return part
    hasLarge = true
    return `${MARK}${part}`
  }
  const text = JSON.stringify(value, replaced, indent)
  return hasLarge ? text.replace(MARKED, '$1') : text
}
