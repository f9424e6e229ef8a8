import { isUtf8 } from 'node:buffer'

// AMQP's short strings are UTF-8 by the spec and any 255 bytes in practice: clients put raw bytes into correlation ids,
// routing keys and table keys, and RabbitMQ carries them untouched. So that a JavaScript string carries them too, a byte
// that is not part of valid UTF-8 becomes one lone low surrogate, U+DC80 for 0x80 to U+DCFF for 0xff, and becomes that
// byte again when it is written. Valid UTF-8 never decodes to a lone surrogate, so every byte sequence has exactly one string.

/** Names and routing keys are short strings, too. AMQP 0-9-1, 4.2.5.3 */
export const SHORTSTR_BYTES_MAX = 255

/** Throws RangeError when a name or routing key of so many bytes is too long. */
export function checkNameBytes(bytes: number): void {
  if (bytes <= SHORTSTR_BYTES_MAX) return
  throw new RangeError(`a name or routing key has at most ${SHORTSTR_BYTES_MAX} bytes, this one ${bytes}`)
}

const ESCAPE = 0xdc00
/** What stands in a string for bytes that are not UTF-8, and may be in one as itself. */
export const REPLACEMENT = '\ufffd'
const ESCAPED = /[\udc80-\udcff]/u

/** The string of these bytes; written as a short string it gives the same bytes again. */
export function shortstrText(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end)
  if (!text.includes(REPLACEMENT) || isUtf8(bytes.subarray(start, end))) return text
  return escapedText(bytes, start, end)
}

/** A name that is longer is not remembered. */
const REMEMBERED_BYTES_MAX = 32
const REMEMBERED_NAMES = 256
/** Names that were read lately, each in a place that its length and its ends give it. */
const remembered: string[] = new Array<string>(REMEMBERED_NAMES).fill('')

/** As `shortstrText`, for the keys of tables: the same few come again and again, and are one string each. */
export function nameText(bytes: Buffer, start: number, end: number): string {
  const length = end - start
  if (length === 0 || length > REMEMBERED_BYTES_MAX) return shortstrText(bytes, start, end)
  const ends = (bytes[start] as number) * 7 + (bytes[end - 1] as number)
  const place = (ends + length * 31) % REMEMBERED_NAMES
  const known = remembered[place] as string
  if (known.length === length && isAscii(known, bytes, start)) return known
  const text = shortstrText(bytes, start, end)
  // Else it has octets that are no ASCII, and what it is compared with might be other ones.
  if (text.length === length) remembered[place] = text
  return text
}

/** Whether these bytes are the string, octet by octet. */
function isAscii(text: string, bytes: Buffer, start: number): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) !== bytes[start + at]) return false
  return true
}

/** Whether the string stands for bytes that are not UTF-8. */
export function isEscaped(text: string): boolean {
  return ESCAPED.test(text)
}

/** The bytes of the string: those that `shortstrText` made it from. */
export function shortstrBytes(text: string): Buffer {
  return isEscaped(text) ? unescapedBytes(text) : Buffer.from(text)
}

/** The bytes of a string in which `isEscaped` found something. */
export function unescapedBytes(text: string): Buffer {
  const bytes = Buffer.alloc(text.length * 3)
  let length = 0
  for (const character of text) {
    if (ESCAPED.test(character)) bytes[length++] = character.charCodeAt(0) - ESCAPE
    else length += bytes.write(character, length)
  }
  return bytes.subarray(0, length)
}

function escapedText(bytes: Buffer, start: number, end: number): string {
  let text = ''
  for (let at = start; at < end; ) {
    const length = sequenceLength(bytes, at, end)
    text += length === 0 ? String.fromCharCode(ESCAPE + bytes.readUInt8(at)) : bytes.toString('utf8', at, at + length)
    at += Math.max(length, 1)
  }
  return text
}

/** The length of the UTF-8 sequence that starts here, 0 when none does. Unicode 15, table 3-7. */
function sequenceLength(bytes: Buffer, start: number, end: number): number {
  const lead = bytes.readUInt8(start)
  if (lead < 0x80) return 1
  const length = lead < 0xc2 || lead > 0xf4 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  if (length === 0 || start + length > end) return 0
  const second = bytes.readUInt8(start + 1)
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < lowest || second > highest) return 0
  for (let at = start + 2; at < start + length; at++) {
    if ((bytes.readUInt8(at) & 0xc0) !== 0x80) return 0
  }
  return length
}
