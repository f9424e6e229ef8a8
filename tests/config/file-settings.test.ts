import { describe, expect, test } from 'vitest'
import { resolveConfig } from '../../config/resolve.ts'

function read(text: string) {
  const resolution = resolveConfig({ flags: new Map(), environment: {}, file: { name: 'rabbitmq.conf', text } })
  return {
    config: resolution.isValid ? resolution.config : undefined,
    errors: resolution.isValid ? [] : resolution.errors,
    warnings: resolution.warnings,
  }
}

const TLS = 'ssl_options.certfile = cert.pem\nssl_options.keyfile = key.pem'

test('keys of rabbitmq.conf set the options they are for', () => {
  const text = `
    listeners.tcp.default = 5673
    frame_max = 65536
    channel_max = 100
    heartbeat = 10
    handshake_timeout = 5000
    tcp_listen_options.send_timeout = 20000
    max_message_size = 1024
    default_user = admin
    default_pass = 'x#y'
    default_vhost = main
    vm_memory_high_watermark.absolute = 512MiB
    log.console.level = warning
    log.console.formatter = plaintext
  `
  expect(read(text)).toMatchObject({
    warnings: [],
    errors: [],
    config: {
      port: 5673,
      frameMaxBytes: 65_536,
      channelMax: 100,
      heartbeatSec: 10,
      handshakeTimeoutMs: 5000,
      sendTimeoutMs: 20_000,
      maxMessageSizeBytes: 1024,
      defaultUser: 'admin',
      defaultPass: 'x#y',
      defaultVhost: 'main',
      memoryLimit: { bytes: 536_870_912 },
      logLevel: 'warn',
      logFormat: 'pretty',
    },
  })
})

test('every flag has a key of its own', () => {
  const text = 'bind = ::1\nshutdown_grace = 3\nstorage = memory\nlog_format = json\nmemory_limit = 0.4'
  expect(read(text).config).toMatchObject({
    bind: '::1',
    shutdownGraceSec: 3,
    storage: 'memory',
    logFormat: 'json',
    memoryLimit: { fraction: 0.4 },
  })
})

describe('a listener', () => {
  test.each([
    ['5673', '127.0.0.1', 5673],
    ['0.0.0.0:5674', '0.0.0.0', 5674],
    [':::5675', '::', 5675],
    ['::1:5676', '::1', 5676],
    ['[::1]:5677', '::1', 5677],
    ['localhost:5678', 'localhost', 5678],
  ])('%s sets address and port', (value, bind, port) => {
    expect(read(`listeners.tcp.1 = ${value}`).config).toMatchObject({ bind, port })
  })

  test('may be one of several, or none', () => {
    const several = 'listeners.tcp.1 = 127.0.0.1:5672\nlisteners.tcp.2 = [::1]:5673\nlisteners.tcp.3 = 5674'
    expect(read(several).config).toMatchObject({
      bind: '127.0.0.1',
      port: 5672,
      tcpListeners: [
        { host: '::1', port: 5673 },
        { host: undefined, port: 5674 },
      ],
    })
    expect(read('listeners.tcp.default = 5672\nlisteners.tcp.more = 5673').config).toMatchObject({
      port: 5672,
      tcpListeners: [{ host: undefined, port: 5673 }],
    })
    expect(read(`listeners.tcp = none\n${TLS}`).config).toMatchObject({ port: 'none', tlsPort: 'automatic' })
  })

  test('is refused when it is not understood, and when there is no other', () => {
    expect(read('listeners.tcp = none').errors).toEqual(['there is nothing to listen on: --port is none'])
    expect(read('listeners.tcp = 5672').errors).toHaveLength(1)
    expect(read('listeners.tcp.1 = here').errors).toHaveLength(1)
    expect(read('listeners.tcp.1 = 127.0.0.1:99999').errors[0]).toContain('must be a port')
  })
})

describe('TLS', () => {
  test('takes the keys of rabbitmq.conf', () => {
    const text = `
      listeners.ssl.default = 5671
      listeners.ssl.1 = 10.0.0.1:5670
      ssl_options.certfile = cert.pem
      ssl_options.keyfile = key.pem
      ssl_options.password = secret
      ssl_options.cacertfile = ca.pem
      ssl_options.verify = verify_peer
      ssl_options.fail_if_no_peer_cert = true
      ssl_options.depth = 2
      ssl_options.versions.2 = tlsv1.2
      ssl_options.versions.1 = tlsv1.3
      ssl_options.ciphers.1 = TLS_AES_256_GCM_SHA384
      ssl_options.ciphers.2 = ECDHE-RSA-AES256-GCM-SHA384
      ssl_options.honor_cipher_order = false
      ssl_options.honor_ecc_order = true
      ssl_options.client_renegotiation = false
      ssl_handshake_timeout = 3000
      tls_hosts = a.example=a.pem:a.key, *.b.example=b.pem:b.key
    `
    expect(read(text)).toMatchObject({
      errors: [],
      warnings: [],
      config: {
        tlsPort: 5671,
        tlsListeners: [{ host: '10.0.0.1', port: 5670 }],
        tlsCert: 'cert.pem',
        tlsKey: 'key.pem',
        tlsPassword: 'secret',
        tlsCa: 'ca.pem',
        tlsVerify: 'verify_peer',
        tlsFailIfNoPeerCert: true,
        tlsDepth: 2,
        tlsVersions: ['tlsv1.3', 'tlsv1.2'],
        tlsCiphers: ['TLS_AES_256_GCM_SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
        tlsHonorCipherOrder: false,
        tlsHandshakeTimeoutMs: 3000,
        tlsHosts: [
          { name: 'a.example', certFile: 'a.pem', keyFile: 'a.key' },
          { name: '*.b.example', certFile: 'b.pem', keyFile: 'b.key' },
        ],
      },
    })
  })

  test('with addresses of its own has no port on the address of the others', () => {
    expect(read(`listeners.ssl.1 = 0.0.0.0:5671\n${TLS}`).config).toMatchObject({ tlsPort: 'none' })
    expect(read('listeners.ssl = none').config).toMatchObject({ tlsPort: 'none', tlsListeners: [] })
  })

  test.each([
    ['listeners.ssl.default = 5671', 'needs --tls-cert and --tls-key'],
    ['ssl_options.certfile = cert.pem', 'go together'],
    [`${TLS}\nssl_options.verify = verify_peer`, 'needs --tls-ca'],
    [`${TLS}\nssl_options.fail_if_no_peer_cert = true`, 'needs --tls-verify verify_peer'],
    [`${TLS}\nssl_options.versions.1 = tlsv1.1`, 'tlsv1.2, tlsv1.3'],
    [`${TLS}\nssl_options.client_renegotiation = true`, 'does not support'],
    [`${TLS}\nssl_options.dhfile = dh.pem`, 'does not support'],
    ['proxy_protocol = true', 'needs --proxy-networks'],
    ['proxy_networks = 10.0.0.0/33', 'must be networks'],
  ])('%j is refused', (text, reason) => {
    expect(read(text).errors[0]).toContain(reason)
  })

  test('leaves the header of proxies to those of some networks', () => {
    const text = 'proxy_protocol = true\nproxy_networks = 10.0.0.0/8, fd00::/8, 192.0.2.1, unix'
    expect(read(text).config).toMatchObject({
      proxyProtocol: true,
      proxyNetworks: ['10.0.0.0/8', 'fd00::/8', '192.0.2.1', 'unix'],
    })
  })
})

describe('users', () => {
  test('are freed from the loopback rule one by one or all together', () => {
    expect(read('loopback_users.guest = false').config?.loopbackUsers).toEqual([])
    expect(read('loopback_users = none').config?.loopbackUsers).toEqual([])
    expect(read('loopback_users.admin = true\nloopback_users.guest = true').config?.loopbackUsers).toEqual([
      'admin',
      'guest',
    ])
    expect(read('loopback_users.guest = maybe').errors[0]).toContain('must be true or false')
  })

  test('are offered the mechanisms that are listed, in the order of their numbers', () => {
    const mechanisms = (text: string) => read(text).config?.authMechanisms
    expect(mechanisms('')).toEqual(['PLAIN', 'AMQPLAIN'])
    expect(mechanisms('auth_mechanisms.1 = AMQPLAIN')).toEqual(['AMQPLAIN'])
    expect(
      mechanisms('auth_mechanisms.10 = ANONYMOUS\nauth_mechanisms.2 = PLAIN\nauth_mechanisms.1 = EXTERNAL'),
    ).toEqual(['EXTERNAL', 'PLAIN', 'ANONYMOUS'])
    expect(mechanisms('auth_mechanisms = EXTERNAL, PLAIN')).toEqual(['EXTERNAL', 'PLAIN'])
    for (const wrong of ['RABBIT-CR-DEMO', 'plain', '']) {
      expect(read(`auth_mechanisms.1 = ${wrong}`).errors[0]).toContain('must be names separated by commas, of PLAIN')
    }
    expect(read('auth_mechanisms = PLAIN,PLAIN').errors[0]).toContain('must be')
  })

  test('may be known to several backends, with others for what they may do', () => {
    const backends = (text: string) => read(text).config?.authBackends
    const link = (authentication: string, ...authorization: string[]) => ({ authentication, authorization })
    expect(backends('')).toEqual([link('internal')])
    expect(backends('auth_backends.2 = rabbit_auth_backend_internal\nauth_backends.1 = oauth2')).toEqual([
      link('oauth2'),
      link('internal'),
    ])
    expect(backends('auth_backends.1.authn = http\nauth_backends.1.authz = internal')).toEqual([
      link('http', 'internal'),
    ])
    const both = 'auth_backends.1.authn = http\nauth_backends.1.authz.1 = internal\nauth_backends.1.authz.2 = http'
    expect(backends(both)).toEqual([link('http', 'internal', 'http')])
    expect(backends('auth_backends = cache, internal')).toEqual([link('cache'), link('internal')])
    const cache = 'auth_cache.cached_backend.authn = http\nauth_cache.cached_backend.authz = internal'
    expect(read(cache).config?.authCacheBackend).toEqual(link('http', 'internal'))
    for (const wrong of ['ldap', '', 'http:', 'internal;http'])
      expect(read(`auth_backends.1 = ${wrong}`).errors[0]).toContain('must be of internal, http, oauth2, cache')
  })

  test('may have tokens of several issuers', () => {
    const { config, errors } = read(
      [
        'auth_oauth2.resource_server_id = rabbit',
        'auth_oauth2.jwks_url = https://idp.example/keys',
        'auth_oauth2.signing_keys.one = /etc/one.pem',
        'auth_oauth2.signing_keys.two = /etc/two.pem',
        'auth_oauth2.preferred_username_claims.2 = email',
        'auth_oauth2.preferred_username_claims.1 = user_name',
        'auth_oauth2.algorithms.1 = ES256',
        'auth_oauth2.scope_aliases.admin = rabbit.tag:administrator rabbit.read:*/*',
        'auth_oauth2.oauth_providers.other.issuer = https://other.example',
        'auth_oauth2.https.peer_verification = verify_peer',
      ].join('\n'),
    )
    expect(errors).toEqual([])
    expect(config).toMatchObject({
      authOauth2ResourceServerId: 'rabbit',
      authOauth2JwksUri: 'https://idp.example/keys',
      authOauth2SigningKeys: new Map([
        ['one', '/etc/one.pem'],
        ['two', '/etc/two.pem'],
      ]),
      authOauth2PreferredUsernameClaims: ['user_name', 'email'],
      authOauth2Algorithms: ['ES256'],
      authOauth2ScopeAliases: new Map([['admin', 'rabbit.tag:administrator rabbit.read:*/*']]),
      authOauth2Providers: new Map([['other.issuer', 'https://other.example']]),
    })
    expect(read('auth_oauth2.algorithms.1 = HS256').errors[0]).toContain('must be')
    expect(read('auth_oauth2.oauth_providers.x.https.peer_verification = verify_none').errors[0]).toContain('must be')
  })

  test('have passwords that keep to the rule in force', () => {
    const rules = 'credential_validator.min_length = 12\ncredential_validator.regexp = ^[a-z]+$\n'
    const config = (backend: string) =>
      read(`${rules}credential_validator.validation_backend = rabbit_credential_validator_${backend}`).config
    expect(read(rules).config).toMatchObject({ passwordLengthMin: 12, passwordPattern: '^[a-z]+$' })
    expect(config('accept_everything')).toMatchObject({ passwordLengthMin: 1, passwordPattern: undefined })
    expect(config('min_password_length')).toMatchObject({ passwordLengthMin: 12, passwordPattern: undefined })
    expect(config('password_regexp')).toMatchObject({ passwordLengthMin: 1, passwordPattern: '^[a-z]+$' })
    expect(read('credential_validator.validation_backend = mine').errors[0]).toContain('must be one of')
    expect(read('password_hashing_module = rabbit_password_hashing_sha512').config?.passwordHashing).toBe('sha512')
    expect(read('password_hashing_module = rabbit_password_hashing_md5').errors[0]).toContain('must be one of')
  })
})

test('the default user has the tags that are set to true', () => {
  const text =
    'default_user_tags.monitoring = true\ndefault_user_tags.policymaker = true\ndefault_user_tags.administrator = false'
  expect(read(text).config?.defaultUserTags).toEqual(['monitoring', 'policymaker'])
  expect(read('default_user_tags.administrator = false').config?.defaultUserTags).toEqual([])
  expect(read('default_user_tags.administrator = yes').errors[0]).toContain('must be true or false')
  expect(read('').config?.defaultUserTags).toEqual(['administrator'])
})

test('the log goes to a file, too, or to a file alone', () => {
  const config = read('log.dir = /var/log\nlog.file = leveret.log\nlog.file.level = debug\nlog.console = false').config
  expect(config).toMatchObject({ logFile: '/var/log/leveret.log', logFileLevel: 'debug', logLevel: 'silent' })
  expect(read('log.file = /tmp/log').config).toMatchObject({
    logFile: '/tmp/log',
    logFileLevel: 'info',
    logLevel: 'info',
  })
  expect(read('log.file = false\nlog.console = true').config).toMatchObject({ logFile: undefined, logLevel: 'info' })
  expect(read('log.console = no').errors[0]).toContain('must be true or false')
  expect(read('log.file.rotation.date = $D0').warnings[0]).toContain('sends SIGHUP')
})

test('the default queue type has RabbitMQ’s names', () => {
  expect(read('default_queue_type = quorum').config?.defaultQueueType).toBe('quorum')
  expect(read('default_queue_type = rabbit_quorum_queue').config?.defaultQueueType).toBe('quorum')
  expect(read('default_queue_type = stream').errors[0]).toContain('must be one of classic, quorum')
})

describe('other keys', () => {
  test('are ignored with a warning that names the nearest known one', () => {
    expect(read('# one\nframemax = 4096')).toMatchObject({
      warnings: ['unknown key framemax in rabbitmq.conf, line 2 is ignored; did you mean frame_max?'],
      config: { frameMaxBytes: 131_072 },
    })
    expect(read('some_setting = one').warnings[0]).toBe('unknown key some_setting in rabbitmq.conf, line 1 is ignored')
    expect(read('vm_memory_high_watermark = 0.4').warnings[0]).toContain(
      'did you mean vm_memory_high_watermark.relative?',
    )
  })

  test.each([
    ['vm_memory_high_watermark_paging_ratio = 0.75', 'Leveret measures its memory in its own way'],
    ['mqtt.listeners.tcp.default = 1883', 'Leveret does not speak MQTT'],
    ['cluster_formation.peer_discovery_backend = k8s', 'Leveret is one node'],
    ['disk_free_limit.relative = 1.5', 'Leveret takes a size: disk_free_limit.absolute'],
  ])('of RabbitMQ’s that mean nothing here are told apart from typing mistakes: %s', (line, reason) => {
    const [warning] = read(line).warnings
    expect(warning).toContain(`in rabbitmq.conf, line 1 is ignored: ${reason}`)
    expect(warning).not.toContain('did you mean')
  })

  test.each([
    'auth_ldap.servers.1 = ldap.example',
    'auth_oauth2.https.peer_verification = verify_none',
    'auth_http.ssl_options.verify = verify_none',
    'auth_backends.1.authx = internal',
    'management.ssl.dhfile = dh.pem',
    'management.listener.ssl = true',
    'management.listener.ssl_opts.certfile = cert.pem',
    'management.disable_basic_auth = true',
    'prometheus.ssl.dhfile = dh.pem',
    'default_permissions.configure = ^own-',
  ])('%s is refused: the broker would be less safe than it says', (line) => {
    expect(read(line).errors[0]).toContain('is a security setting that Leveret does not support')
  })

  test('about security are fine when they ask for nothing special', () => {
    const text = 'listeners.ssl = none\nauth_backends.1 = internal\ndefault_permissions.read = .*'
    expect(read(text)).toMatchObject({ errors: [], warnings: [] })
  })
})
