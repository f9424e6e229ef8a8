/** What a token says, once its signature is known to be right: who it is for, who its user is, which scopes it has. */

export type Claims = Readonly<Record<string, unknown>>

export interface ClaimRules {
  /** What the broker is called at the authorisation server. */
  readonly resourceServerId: string
  /** Claims to look for the user's name in, before `sub` and `client_id`. */
  readonly preferredUsernameClaims: readonly string[]
  /** Further places of scopes: claims, or paths to them with dots. */
  readonly additionalScopesKeys: readonly string[]
  /** What scopes of the authorisation server stand for. */
  readonly scopeAliases: ReadonlyMap<string, readonly string[]>
}

/** A lifetime beyond this one makes no sense. */
const LIFETIME_MS_MAX = 100 * 365 * 24 * 3_600_000
const NAME_BYTES_MAX = 255
const PATH_VALUES_MAX = 4096

/** `aud` is a list, or a text, in which RabbitMQ takes spaces for separators. */
export function isForUs({ aud }: Claims, { resourceServerId }: ClaimRules): boolean {
  return textsOf(aud).includes(resourceServerId)
}

/** Undefined when no claim has a name. */
export function userName(claims: Claims, { preferredUsernameClaims }: ClaimRules): string | undefined {
  for (const claim of [...preferredUsernameClaims, 'sub', 'client_id']) {
    const name = own(claims, claim)
    if (typeof name === 'string' && name !== '' && Buffer.byteLength(name) <= NAME_BYTES_MAX) return name
  }
  return undefined
}

/** Milliseconds that are left; undefined when `exp` is missing, is no number, or is out of all bounds. */
export function lifetimeMs({ exp }: Claims, wallMs: number): number | undefined {
  if (typeof exp !== 'number' || !Number.isFinite(exp)) return undefined
  const leftMs = Math.trunc(exp) * 1000 - wallMs
  return leftMs <= LIFETIME_MS_MAX ? leftMs : undefined
}

/** All scopes of the token, those that aliases stand for included. */
export function scopesOf(claims: Claims, rules: ClaimRules): string[] {
  const { resourceServerId, additionalScopesKeys, scopeAliases } = rules
  const scopes = [...textsOf(claims.scope)]
  for (const path of additionalScopesKeys) {
    for (const value of valuesAt(claims, path.split('.'))) scopes.push(...scopesIn(value, resourceServerId))
  }
  return [...scopes, ...scopes.flatMap((scope) => scopeAliases.get(scope) ?? [])]
}

/** A list, a text with spaces between, or a table in which the scopes of the broker stand under its name without it. */
function scopesIn(value: unknown, resourceServerId: string): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return textsOf(value)
  return textsOf(own(value as Claims, resourceServerId)).map((scope) => `${resourceServerId}.${scope}`)
}

/** What is at the end of the path; a list on the way stands for each of its entries. */
function valuesAt(start: unknown, path: readonly string[]): unknown[] {
  let values: unknown[] = [start]
  for (const name of path) {
    values = values
      .flatMap((value) => (Array.isArray(value) ? value.slice(0, PATH_VALUES_MAX) : [value]))
      .slice(0, PATH_VALUES_MAX)
      .flatMap((value) => (typeof value === 'object' && value !== null ? (own(value as Claims, name) ?? []) : []))
  }
  return path.length === 0 ? [] : values
}

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return value.split(' ').filter((text) => text !== '')
  return Array.isArray(value) ? value.filter((text): text is string => typeof text === 'string') : []
}

function own(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined
}
