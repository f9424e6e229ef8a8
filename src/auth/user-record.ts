/** A user as a storage keeps it: a field table with the salted hash of the password and the tags. */
import { decodeFieldTable, encodeFieldTable, type Field } from '../../protocol/field-table.ts'
import { Reader } from '../../protocol/reader.ts'
import { SHORTSTR_BYTES_MAX } from '../../protocol/short-string.ts'
import { anyText, texts } from '../lib/checks.ts'
import type { User } from './authenticator.ts'
import { isPasswordHash } from './passwords.ts'

export interface KnownUser {
  readonly user: User
  /** As `hashPassword` makes it. */
  readonly hash: string
}

export function encodeUser({ user, hash }: KnownUser): Uint8Array {
  const tags = user.tags.map((value): Field => ({ type: 'S', value }))
  return encodeFieldTable(
    new Map<string, Field>([
      ['hash', { type: 'S', value: hash }],
      ['tags', { type: 'A', value: tags }],
    ]),
  )
}

/** Throws when it is none. */
export function decodeUser(name: string, value: Uint8Array): KnownUser {
  const fields = decodeFieldTable(new Reader(value))
  const hash = fields.get('hash')
  const tags = fields.get('tags')
  if (hash?.type !== 'S' || !isPasswordHash(String(hash.value))) throw new Error('its password hash makes no sense')
  if (tags?.type !== 'A') throw new Error('its tags are missing')
  return {
    user: { name: checkUserName(name), tags: checkTags(tags.value.map((tag) => String(tag.value))) },
    hash: String(hash.value),
  }
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
