/**
 * A long JSON object in pieces: its values one after the other, and of a value that is a list its elements. Where a piece ends is found
 * by brackets and quotes alone; whether it is JSON is for who parses it. So others can be served between two pieces.
 */

import { parseJson } from '../lib/exact-json.ts'
import { badRequest } from './api-error.ts'

export interface Piece {
  /** Of the value that it is, or that it belongs to. */
  readonly name: string
  readonly isElement: boolean
  readonly start: number
  readonly end: number
}

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a] as const
const [OBJECT, OBJECT_END, LIST, LIST_END] = [0x7b, 0x7d, 0x5b, 0x5d] as const

const NO_NAMES: ReadonlySet<string> = new Set()

/** Throws ApiError for what is no JSON object, and for one that has one of the names in `once` twice. */
export function* piecesOf(bytes: Uint8Array, once = NO_NAMES): Iterable<Piece> {
  const seen = new Set<string>()
  let at = afterSpace(bytes, required(bytes, afterSpace(bytes, 0), OBJECT))
  if (bytes[at] === OBJECT_END) at++
  else {
    for (let isLast = false; !isLast; ) {
      const nameEnd = bytes[at] === QUOTE ? stringEnd(bytes, at) : at
      const name = String(parsePiece(bytes, at, nameEnd))
      if (seen.has(name)) throw badRequest(`${name} is there twice`)
      if (once.has(name)) seen.add(name)
      at = afterSpace(bytes, required(bytes, afterSpace(bytes, nameEnd), COLON))
      if (bytes[at] === LIST) at = yield* elementsOf(bytes, name, at)
      else {
        const end = valueEnd(bytes, at)
        yield { name, isElement: false, start: at, end }
        at = end
      }
      at = afterSpace(bytes, at)
      isLast = bytes[at] !== COMMA
      at = isLast ? required(bytes, at, OBJECT_END) : afterSpace(bytes, at + 1)
    }
  }
  if (afterSpace(bytes, at) < bytes.length) throw notJson()
}

/** Returns where the list ends. */
function* elementsOf(bytes: Uint8Array, name: string, start: number): Generator<Piece, number> {
  let at = afterSpace(bytes, start + 1)
  if (bytes[at] === LIST_END) return at + 1
  for (;;) {
    const end = valueEnd(bytes, at)
    yield { name, isElement: true, start: at, end }
    at = afterSpace(bytes, end)
    if (bytes[at] !== COMMA) return required(bytes, at, LIST_END)
    at = afterSpace(bytes, at + 1)
  }
}

/** Throws ApiError for what is no JSON. */
export function parsePiece(bytes: Uint8Array, start: number, end: number): unknown {
  try {
    return parseJson(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString())
  } catch {
    throw notJson()
  }
}

function valueEnd(bytes: Uint8Array, start: number): number {
  let depth = 0
  let at = start
  while (at < bytes.length) {
    const code = bytes[at]
    if (code === QUOTE) {
      at = stringEnd(bytes, at)
      if (depth === 0) return at
      continue
    }
    if (code === OBJECT || code === LIST) depth++
    else if (code === OBJECT_END || code === LIST_END) {
      if (depth === 0) return at
      if (--depth === 0) return at + 1
    } else if (depth === 0 && (code === COMMA || isSpace(code))) return at
    at++
  }
  throw notJson()
}

function stringEnd(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    const code = bytes[at]
    if (code === QUOTE) return at + 1
    if (code === BACKSLASH) at++
  }
  throw notJson()
}

function afterSpace(bytes: Uint8Array, start: number): number {
  let at = start
  while (isSpace(bytes[at])) at++
  return at
}

function isSpace(code: number | undefined): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}

/** Returns where it goes on behind it. */
function required(bytes: Uint8Array, at: number, code: number): number {
  if (bytes[at] !== code) throw notJson()
  return at + 1
}

function notJson() {
  return badRequest('not_json')
}
