import fc from 'fast-check'

const SURROGATES = 0xd800
const SURROGATE_COUNT = 0x800
const NO_CHARACTER = 'that is not one character'

/**
 * Any character of Unicode, as a unit of `fc.string`. fast-check's own unit `binary` is the same, and takes most of a second and 80 MB
 * in each process: it makes a map of all of them.
 */
export const anyCharacter = fc
  .integer({ min: 0, max: 0x10ffff - SURROGATE_COUNT })
  .map((at) => String.fromCodePoint(at < SURROGATES ? at : at + SURROGATE_COUNT), placeOf)

function placeOf(value: unknown): number {
  const code = typeof value === 'string' ? value.codePointAt(0) : undefined
  if (code === undefined || value !== String.fromCodePoint(code)) throw new Error(NO_CHARACTER)
  if (code < SURROGATES) return code
  if (code < SURROGATES + SURROGATE_COUNT) throw new Error(NO_CHARACTER)
  return code - SURROGATE_COUNT
}
