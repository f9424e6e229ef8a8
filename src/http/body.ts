/** The bodies of requests: read with a limit, and looked at as RabbitMQ does. */
import { jsonText, parseJson } from '../lib/exact-json.ts'
import { badRequest } from './api-error.ts'
import { isObject, type JsonObject } from './json.ts'
import { piecesOf } from './json-pieces.ts'

/** What all requests together may have in memory. */
const BYTES_IN_ALL_MAX = 64 * 1024 * 1024
/** Definitions and messages are the longest. */
export const LONG_BODY_BYTES_MAX = 20 * 1024 * 1024
/** Of all else, and of one object in definitions: it is made of its JSON in one turn. */
export const BODY_BYTES_MAX = 1024 * 1024

const TOO_LONG = 'Exceeded HTTP request body size limit'
const QUOTE = 0x22

/** A body in memory, and what is to be called when it is done with. */
export interface HeldBody {
  readonly bytes: Buffer
  over(): void
}

export class BodyReader {
  #bytes = 0

  /** Throws ApiError for a body that is too large, or when others have all the memory. */
  async hold(stream: ReadableStream<Uint8Array> | null, bytesMax: number): Promise<HeldBody> {
    const chunks: Uint8Array[] = []
    let bytes = 0
    const over = (): void => {
      this.#bytes -= bytes
      bytes = 0
    }
    try {
      // A reader, since the stream of a request that was cut off has no iterator that ends.
      const reader = stream?.getReader()
      for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
        bytes += part.value.length
        this.#bytes += part.value.length
        if (bytes > bytesMax) {
          await reader?.cancel()
          throw badRequest(TOO_LONG)
        }
        if (this.#bytes > BYTES_IN_ALL_MAX) {
          await reader?.cancel()
          throw badRequest('Too many large request bodies at a time')
        }
        chunks.push(part.value)
      }
      return { bytes: Buffer.concat(chunks), over }
    } catch (error) {
      over()
      throw error
    }
  }
}

/** An empty body, and null, are an object without anything in it. */
export function parseObject(text: string): JsonObject {
  if (text === '' || text === 'null' || text === 'undefined') return {}
  let value: unknown
  try {
    value = parseJson(text)
  } catch {
    throw badRequest('not_json')
  }
  if (typeof value === 'string') {
    throw badRequest('invalid payload: the request body JSON-decoded to a string. Is the input doubly-JSON-encoded?')
  }
  if (!isObject(value)) throw badRequest('not_json')
  return value
}

/** The same of a body that is long by its texts. Throws ApiError. */
export function parseTexts(bytes: Buffer): JsonObject {
  if (bytes.length > BODY_BYTES_MAX) {
    let texts = 0
    for (const { isElement, start, end } of piecesOf(bytes)) {
      if (start - texts > BODY_BYTES_MAX) throw badRequest(TOO_LONG)
      if (!isElement && bytes[start] === QUOTE) texts += end - start
    }
    if (bytes.length - texts > BODY_BYTES_MAX) throw badRequest(TOO_LONG)
  }
  return parseObject(bytes.toString())
}

/** Throws ApiError that names all keys that are missing. */
export function requireKeys(body: JsonObject, keys: readonly string[]): void {
  const missing = keys.filter((key) => body[key] === undefined)
  if (missing.length > 0) throw badRequest(`[${missing.map((key) => `{key_missing,${key}}`).join(',\n ')}]`)
}

/** `true`, or `"true"`, as rabbitmqadmin sends it. */
export function flagIn(body: JsonObject, key: string, whenMissing = false): boolean {
  const value = body[key]
  if (value === undefined || value === null || value === '') return whenMissing
  if (value === true || value === 'true') return true
  if (value === false || value === 'false') return false
  throw badRequest(`{not_boolean,${termText(value)}}`)
}

/** A whole number, or its digits. */
export function integerIn(body: JsonObject, key: string): number | undefined {
  const value = body[key]
  if (value === undefined || value === null) return undefined
  const number = typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value
  if (typeof number === 'number' && Number.isSafeInteger(number)) return number
  throw badRequest(`{not_integer,${termText(value)}}`)
}

export function textIn(body: JsonObject, key: string): string | undefined {
  const value = body[key]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  throw badRequest(`{not_string,${termText(value)}}`)
}

export function objectIn(body: JsonObject, key: string): JsonObject {
  const value = body[key]
  // Erlang has one empty list for both.
  if (value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)) return {}
  if (isObject(value)) return value
  throw badRequest(`{not_object,${termText(value)}}`)
}

/** A list of texts, or one text with commas. */
export function wordsIn(body: JsonObject, key: string): string[] | undefined {
  const value = body[key]
  if (value === undefined || value === null) return undefined
  const words = typeof value === 'string' ? value.split(',') : value
  if (!Array.isArray(words) || words.some((word) => typeof word !== 'string')) {
    throw badRequest(`{not_a_list_of_strings,${termText(value)}}`)
  }
  return (words as string[]).map((word) => word.trim()).filter((word) => word !== '')
}

const SHOWN_CHARACTERS = 200

function termText(value: unknown): string {
  const text = typeof value === 'string' ? `<<${JSON.stringify(value)}>>` : jsonText(value)
  return text.slice(0, SHOWN_CHARACTERS)
}
