/**
 * What the scopes of a token allow, by RabbitMQ's rules: `read:VHOST/NAME`, `write:…`, `configure:…`, with a third part for routing
 * keys, and `tag:TAG`. A `*` stands for any characters, none included; what must not be read like that, and slashes inside of
 * names, are percent-encoded.
 */
import type { Permission } from '../../broker/authorizer.ts'

/** RabbitMQ takes so many. */
const SCOPES_MAX = 2048
const SCOPE = /^(?<permission>configure|write|read):(?<resource>.*)$/s
const TAG = /^tag:(?<tag>.+)$/s
const TAG_BYTES_MAX = 255

interface Grant {
  readonly permission: Permission
  readonly vhost: Glob
  readonly name: Glob
  /** Without it, no routing key of a topic exchange is allowed. */
  readonly key: Glob | undefined
}

export class Scopes {
  readonly tags: readonly string[]
  readonly #scopes: readonly string[]
  readonly #variables: Readonly<Record<string, unknown>>
  /** Of the virtual host that was asked for last. */
  #grants: readonly Grant[] = []
  #grantsOf: string | undefined

  /**
   * Those without the prefix are others'. `{vhost}`, and `{claim}` with the name of a claim, are filled in: they stand for these
   * very texts. Throws RangeError when there are too many.
   */
  constructor(scopes: readonly string[], prefix: string, claims: Readonly<Record<string, unknown>> = {}) {
    if (scopes.length > SCOPES_MAX) throw new RangeError(`it has more than ${SCOPES_MAX} scopes`)
    this.#scopes = [...new Set(scopes)].flatMap((scope) => (scope.startsWith(prefix) ? scope.slice(prefix.length) : []))
    this.#variables = claims
    const tags = this.#scopes.flatMap((scope) => TAG.exec(scope)?.groups?.tag ?? [])
    this.tags = tags.filter((tag) => Buffer.byteLength(tag) <= TAG_BYTES_MAX)
  }

  mayOpen(vhost: string): boolean {
    return this.#in(vhost).length > 0
  }

  may(permission: Permission, vhost: string, name: string): boolean {
    return this.#in(vhost).some((grant) => grant.permission === permission && grant.name.matches(name))
  }

  mayUseKey(permission: Permission, vhost: string, exchange: string, key: string): boolean {
    return this.#in(vhost).some(
      (grant) => grant.permission === permission && grant.name.matches(exchange) && grant.key?.matches(key) === true,
    )
  }

  #in(vhost: string): readonly Grant[] {
    if (this.#grantsOf !== vhost) {
      const variables = { ...this.#variables, vhost }
      this.#grants = this.#scopes
        .flatMap((scope) => grantOf(scope, variables) ?? [])
        .filter((grant) => grant.vhost.matches(vhost))
      this.#grantsOf = vhost
    }
    return this.#grants
  }
}

/** Undefined for what is no permission, or is not written as one. */
function grantOf(scope: string, variables: Readonly<Record<string, unknown>>): Grant | undefined {
  const groups = SCOPE.exec(expanded(scope, variables))?.groups
  if (groups === undefined) return undefined
  const parts = (groups.resource ?? '').split('/')
  const [vhost, name, key] = parts
  if (vhost === undefined || name === undefined || parts.length > 3) return undefined
  try {
    return {
      permission: groups.permission as Permission, // one of the three that the pattern has
      vhost: new Glob(vhost),
      name: new Glob(name),
      key: key === undefined ? undefined : new Glob(key),
    }
  } catch {
    // A percent sign that is part of no code.
    return undefined
  }
}

function expanded(scope: string, variables: Readonly<Record<string, unknown>>): string {
  return scope.replace(/\{([^{}]+)\}/g, (found, name: string) => {
    const value = Object.hasOwn(variables, name) ? variables[name] : undefined
    return typeof value === 'string' ? encodeURIComponent(value.toWellFormed()).replaceAll('*', '%2A') : found
  })
}

/** Takes time in proportion to pattern and text, whatever they are. */
class Glob {
  readonly #first: string
  readonly #middle: readonly string[]
  /** Undefined without any `*`. */
  readonly #last: string | undefined

  /** Throws URIError. */
  constructor(pattern: string) {
    const [first = '', ...rest] = pattern.split('*').map(decodeURIComponent)
    this.#first = first
    this.#last = rest.pop()
    this.#middle = rest.filter((part) => part !== '')
  }

  matches(text: string): boolean {
    const [first, last] = [this.#first, this.#last]
    if (last === undefined) return text === first
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false
    const end = text.length - last.length
    let at = first.length
    for (const part of this.#middle) {
      const found = text.indexOf(part, at)
      if (found < 0 || found + part.length > end) return false
      at = found + part.length
    }
    return at <= end
  }
}
