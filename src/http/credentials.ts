/** HTTP basic authentication (RFC 7617). */

export interface HttpCredentials {
  readonly name: string
  readonly password: string
}

/** A name and a password have at most so many bytes in base64. */
const CHARACTERS_MAX = 4096

/** Undefined when there are none, or they make no sense. */
export function credentialsIn(header: string | null): HttpCredentials | undefined {
  if (header === null || header.length > CHARACTERS_MAX) return undefined
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header) ?? []
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString()
  const colon = text.indexOf(':')
  return colon < 1 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) }
}
