/**
 * A user as a storage keeps it: a field table with the hash of the password, what it was made with, and the tags. Without a hash,
 * the user has no password; a hash without an algorithm is SHA-256's.
 */
import { decodeFieldTable, encodeFieldTable, type Field, type FieldTable } from '../../protocol/field-table.ts'
import { Reader } from '../../protocol/reader.ts'
import { SHORTSTR_BYTES_MAX } from '../../protocol/short-string.ts'
import { anyText, texts } from '../lib/checks.ts'
import type { User } from './authenticator.ts'
import { hashingAlgorithm, isPasswordHash, type PasswordHash } from './passwords/password-hash.ts'

export interface KnownUser {
  readonly user: User
  /** Undefined when no password lets the user in. */
  readonly hash: PasswordHash | undefined
}

export function encodeUser({ user, hash }: KnownUser): Uint8Array {
  const tags = user.tags.map((value): Field => ({ type: 'S', value }))
  const fields = new Map<string, Field>([['tags', { type: 'A', value: tags }]])
  if (hash !== undefined) {
    fields.set('hash', { type: 'S', value: hash.text })
    fields.set('hashing', { type: 'S', value: hash.algorithm })
  }
  return encodeFieldTable(fields)
}

/** Throws when it is none. */
export function decodeUser(name: string, value: Uint8Array): KnownUser {
  const fields = decodeFieldTable(new Reader(value))
  const tags = fields.get('tags')
  if (tags?.type !== 'A') throw new Error('its tags are missing')
  return {
    user: { name: checkUserName(name), tags: checkTags(tags.value.map((tag) => String(tag.value))) },
    hash: decodeHash(fields),
  }
}

function decodeHash(fields: FieldTable): PasswordHash | undefined {
  const hash = fields.get('hash')
  if (hash === undefined) return undefined
  const hashing = fields.get('hashing')
  const algorithm = hashing === undefined ? 'sha256' : hashingAlgorithm(String(hashing.value))
  if (hash.type === 'S' && algorithm !== undefined) {
    const decoded = { algorithm, text: String(hash.value) }
    if (isPasswordHash(decoded)) return decoded
  }
  throw new Error('its password hash makes no sense')
}

/** Throws RangeError or TypeError. */
export function checkUserName(name: string): string {
  anyText(name, 'the name of the user')
  if (!isShort(name)) throw new RangeError(`the name of a user has 1 to ${SHORTSTR_BYTES_MAX} bytes`)
  return name
}

/** Each tag once. Throws RangeError or TypeError. */
export function checkTags(tags: readonly string[]): readonly string[] {
  texts(tags, 'tags')
  if (!tags.every(isShort)) throw new RangeError(`the tag of a user has 1 to ${SHORTSTR_BYTES_MAX} bytes`)
  return [...new Set(tags)]
}

function isShort(text: string): boolean {
  return text !== '' && Buffer.byteLength(text) <= SHORTSTR_BYTES_MAX
}
