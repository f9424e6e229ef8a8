/** What the options say of backends, as the server is told it. Files are read here. */
import { readFileSync } from 'node:fs'
import type { Config } from '../../../config/options.ts'
import type {
  BackendLinkConfig,
  BackendsConfig,
  HttpBackendConfig,
  OAuth2Config,
  TokenIssuerConfig,
} from '../../auth/backends/backends-config.ts'

/** Undefined for the broker's own list alone. Throws Error when a file cannot be read. */
export function backendsConfig(config: Config): BackendsConfig | undefined {
  const { authBackends, authCacheBackend } = config
  const namesOf = ({ authentication, authorization = [] }: BackendLinkConfig) => [authentication, ...authorization]
  const named = new Set(authBackends.flatMap(namesOf))
  if (named.has('cache')) for (const name of namesOf(authCacheBackend)) named.add(name)
  if (named.size === 1 && named.has('internal')) return undefined
  return {
    backends: authBackends,
    http: named.has('http') ? http(config) : undefined,
    oauth2: named.has('oauth2') ? oauth2(config) : undefined,
    cache: named.has('cache')
      ? { backend: authCacheBackend, ttlMs: config.authCacheTtlMs, refusals: config.authCacheRefusals }
      : undefined,
  }
}

function http(config: Config): HttpBackendConfig {
  return {
    method: config.authHttpMethod,
    userPath: config.authHttpUserPath,
    vhostPath: config.authHttpVhostPath,
    resourcePath: config.authHttpResourcePath,
    topicPath: config.authHttpTopicPath,
    requestTimeoutMs: config.authHttpRequestTimeoutMs,
    connectionTimeoutMs: config.authHttpConnectionTimeoutMs,
    ca: file(config.authHttpCacertfile),
  }
}

function oauth2(config: Config): OAuth2Config {
  const first: TokenIssuerConfig = {
    issuer: config.authOauth2Issuer,
    jwksUri: config.authOauth2JwksUri,
    signingKeys: Object.fromEntries(Array.from(config.authOauth2SigningKeys, ([name, path]) => [name, text(path)])),
    defaultKey: config.authOauth2DefaultKey,
  }
  const hasFirst = first.issuer !== undefined || first.jwksUri !== undefined || config.authOauth2SigningKeys.size > 0
  return {
    // Without an identifier, the server says what is missing.
    resourceServerId: config.authOauth2ResourceServerId as string,
    issuers: [...(hasFirst ? [first] : []), ...furtherIssuers(config.authOauth2Providers)],
    algorithms: config.authOauth2Algorithms,
    verifyAudience: config.authOauth2VerifyAud,
    preferredUsernameClaims: config.authOauth2PreferredUsernameClaims,
    additionalScopesKeys: words(config.authOauth2AdditionalScopesKey ?? ''),
    scopePrefix: config.authOauth2ScopePrefix,
    scopeAliases: Object.fromEntries(
      Array.from(config.authOauth2ScopeAliases, ([name, scopes]) => [name, words(scopes)]),
    ),
    ca: file(config.authOauth2Cacertfile),
  }
}

/** `NAME.issuer`, `NAME.jwks_uri`, `NAME.default_key`. */
function furtherIssuers(settings: ReadonlyMap<string, string>): TokenIssuerConfig[] {
  const names = new Set(Array.from(settings.keys(), (key) => key.slice(0, key.indexOf('.'))))
  return [...names].map((name) => ({
    issuer: settings.get(`${name}.issuer`),
    jwksUri: settings.get(`${name}.jwks_uri`),
    defaultKey: settings.get(`${name}.default_key`),
  }))
}

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '')
}

function file(path: string | undefined): string | undefined {
  return path === undefined ? undefined : text(path)
}

function text(path: string): string {
  return readFileSync(path, 'utf8')
}
