/**
 * Looks at what a program hands in, where no compiler has: an unknown option is refused with the nearest name, a wrong value
 * with the name of its property. TypeError for what is no such thing at all, RangeError for what is out of range.
 */
import { nearest } from './nearest.ts'

/** Throws TypeError or RangeError when the value of that name will not do. */
export type Check = (value: unknown, name: string) => void

/** One check for each option there is. */
export type Checks<T> = { readonly [N in keyof Required<T>]: Check }

const SHOWN_CHARACTERS = 40
const UTF8_BYTES_MAX = 3

export const aBoolean: Check = (value, name) => {
  if (typeof value !== 'boolean') throw notA('true or false', value, name)
}

export const aFunction: Check = (value, name) => {
  if (typeof value !== 'function') throw notA('a function', value, name)
}

export const anObject: Check = (value, name) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notA('an object', value, name)
}

/** What becomes a field table. A Map has entries, but no properties: it would become an empty one. */
export const aTable: Check = (value, name) => {
  anObject(value, name)
  const isOther = value instanceof Map || value instanceof Set || value instanceof Date || ArrayBuffer.isView(value)
  if (isOther) throw notA('a plain object', value, name)
}

export const anyText: Check = (value, name) => {
  if (typeof value !== 'string') throw notA('a string', value, name)
}

export const texts: Check = (value, name) => {
  if (!Array.isArray(value) || value.some((one) => typeof one !== 'string')) {
    throw notA('an array of strings', value, name)
  }
}

/** A string of so many bytes of UTF-8. */
export function text(bytesMin: number, bytesMax: number): Check {
  return (value, name) => {
    if (typeof value !== 'string') throw notA('a string', value, name)
    if (value.length >= bytesMin && value.length * UTF8_BYTES_MAX <= bytesMax) return
    const bytes = Buffer.byteLength(value)
    if (bytes < bytesMin || bytes > bytesMax) throw new RangeError(`${name} must have ${bytesMin} to ${bytesMax} bytes`)
  }
}

export function wholeNumber(min: number, max: number): Check {
  return (value, name) => {
    if (typeof value !== 'number') throw notA(`a whole number from ${min} to ${max}`, value, name)
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new RangeError(`${name} is ${value}; it must be a whole number from ${min} to ${max}`)
    }
  }
}

export function oneOf(names: readonly string[]): Check {
  return (value, name) => {
    if (typeof value !== 'string') throw notA(`one of ${names.join(', ')}`, value, name)
    if (!names.includes(value)) throw new RangeError(`${name} is '${value}'; it must be one of ${names.join(', ')}`)
  }
}

/** An array of some of these names. */
export function severalOf(names: readonly string[]): Check {
  const one = oneOf(names)
  return (value, name) => {
    texts(value, name)
    for (const item of value as readonly string[]) one(item, name)
  }
}

/** Undefined, too. */
export function optional(check: Check): Check {
  return (value, name) => {
    if (value !== undefined) check(value, name)
  }
}

/** An object with these methods: a part that the program brings along. */
export function withMethods(...methods: readonly string[]): Check {
  return (value, name) => {
    anObject(value, name)
    const missing = methods.find((method) => typeof (value as Record<string, unknown>)[method] !== 'function')
    if (missing !== undefined) throw new TypeError(`${name} must have a method '${missing}'`)
  }
}

export interface OptionWords {
  /** What an unknown one is called; `option` when not given. */
  readonly noun?: string
  /** Says more about a name that is unknown. */
  readonly hint?: (name: string) => string | undefined
}

/** Whether all of them are known; their values are looked at later. */
export function checkOptionNames<T>(
  subject: string,
  options: unknown,
  checks: Checks<T>,
  words: OptionWords = {},
): void {
  anObject(options, `what is given to ${subject}`)
  for (const name in options as object) {
    if (!Object.hasOwn(checks, name)) throw unknownOption(subject, name, Object.keys(checks), words)
  }
}

/** Checks the options of `subject`, which may be left out; those that are undefined count as not given. */
export function checkOptions<T>(subject: string, options: unknown, checks: Checks<T>, words: OptionWords = {}): void {
  if (options === undefined) return
  anObject(options, `what is given to ${subject}`)
  const given = options as Readonly<Record<string, unknown>> // it is an object
  for (const name in given) {
    if (!Object.hasOwn(checks, name)) throw unknownOption(subject, name, Object.keys(checks), words)
    const value = given[name]
    if (value !== undefined) checks[name as keyof T](value, name)
  }
}

/** Like `checkOptions`, for an object that has to be there with these properties. */
export function requireOptions<T>(
  subject: string,
  options: unknown,
  checks: Checks<T>,
  required: readonly (keyof T & string)[],
): void {
  anObject(options, subject)
  checkOptions(subject, options, checks)
  const missing = required.find((name) => (options as Readonly<Record<string, unknown>>)[name] === undefined)
  if (missing !== undefined) throw new TypeError(`${subject} needs '${missing}'`)
}

function unknownOption(subject: string, name: string, known: readonly string[], words: OptionWords): TypeError {
  const { noun = 'option', hint = () => undefined } = words
  const alike = nearest(name, known)
  const more = hint(name) ?? (alike === undefined ? `it takes ${known.join(', ')}` : `did you mean '${alike}'?`)
  return new TypeError(`unknown ${noun} '${name}' of ${subject}; ${more}`)
}

export function notA(what: string, value: unknown, name: string): TypeError {
  return new TypeError(`${name} is ${shown(value)}; it must be ${what}`)
}

function shown(value: unknown): string {
  if (typeof value === 'string') {
    return `'${value.length > SHOWN_CHARACTERS ? `${value.slice(0, SHOWN_CHARACTERS)}…` : value}'`
  }
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
