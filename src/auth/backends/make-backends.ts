/** Makes the backends that a configuration names. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import type { Authorizer } from '../../broker/authorizer.ts'
import { type BackendName, TOKEN_ALGORITHMS } from '../../lib/backend-names.ts'
import type { Clock } from '../../lib/clock.ts'
import { HttpClient } from '../http-client.ts'
import { IssuerKeys } from '../oauth2/issuer-keys.ts'
import { JSON_BYTES_MAX } from '../oauth2/json-http.ts'
import { TokenCheck, type TokenIssuer } from '../oauth2/token-check.ts'
import type { UserList } from '../user-list.ts'
import type { Backend } from './backend.ts'
import { BackendChain, type ChainLink } from './backend-chain.ts'
import type {
  BackendLinkConfig,
  BackendsConfig,
  CacheConfig,
  HttpBackendConfig,
  OAuth2Config,
  TokenIssuerConfig,
} from './backends-config.ts'
import { CachedBackend } from './cached-backend.ts'
import { HTTP_AT_ONCE, HttpBackend } from './http-backend.ts'
import { InternalBackend } from './internal-backend.ts'
import { OAuth2Backend } from './oauth2-backend.ts'

const ANSWER_BYTES_MAX = 64 * 1024
const TIMEOUT_MS = 15_000
const KEYS_TIMEOUT_MS = 5000
const KEYS_CONNECTIONS = 2
const CACHE_TTL_MS = 15_000

export interface BackendsContext {
  readonly users: UserList
  /** What the users of the list may do. */
  readonly permissions: () => Authorizer
  readonly clock: Clock
  readonly loopbackUsers: readonly string[]
  readonly anonymousUser: string | undefined
  /** Told why a server gave no answer that could be used. */
  readonly onProblem: (error: unknown, message: string) => void
}

/** Throws Error when a key cannot be read. */
export function makeBackends(config: BackendsConfig, context: BackendsContext): BackendChain {
  const made = new Map<BackendName, Backend>()
  const backend = (name: BackendName): Backend => {
    const known = made.get(name)
    if (known !== undefined) return known
    const fresh = makeBackend(name)
    made.set(name, fresh)
    return fresh
  }
  const makeBackend = (name: BackendName): Backend => {
    switch (name) {
      case 'internal':
        return new InternalBackend(context.users, context.permissions)
      case 'http':
        return httpBackend(config.http as HttpBackendConfig, context) // checked: what is named is configured
      case 'oauth2':
        return oauth2Backend(config.oauth2 as OAuth2Config, context)
      case 'cache':
        return cachedBackend(config.cache as CacheConfig, (link) => linkOf(link, backend), context)
      default:
        return name satisfies never
    }
  }
  const { loopbackUsers, anonymousUser } = context
  return new BackendChain({
    links: config.backends.map((link) => linkOf(link, backend)),
    loopbackUsers,
    anonymousUser,
  })
}

function linkOf(
  { authentication, authorization = [] }: BackendLinkConfig,
  backend: (name: BackendName) => Backend,
): ChainLink {
  return { authentication: backend(authentication), authorization: authorization.map(backend) }
}

function httpBackend(config: HttpBackendConfig, { onProblem }: BackendsContext): HttpBackend {
  const { method = 'get', requestTimeoutMs = TIMEOUT_MS, connectionTimeoutMs = TIMEOUT_MS, ca, ...paths } = config
  return new HttpBackend({
    ...paths,
    method,
    http: new HttpClient({
      timeoutMs: requestTimeoutMs,
      connectTimeoutMs: connectionTimeoutMs,
      bytesMax: ANSWER_BYTES_MAX,
      connectionsMax: HTTP_AT_ONCE,
      ca,
    }),
    onProblem: (error) => onProblem(error, 'the HTTP server that knows the users gave no answer'),
  })
}

function oauth2Backend(config: OAuth2Config, { clock, onProblem }: BackendsContext): OAuth2Backend {
  const { resourceServerId } = config
  const http = new HttpClient({
    timeoutMs: KEYS_TIMEOUT_MS,
    bytesMax: JSON_BYTES_MAX,
    connectionsMax: KEYS_CONNECTIONS,
    ca: config.ca,
  })
  const tell = (error: unknown): void => onProblem(error, 'the keys of an issuer of tokens could not be had')
  const rules = {
    resourceServerId,
    issuers: config.issuers.map((issuer) => tokenIssuer(issuer, config, { http, clock, onProblem: tell })),
    verifyAudience: config.verifyAudience ?? true,
    scopePrefix: config.scopePrefix ?? `${resourceServerId}.`,
    preferredUsernameClaims: config.preferredUsernameClaims ?? [],
    additionalScopesKeys: config.additionalScopesKeys ?? [],
    scopeAliases: new Map(Object.entries(config.scopeAliases ?? {})),
  }
  return new OAuth2Backend(new TokenCheck(rules, clock), http)
}

function tokenIssuer(
  { issuer, jwksUri, signingKeys = {}, defaultKey }: TokenIssuerConfig,
  { algorithms = TOKEN_ALGORITHMS }: OAuth2Config,
  context: { readonly http: HttpClient; readonly clock: Clock; readonly onProblem: (error: unknown) => void },
): TokenIssuer {
  const ownKeys = new Map(Object.entries(signingKeys).map(([name, pem]) => [name, publicKey(name, pem)]))
  const keys = new IssuerKeys({
    // An issuer whose keys are given is asked for none.
    issuer: ownKeys.size > 0 ? undefined : issuer,
    jwksUri,
    signingKeys: ownKeys,
    ...context,
  })
  void keys.prepare()
  return { issuer, keys, defaultKey, algorithms }
}

/** Of a public key, or of a certificate. */
function publicKey(name: string, pem: string): KeyObject {
  try {
    return createPublicKey(pem)
  } catch (error) {
    throw new Error(`the signing key '${name}' is no public key and no certificate (PEM)`, { cause: error })
  }
}

function cachedBackend(
  { backend, ttlMs = CACHE_TTL_MS, refusals = false }: CacheConfig,
  link: (config: BackendLinkConfig) => ChainLink,
  { clock }: BackendsContext,
): CachedBackend {
  const cached = new BackendChain({ links: [link(backend)], loopbackUsers: [] })
  return new CachedBackend({ backend: cached, ttlMs, hasRefusals: refusals, clock })
}
