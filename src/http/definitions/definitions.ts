/**
 * Definitions as they come, in JSON, and where each object of their sections lies. Each is read twice: first to see whether all of
 * it makes sense, then to be imported. Nothing is kept of it between: objects for all of a large file would be copied by several garbage
 * collections, and all traffic waits for those.
 */
import { inspect } from 'node:util'
import { Pacer } from '../../lib/pacer.ts'
import { badRequest } from '../api-error.ts'
import { BODY_BYTES_MAX, parseObject } from '../body.ts'
import { isObject, type JsonObject } from '../json.ts'
import { parsePiece, piecesOf } from '../json-pieces.ts'

/** In the order in which they are imported, and the keys that each of them needs. */
const SECTIONS = {
  users: ['name'],
  vhosts: ['name'],
  permissions: ['user', 'vhost', 'configure', 'write', 'read'],
  exchanges: ['name', 'vhost', 'type'],
  topic_permissions: ['user', 'vhost', 'exchange', 'write', 'read'],
  global_parameters: ['name', 'value'],
  policies: ['name', 'vhost', 'pattern', 'definition'],
  parameters: ['component', 'name', 'vhost', 'value'],
  queues: ['name', 'vhost'],
  bindings: ['source', 'vhost', 'destination', 'destination_type', 'routing_key'],
} as const

export type Section = keyof typeof SECTIONS
export const SECTION_NAMES = Object.keys(SECTIONS) as readonly Section[] // they are its keys

const SECTION_SET: ReadonlySet<string> = new Set(SECTION_NAMES)
const OF_SERVER: ReadonlySet<Section> = new Set([
  'users',
  'vhosts',
  'permissions',
  'topic_permissions',
  'global_parameters',
])
const INSPECTION = { depth: 2, maxArrayLength: 10, maxStringLength: 80, breakLength: Number.POSITIVE_INFINITY } as const

const HEAD_BYTES = 64

export class Definitions {
  readonly #bytes: Buffer
  /** The one virtual host that they are for; undefined for a whole server. */
  readonly #into: string | undefined
  /** Where each object begins, and where it ends. */
  readonly #places = new Map<Section, number[]>()

  private constructor(bytes: Buffer, into: string | undefined) {
    this.#bytes = bytes
    this.#into = into
  }

  /** Throws ApiError for what makes no sense as a whole. */
  static async read(bytes: Buffer, into?: string): Promise<Definitions> {
    const definitions = new Definitions(bytes, into)
    await definitions.#look()
    return definitions
  }

  count(section: Section): number {
    return (this.#places.get(section)?.length ?? 0) / 2
  }

  *objects(section: Section): Iterable<JsonObject> {
    const places = this.#places.get(section) ?? []
    for (let at = 0; at < places.length; at += 2) {
      const one = parsePiece(this.#bytes, places[at] as number, places[at + 1] as number) as JsonObject // it was looked at
      yield this.#placed(one)
    }
  }

  async #look(): Promise<void> {
    if (this.#isNothing()) return
    const pacer = new Pacer()
    for (const { name, isElement, start, end } of piecesOf(this.#bytes, SECTION_SET)) {
      if (end - start > BODY_BYTES_MAX) throw badRequest(`${name} has something of more than ${BODY_BYTES_MAX} bytes`)
      const value = parsePiece(this.#bytes, start, end)
      if (pacer.isLate) await pacer.rest()
      if (!isSection(name) || (this.#into !== undefined && OF_SERVER.has(name))) continue
      if (!isElement && value === null) continue
      if (!isElement) throw badRequest(`${name} is no list`)
      if (!isObject(value)) throw badRequest(`${name} has something that is no object`)
      requireKeys(name, this.#placed(value))
      const places = this.#places.get(name) ?? []
      if (places.length === 0) this.#places.set(name, places)
      places.push(start, end)
    }
  }

  /** Throws ApiError, with words for what is no object. */
  #isNothing(): boolean {
    const head = this.#bytes.toString('latin1', 0, HEAD_BYTES)
    const isSpace = head.trim() === ''
    if (head.trimStart().startsWith('{') || (isSpace && this.#bytes.length > HEAD_BYTES)) return false
    parseObject(head.trimStart().startsWith('"') ? '""' : head)
    return true
  }

  #placed(one: JsonObject): JsonObject {
    return this.#into === undefined ? one : { ...one, vhost: this.#into }
  }
}

function isSection(name: string): name is Section {
  return Object.hasOwn(SECTIONS, name)
}

function requireKeys(section: Section, one: JsonObject): void {
  const keys: readonly string[] = SECTIONS[section]
  const missing = keys.filter((key) => one[key] === undefined)
  if (missing.length > 0) throw badRequest(`${section}: ${shown(one)} has no ${missing.join(', ')}`)
}

/** What an object is called where a problem is told. */
export function shown(one: JsonObject): string {
  const name = one.name ?? one.user
  const text = name === undefined ? `${shownName(one.source)} -> ${shownName(one.destination)}` : shownName(name)
  return text.slice(0, 80)
}

/** It may be anything: very long, very deep, or an object that no text can be made of in the usual way. */
function shownName(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value, INSPECTION)
}
