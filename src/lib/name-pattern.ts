/**
 * The regular expressions of policies and permissions, which say what names they apply to. RabbitMQ's engine is PCRE, whose time can
 * grow with the power of the pattern; the one used here (RE2) takes time in proportion to the name. It knows what both have in common, and
 * lookbehinds. Of what it does not know, two things are in use, and are taken apart before: lookaheads at the beginning of an
 * anchored pattern, as in `^(?!amq\.)`, which are questions of their own; and `\Z`, which means `\z`, as names have no line breaks.
 */
import { RE2JS, RE2Set } from 're2js'

export interface NamePattern {
  test(name: string): boolean
}

const PATTERN_CHARACTERS_MAX = 1024
/**
 * What a pattern is compiled to has so many instructions at most; an ordinary one has some 150. Repetitions are written out:
 * `(?:a?|b?){1000}` would have thousands, each of which may be looked at for each character of a name.
 */
const INSTRUCTIONS_MAX = 2000
/** For what the engine remembers of one pattern. */
const ENGINE_BYTES_MAX = 128 * 1024

/** Options for the whole pattern, and its beginning. */
const ANCHOR = /^(?<options>(?:\(\?[ims]+\))?)(?:\^|\\A)/
const LOOKAHEAD = /^\(\?(?<kind>[!=])/

/** It is found anywhere in a name, unless it says where. Throws Error that says what is wrong with it. */
export function compilePattern(pattern: string): NamePattern {
  if (pattern.length > PATTERN_CHARACTERS_MAX) throw new Error(`it has more than ${PATTERN_CHARACTERS_MAX} characters`)
  return compileExpanded(pattern)
}

/** The same for a pattern that texts were filled into, which may have made it longer. */
export function compileExpanded(pattern: string): NamePattern {
  const anchor = ANCHOR.exec(pattern)
  if (anchor === null || !LOOKAHEAD.test(pattern.slice(anchor[0].length))) return compilePart(pattern)
  const options = anchor.groups?.options ?? ''
  const parts: { readonly matcher: NamePattern; readonly isMatch: boolean }[] = []
  let rest = pattern.slice(anchor[0].length)
  for (let ahead = LOOKAHEAD.exec(rest); ahead !== null; ahead = LOOKAHEAD.exec(rest)) {
    const { end } = scanGroup(rest)
    if (end === undefined) return compilePart(pattern)
    const matcher = compilePart(`${options}^(?:${rest.slice(ahead[0].length, end - 1)})`)
    parts.push({ matcher, isMatch: ahead.groups?.kind === '=' })
    rest = rest.slice(end)
  }
  // The other branches of `^(?!a)b|c` are not behind the lookahead.
  if (scanGroup(`(${rest})`).hasBranches) return compilePart(pattern)
  parts.push({ matcher: compilePart(`${options}^${rest}`), isMatch: true })
  return { test: (name) => parts.every(({ matcher, isMatch }) => matcher.test(name) === isMatch) }
}

/** A pattern for this text and no other, wherever in a pattern it is put. */
export function quotePattern(text: string): string {
  return text.replace(/[^A-Za-z0-9_]/gu, (character) => `\\x{${character.codePointAt(0)?.toString(16)}}`)
}

function compilePart(pattern: string): NamePattern {
  const source = pattern.replace(/\\[\s\S]/g, (escaped) => (escaped === '\\Z' ? '\\z' : escaped))
  const set = new RE2Set(RE2Set.UNANCHORED, RE2JS.LOOKBEHINDS, ENGINE_BYTES_MAX)
  set.add(source)
  set.compile()
  if (set.prog.numInst() > INSTRUCTIONS_MAX) throw new Error('it is too large when its repetitions are written out')
  return { test: (name) => set.match(name).length > 0 }
}

interface Group {
  /** Behind its closing bracket; undefined when it has none. */
  readonly end: number | undefined
  /** Whether it has alternatives, those inside of further groups apart. */
  readonly hasBranches: boolean
}

/** Looks through the group that a text begins with. */
function scanGroup(text: string): Group {
  let depth = 0
  let hasBranches = false
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '\\') at++
    else if (character === '[') at = endOfClass(text, at)
    else if (character === '(') depth++
    else if (character === '|' && depth === 1) hasBranches = true
    else if (character === ')' && --depth === 0) return { end: at + 1, hasBranches }
  }
  return { end: undefined, hasBranches }
}

/** Where the class `[…]` that begins here has its closing bracket: not at its first place, where it stands for itself. */
function endOfClass(text: string, start: number): number {
  let at = text[start + 1] === '^' ? start + 2 : start + 1
  if (text[at] === ']') at++
  for (; at < text.length && text[at] !== ']'; at++) if (text[at] === '\\') at++
  return at
}
