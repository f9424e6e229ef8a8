import { describe, expect, test } from 'vitest'
import { type Config, fileKeys, OPTION_NAMES, type OptionName, optionRow } from '../../config/options.ts'
import { resolveConfig } from '../../config/resolve.ts'
import { shownConfig, shownOption } from '../../config/shown-config.ts'

/** Something else than the default, for every option that a file can have and that is no secret. */
const OTHER_VALUES: Readonly<Partial<Record<OptionName, string>>> = {
  bind: '::1',
  port: 'none',
  tcpListeners: '5673,10.0.0.1:5674,[::1]:5675',
  unixSocket: "/run/it's #1.sock",
  unixSocketMode: '600',
  wsPort: '15678',
  wsOrigins: 'https://a.example,https://b.example',
  proxyProtocol: 'true',
  proxyNetworks: '10.0.0.0/8,unix',
  heartbeatSec: '20',
  handshakeTimeoutMs: '2000',
  sendTimeoutMs: '0',
  tlsPort: '5671',
  tlsListeners: '5681',
  wssPort: '15677',
  tlsCert: '/etc/cert.pem',
  tlsKey: '/etc/key.pem',
  tlsHosts: 'mq.example=/c.pem:/k.pem,*.b.example=/c2.pem:/k2.pem',
  tlsCa: '/etc/ca.pem',
  tlsVerify: 'verify_peer',
  tlsFailIfNoPeerCert: 'true',
  tlsDepth: '3',
  tlsVersions: 'tlsv1.3',
  tlsCiphers: 'TLS_AES_128_GCM_SHA256,!aNULL',
  tlsHonorCipherOrder: 'false',
  tlsHandshakeTimeoutMs: '4000',
  managementPort: '15682',
  managementBind: '127.0.0.2',
  managementPathPrefix: '/rabbitmq',
  managementOrigins: '*',
  httpHosts: 'broker.example',
  managementTlsPort: '15681',
  managementTlsBind: '::',
  managementTlsCert: '/m.pem',
  managementTlsKey: '/mk.pem',
  managementTlsCa: '/mca.pem',
  managementTlsVerify: 'verify_peer',
  managementTlsFailIfNoPeerCert: 'true',
  managementTlsVersions: 'tlsv1.2',
  managementTlsCiphers: 'TLS_AES_128_GCM_SHA256',
  metricsPort: 'none',
  metricsBind: '127.0.0.3',
  metricsTlsPort: '15691',
  metricsTlsBind: '::1',
  metricsTlsCert: '/p.pem',
  metricsTlsKey: '/pk.pem',
  metricsTlsCa: '/pca.pem',
  metricsTlsVerify: 'verify_peer',
  metricsTlsFailIfNoPeerCert: 'true',
  metricsTlsVersions: 'tlsv1.3',
  metricsTlsCiphers: 'TLS_AES_256_GCM_SHA384',
  consumerTimeoutMs: '60000',
  frameMaxBytes: '64KiB',
  initialFrameMaxBytes: '4096',
  channelMax: '10',
  connectionMax: '100',
  channelMaxPerNode: '1000',
  consumerMaxPerChannel: '10',
  consumerMax: '99',
  unackedBytesMaxPerConnection: '1MiB',
  unackedBytesMax: '1GB',
  vhostMax: '3',
  queueMax: '4',
  exchangeMax: '50',
  bindingMax: '6',
  maxMessageSizeBytes: '1MiB',
  memoryLimit: '512MiB',
  eventLoopDelayLimitMs: '0',
  storeDelayLimitMs: '5',
  defaultUser: 'ann ',
  defaultUserTags: 'none',
  defaultVhost: 'a vhost',
  defaultQueueType: 'quorum',
  loopbackUsers: 'none',
  allowAnonymous: 'true',
  anonymousLoginUser: 'bob',
  authMechanisms: 'EXTERNAL,PLAIN',
  sslCertLoginFrom: 'common_name',
  sslCertLoginSanType: 'email',
  sslCertLoginSanIndex: '1',
  passwordHashing: 'sha512',
  passwordLengthMin: '8',
  passwordPattern: "'[^#]\\'$",
  authBackends: 'http:internal+http,internal',
  authHttpMethod: 'post',
  authHttpUserPath: 'https://auth.example/user?a=1#b',
  authHttpVhostPath: 'https://auth.example/v',
  authHttpResourcePath: 'https://auth.example/r',
  authHttpTopicPath: 'https://auth.example/t',
  authHttpRequestTimeoutMs: '5',
  authHttpConnectionTimeoutMs: '6',
  authHttpCacertfile: '/h.pem',
  authOauth2ResourceServerId: 'mq',
  authOauth2Issuer: 'https://issuer.example',
  authOauth2JwksUri: 'https://issuer.example/keys',
  authOauth2SigningKeys: 'one=/one.pem,two=/two.pem',
  authOauth2DefaultKey: 'one',
  authOauth2Algorithms: 'RS256,ES256',
  authOauth2Providers: 'other.issuer=https://other.example',
  authOauth2VerifyAud: 'false',
  authOauth2PreferredUsernameClaims: 'user_name,email',
  authOauth2AdditionalScopesKey: 'roles groups',
  authOauth2ScopePrefix: '',
  authOauth2ScopeAliases: 'admin=mq.tag:administrator mq.read:*/*',
  authOauth2Cacertfile: '/o.pem',
  authCacheBackend: 'http:internal',
  authCacheTtlMs: '7',
  authCacheRefusals: 'true',
  loginFailuresMax: '0',
  loginSocketsMax: '5',
  loginSocketsPerAddressMax: '2',
  storage: 'memory',
  dataDir: '/var/lib/leveret',
  durability: 'interval',
  syncIntervalMs: '10',
  diskFreeLimitBytes: '1GiB',
  loadDefinitions: '/etc/definitions',
  logLevel: 'warn',
  logFile: '/var/log/leveret.log',
  logFileLevel: 'silent',
  logFormat: 'json',
  ctlSocket: 'none',
  shutdownGraceSec: '5',
}

function resolved(text: string): Config {
  const resolution = resolveConfig({ flags: new Map(), environment: {}, file: { name: 'leveret.conf', text } })
  if (!resolution.isValid) throw new Error(resolution.errors.join('\n'))
  expect(resolution.warnings).toEqual([])
  return resolution.config
}

/** All options have their defaults, but for these. */
function configOf(texts: Readonly<Partial<Record<OptionName, string>>>): Config {
  const resolution = resolveConfig({ flags: new Map(Object.entries(texts) as [OptionName, string][]), environment: {} })
  if (!resolution.isValid) throw new Error(resolution.errors.join('\n'))
  return resolution.config
}

describe('options as a config file says them', () => {
  test('are the same when the file is read: by default', () => {
    const config = configOf({})
    expect(resolved(shownConfig(config))).toEqual(config)
  })

  test('are the same when the file is read: each with another value', () => {
    const names = OPTION_NAMES.filter((name) => fileKeys(name).length > 0 && optionRow(name).isSecret !== true)
    expect(Object.keys(OTHER_VALUES).sort()).toEqual([...names].sort())
    const config = configOf(OTHER_VALUES)
    for (const name of names) expect(config[name], name).not.toEqual(optionRow(name).defaultValue)
    expect(resolved(shownConfig(config))).toEqual(config)
  })

  test('have no password of a URL', () => {
    const config = configOf({
      authHttpUserPath: 'http://mq:it\'s "of@the"@auth.example/user',
      authOauth2JwksUri: 'https://mq:of:the@keys.example/',
      authOauth2Providers: 'other.jwks_uri=https://mq:of the@other.example/',
    })
    const text = shownConfig(config)
    expect(text).toContain('\n# auth_http_user_path = http://(hidden)@auth.example/user\n')
    expect(text).toContain('\nauth_http_vhost_path = http://localhost:8000/auth/vhost\n')
    expect(text).not.toMatch(/of.the/)
  })

  test('have a line each, and none that tells a secret, or that would be another setting', () => {
    const config = configOf({ tlsPassword: 'of the key', defaultPass: 'of the user', config: 'my.conf' })
    const lines = shownConfig(config).trimEnd().split('\n')
    expect(lines).toHaveLength(OPTION_NAMES.length)
    expect(lines).toContain('heartbeat = 60')
    expect(lines).toContain('memory_limit = 0.6')
    expect(lines).toContain('# tls_password is hidden')
    expect(lines).toContain('# default_pass is hidden')
    expect(lines).toContain('# metrics_tls_password is not set')
    expect(lines).toContain('# config = my.conf')
    expect(lines.join('\n')).not.toContain('of the')
    expect(shownOption('defaultUser', 'a\nport = 1')).toBe('# default_user is "a\\nport = 1", which no file can say')
  })
})
