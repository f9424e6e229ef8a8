/**
 * What clients choose, in a form that cannot break lines, speak to a terminal, or turn the direction of the text around it: names
 * and reasons are put into the log like this.
 */

/** Control characters of both kinds, separators of lines, marks of direction, and characters without width. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

/** With each such character as JSON would write it: `\n`, `\u001b`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escaped)
}

/** The same for a text in which JSON has escaped all that it must. */
export function printableJson(json: string): string {
  return json.replace(UNPRINTABLE, (character) => (character === '\n' ? character : escaped(character)))
}

/** Whether it can be printed as it is. */
export function isPrintable(text: string): boolean {
  return text.search(UNPRINTABLE) < 0
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\b': '\\b', '\f': '\\f' }

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i))
  return SHORT[character] ?? units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')
}
