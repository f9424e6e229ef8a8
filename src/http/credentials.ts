/** What a request logs in with: a name and a password (RFC 7617), or a token (RFC 6750). */
import type { PresentedCredentials } from '../embedded/embedded-logins.ts'

/** A header has at most so many characters: a name and a password are short, a token may have many scopes. */
const BASIC_CHARACTERS_MAX = 4096
const TOKEN_CHARACTERS_MAX = 12 * 1024

/** Undefined when there are none, or they make no sense. */
export function credentialsIn(header: string | null): PresentedCredentials | undefined {
  if (header === null || header.length > TOKEN_CHARACTERS_MAX) return undefined
  const [, token] = /^bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(header) ?? []
  if (token !== undefined) return { token }
  if (header.length > BASIC_CHARACTERS_MAX) return undefined
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header) ?? []
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  return colon < 1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) }
}
