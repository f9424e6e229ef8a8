// The rows for what lets clients in beside the broker's own users: an HTTP server, an authorisation server (OAuth 2), and a
// cache of what they say.
import { BACKEND_NAMES, type BackendName, TOKEN_ALGORITHMS } from '../src/lib/backend-names.ts'
import { NUMBER_SETTINGS, type NumberSetting } from './number-settings.ts'
import { type Option, option } from './option-row.ts'
import { asItIs, boolean, choice, choices, integer, nameList, type Parser, pairs, text } from './parsers.ts'

/** Who says who a user is, and who says what it may do, when that is another. */
export interface BackendSetting {
  readonly authentication: BackendName
  readonly authorization: readonly BackendName[]
}

const WEB_SERVER = 'http://localhost:8000/auth'

export const BACKEND_OPTIONS = {
  authBackends: option<readonly BackendSetting[]>(
    [{ authentication: 'internal', authorization: [] }],
    backends(),
    'who knows the users, in this order; NAME:OTHER when another says what they may do',
    { group: 'Backends', defaultText: 'internal' },
  ),
  authHttpMethod: option('get', choice({ get: 'get', post: 'post' }), 'how the HTTP backend asks', {
    group: 'Backends',
    fileKeys: ['auth_http.http_method'],
  }),
  authHttpUserPath: urlOption(`${WEB_SERVER}/user`, 'where it asks for users', 'auth_http.user_path'),
  authHttpVhostPath: urlOption(`${WEB_SERVER}/vhost`, 'where it asks for virtual hosts', 'auth_http.vhost_path'),
  authHttpResourcePath: urlOption(
    `${WEB_SERVER}/resource`,
    'where it asks for queues and exchanges',
    'auth_http.resource_path',
  ),
  authHttpTopicPath: urlOption(`${WEB_SERVER}/topic`, 'where it asks for routing keys', 'auth_http.topic_path'),
  authHttpRequestTimeoutMs: timeOption(
    NUMBER_SETTINGS.authHttpRequestTimeoutMs,
    'time for an answer, in milliseconds',
    ['auth_http.request_timeout'],
  ),
  authHttpConnectionTimeoutMs: timeOption(
    NUMBER_SETTINGS.authHttpConnectionTimeoutMs,
    'time to connect, in milliseconds',
    ['auth_http.connection_timeout'],
  ),
  authHttpCacertfile: fileOption('certificates of authorities that its HTTPS server is checked with', [
    'auth_http.ssl_options.cacertfile',
  ]),
  authOauth2ResourceServerId: textOption('what tokens call this broker', 'auth_oauth2.resource_server_id'),
  authOauth2Issuer: textOption('who issues the tokens: a URL, where its keys are found', 'auth_oauth2.issuer'),
  authOauth2JwksUri: option<string | undefined>(
    undefined,
    text(2048),
    'where the keys are, when the issuer does not say so: an https URL, or file:///path',
    { group: 'Backends', fileKeys: ['auth_oauth2.jwks_uri', 'auth_oauth2.jwks_url'], defaultText: 'none' },
  ),
  authOauth2SigningKeys: pairsOption('files of public keys or certificates (PEM), by the names that tokens give them'),
  authOauth2DefaultKey: textOption('the key of tokens that name none', 'auth_oauth2.default_key'),
  authOauth2Algorithms: option<readonly string[] | undefined>(
    undefined,
    choices(TOKEN_ALGORITHMS),
    'how tokens may be signed',
    { group: 'Backends', defaultText: 'all of these' },
  ),
  authOauth2Providers: option<ReadonlyMap<string, string>>(
    new Map(),
    providers(),
    'further issuers: NAME.issuer=URL, NAME.jwks_uri=URL, NAME.default_key=KEY',
    { group: 'Backends', defaultText: 'none' },
  ),
  authOauth2VerifyAud: option(true, boolean(), 'whether tokens must be meant for this broker', {
    group: 'Backends',
    fileKeys: ['auth_oauth2.verify_aud'],
  }),
  authOauth2PreferredUsernameClaims: option<readonly string[]>(
    [],
    nameList(),
    'claims that have the name of the user, before sub and client_id',
    { group: 'Backends', defaultText: 'none' },
  ),
  authOauth2AdditionalScopesKey: textOption(
    'further claims that have scopes, spaces between, dots for inner ones',
    'auth_oauth2.additional_scopes_key',
  ),
  authOauth2ScopePrefix: option<string | undefined>(
    undefined,
    {
      allowed: 'up to 255 bytes of text',
      parse: (value) => (Buffer.byteLength(value) <= 255 ? value : undefined),
      print: asItIs,
    },
    "how this broker's scopes begin",
    { group: 'Backends', fileKeys: ['auth_oauth2.scope_prefix'], defaultText: 'its name and a dot' },
  ),
  authOauth2ScopeAliases: pairsOption('what scopes of the issuer stand for: scopes of this broker, spaces between'),
  authOauth2Cacertfile: fileOption('certificates of authorities that the issuer is checked with', [
    'auth_oauth2.https.cacertfile',
  ]),
  authCacheBackend: option<BackendSetting>(
    { authentication: 'internal', authorization: [] },
    {
      allowed: backends().allowed,
      parse: (value) => single(backends().parse(value)),
      print: backendText,
    },
    'whose answers the backend cache remembers',
    { group: 'Backends', fileKeys: ['auth_cache.cached_backend'], defaultText: 'internal' },
  ),
  authCacheTtlMs: timeOption(NUMBER_SETTINGS.authCacheTtlMs, 'how long it does so, in milliseconds', [
    'auth_cache.cache_ttl',
  ]),
  authCacheRefusals: option(false, boolean(), 'whether it remembers that a client was not let in', {
    group: 'Backends',
    fileKeys: ['auth_cache.cache_refusals'],
  }),
} as const

/** `oauth2,http:internal`: RabbitMQ's names are understood as well. */
function backends(): Parser<readonly BackendSetting[]> {
  return {
    allowed: `of ${BACKEND_NAMES.join(', ')}, with commas between`,
    parse: (value) => {
      const settings = value.split(',').map((entry) => {
        const [authentication = '', authorization] = entry.trim().split(':')
        const others = authorization === undefined ? [] : authorization.split('+')
        const names = [authentication, ...others].map(backendName)
        const known = names.filter((name) => name !== undefined)
        const [first, ...rest] = known
        return known.length < names.length || first === undefined
          ? undefined
          : { authentication: first, authorization: rest }
      })
      const known = settings.filter((setting) => setting !== undefined)
      return known.length < settings.length ? undefined : known
    },
    print: (settings) => settings.map(backendText).join(','),
  }
}

function backendText({ authentication, authorization }: BackendSetting): string {
  return authorization.length === 0 ? authentication : `${authentication}:${authorization.join('+')}`
}

function backendName(text: string): BackendName | undefined {
  const short = text.trim().replace(/^rabbit(?:mq)?_auth_backend_/, '')
  return BACKEND_NAMES.find((name) => name === short)
}

function single<T>(list: readonly T[] | undefined): T | undefined {
  return list?.length === 1 ? list[0] : undefined
}

/** Settings of issuers, each with its name in front. */
function providers(): Parser<ReadonlyMap<string, string>> {
  const { allowed, parse, print } = pairs()
  return {
    allowed,
    parse: (value) => {
      const found = parse(value)
      const names = [...(found?.keys() ?? [])]
      return names.every((name) => /^[^.]+\.(?:issuer|jwks_uri|default_key)$/.test(name)) ? found : undefined
    },
    print,
  }
}

function urlOption(defaultValue: string, doc: string, fileKey: string): Option<string> {
  return option<string>(defaultValue, httpUrl(), doc, { group: 'Backends', fileKeys: [fileKey] })
}

function httpUrl(): Parser<string> {
  return {
    allowed: 'a URL that begins with http:// or https://',
    parse: (value) => (/^https?:\/\//.test(value) && URL.canParse(value) && value.length <= 2048 ? value : undefined),
    print: asItIs,
  }
}

function timeOption(setting: NumberSetting, doc: string, fileKeys: readonly string[]): Option<number> {
  return option(setting.default, integer(setting.min, setting.max), doc, { group: 'Backends', fileKeys })
}

function fileOption(doc: string, fileKeys: readonly string[]): Option<string | undefined> {
  const defaultText = 'those of Node.js'
  return option<string | undefined>(undefined, text(4096), doc, { group: 'Backends', fileKeys, defaultText })
}

function textOption(doc: string, fileKey: string): Option<string | undefined> {
  const details = { group: 'Backends', fileKeys: [fileKey], defaultText: 'none' } as const
  return option<string | undefined>(undefined, text(2048), doc, details)
}

function pairsOption(doc: string): Option<ReadonlyMap<string, string>> {
  return option<ReadonlyMap<string, string>>(new Map(), pairs(), doc, { group: 'Backends', defaultText: 'none' })
}
