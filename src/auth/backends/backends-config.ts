/** What a server is told of the places where users are known. All are checked where they come in: see `checkBackends`. */
import { BACKEND_NAMES, type BackendName, TOKEN_ALGORITHMS } from '../../lib/backend-names.ts'
import {
  aBoolean,
  anObject,
  type Check,
  type Checks,
  checkOptions,
  oneOf,
  optional,
  severalOf,
  text,
  texts,
  wholeNumber,
} from '../../lib/checks.ts'
import { isFetchable } from '../oauth2/issuer-keys.ts'

/** Who says who a user is, and who says what it may do, when those are others. */
export interface BackendLinkConfig {
  readonly authentication: BackendName
  /** Each of them must know the user, and allow what it does. Default: the same backend. */
  readonly authorization?: readonly BackendName[] | undefined
}

/** A server that speaks the protocol of RabbitMQ's rabbitmq_auth_backend_http. */
export interface HttpBackendConfig {
  /** Default `get`. */
  readonly method?: 'get' | 'post' | undefined
  readonly userPath: string
  readonly vhostPath: string
  readonly resourcePath: string
  readonly topicPath: string
  /** Time for an answer, in milliseconds. Default 15000. */
  readonly requestTimeoutMs?: number | undefined
  /** Time to connect, in milliseconds. Default 15000. */
  readonly connectionTimeoutMs?: number | undefined
  /** Certificates (PEM) of authorities to trust, instead of those that come with Node.js. */
  readonly ca?: string | undefined
}

/** An authorisation server. */
export interface TokenIssuerConfig {
  /** What its tokens say of who has issued them; without `jwksUri`, its discovery document is asked where its keys are. */
  readonly issuer?: string | undefined
  /** Where its keys are: an https URL, or file:///path. */
  readonly jwksUri?: string | undefined
  /** Public keys or certificates (PEM), by the names that tokens give them. */
  readonly signingKeys?: Readonly<Record<string, string>> | undefined
  /** The key of tokens that do not name theirs. */
  readonly defaultKey?: string | undefined
}

export interface OAuth2Config {
  /** What tokens call this broker. */
  readonly resourceServerId: string
  readonly issuers: readonly TokenIssuerConfig[]
  /** How tokens may be signed. Default: all algorithms with public keys. */
  readonly algorithms?: readonly string[] | undefined
  /** Whether tokens must be meant for this broker. Default true. */
  readonly verifyAudience?: boolean | undefined
  readonly preferredUsernameClaims?: readonly string[] | undefined
  readonly additionalScopesKeys?: readonly string[] | undefined
  /** Default: the name of the resource server and a dot. */
  readonly scopePrefix?: string | undefined
  readonly scopeAliases?: Readonly<Record<string, readonly string[]>> | undefined
  /** Certificates (PEM) of authorities to trust, instead of those that come with Node.js. */
  readonly ca?: string | undefined
}

export interface CacheConfig {
  readonly backend: BackendLinkConfig
  /** Default 15000. */
  readonly ttlMs?: number | undefined
  /** Whether refusals are remembered, too. Default false. */
  readonly refusals?: boolean | undefined
}

export interface BackendsConfig {
  /** In this order: the first that lets a client in decides. */
  readonly backends: readonly BackendLinkConfig[]
  readonly http?: HttpBackendConfig | undefined
  readonly oauth2?: OAuth2Config | undefined
  readonly cache?: CacheConfig | undefined
}

const PEM_BYTES_MAX = 1024 * 1024
const TEXT_BYTES_MAX = 2048
const DAY_MS = 24 * 3_600_000

const aText = text(1, TEXT_BYTES_MAX)
const aTime = wholeNumber(1, DAY_MS)
const aPem = text(1, PEM_BYTES_MAX)

const aWebAddress: Check = (value, name) => {
  aText(value, name)
  if (!/^https?:\/\//.test(String(value)) || !URL.canParse(String(value)))
    throw new RangeError(`${name} must be a URL that begins with http:// or https://`)
}

const aKeyAddress: Check = (value, name) => {
  aText(value, name)
  if (!isFetchable(String(value)) && !String(value).startsWith('file:'))
    throw new RangeError(`${name} must be a URL that begins with https://, as keys come over TLS`)
}

const HTTP: Checks<HttpBackendConfig> = {
  method: oneOf(['get', 'post']),
  userPath: aWebAddress,
  vhostPath: aWebAddress,
  resourcePath: aWebAddress,
  topicPath: aWebAddress,
  requestTimeoutMs: aTime,
  connectionTimeoutMs: aTime,
  ca: aPem,
}

const ISSUER: Checks<TokenIssuerConfig> = {
  issuer: aText,
  jwksUri: aKeyAddress,
  signingKeys: anObject,
  defaultKey: aText,
}

const OAUTH2: Checks<OAuth2Config> = {
  resourceServerId: aText,
  issuers: each((value, name) => checkOptions(name, value, ISSUER)),
  algorithms: severalOf(TOKEN_ALGORITHMS),
  verifyAudience: aBoolean,
  preferredUsernameClaims: texts,
  additionalScopesKeys: texts,
  scopePrefix: text(0, TEXT_BYTES_MAX),
  scopeAliases: anObject,
  ca: aPem,
}

const aLink: Check = (value, name) => checkOptions(name, value, LINK)
const LINK: Checks<BackendLinkConfig> = {
  authentication: oneOf(BACKEND_NAMES),
  authorization: severalOf(BACKEND_NAMES),
}

const CACHE: Checks<CacheConfig> = { backend: aLink, ttlMs: aTime, refusals: aBoolean }

const BACKENDS: Checks<BackendsConfig> = {
  backends: each(aLink),
  http: (value, name) => checkOptions(name, value, HTTP),
  oauth2: (value, name) => checkOptions(name, value, OAUTH2),
  cache: (value, name) => checkOptions(name, value, CACHE),
}

/** Throws TypeError or RangeError. */
export const aBackendsConfig: Check = optional((value, name) => {
  checkOptions(name, value, BACKENDS)
  checkWhole(value as BackendsConfig) // each part is as it should be
})

/** What is named must be there, with what it needs. */
function checkWhole({ backends, cache, http, oauth2 }: BackendsConfig): void {
  if (!Array.isArray(backends) || backends.length === 0) throw new RangeError('backends must name a backend')
  const links = [...backends, ...(cache === undefined ? [] : [cache.backend])]
  const named = new Set(links.flatMap(({ authentication, authorization = [] }) => [authentication, ...authorization]))
  const missing = [...named].find(
    (name) =>
      (name === 'http' && http === undefined) ||
      (name === 'oauth2' && oauth2 === undefined) ||
      (name === 'cache' && cache === undefined),
  )
  if (missing !== undefined) throw new RangeError(`the backend '${missing}' is named and not configured`)
  const cached = cache === undefined ? [] : [cache.backend.authentication, ...(cache.backend.authorization ?? [])]
  if (cached.includes('cache')) throw new RangeError('the cache cannot remember its own answers')
  if (oauth2 === undefined) return
  if (oauth2.resourceServerId === undefined) throw new RangeError('OAuth 2 needs a resourceServerId')
  const hasKeys = (oauth2.issuers ?? []).every(
    ({ issuer, jwksUri, signingKeys }) => issuer ?? jwksUri ?? (signingKeys && Object.keys(signingKeys).length > 0),
  )
  if (!hasKeys || oauth2.issuers.length === 0)
    throw new RangeError('OAuth 2 needs keys: an issuer, the URL of a key set (jwksUri), or signingKeys')
  for (const { issuer, jwksUri } of oauth2.issuers) {
    if (issuer !== undefined && jwksUri === undefined && !isFetchable(issuer) && !hasSigningKeys(oauth2))
      throw new RangeError(`the issuer '${issuer}' must be a URL that begins with https://, as keys come over TLS`)
  }
}

function hasSigningKeys({ issuers }: OAuth2Config): boolean {
  return issuers.some(({ signingKeys = {} }) => Object.keys(signingKeys).length > 0)
}

function each(check: Check): Check {
  return (value, name) => {
    if (!Array.isArray(value)) throw new TypeError(`${name} must be an array`)
    for (const [index, item] of value.entries()) check(item, `${name}[${index}]`)
  }
}
