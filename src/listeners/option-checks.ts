/** Looks at what a program says of listeners, TLS and proxies. TypeError and RangeError name what is wrong. */
import { aBoolean, type Check, type Checks, notA, requireOptions, text, texts, wholeNumber } from '../lib/checks.ts'
import { Networks } from '../lib/networks.ts'
import { isOrigin } from '../lib/origins.ts'
import { type ListenOptions, PROTOCOLS } from './listen-options.ts'
import type { TlsHost, TlsOptions } from './tls-options.ts'

/** The paths of Unix sockets are this short on every system. */
const SOCKET_PATH_BYTES_MAX = 103
const LISTENERS_MAX = 100
const NAME_BYTES_MAX = 255
const HOUR_MS = 3_600_000
const VERSIONS: readonly unknown[] = ['tlsv1.2', 'tlsv1.3']

const aPath = text(1, 4096)
const aName = text(1, NAME_BYTES_MAX)

const LISTENER: Checks<ListenOptions> = {
  name: aName,
  protocol: oneOf(Object.keys(PROTOCOLS)),
  host: aName,
  port: wholeNumber(0, 65_535),
  path: text(1, SOCKET_PATH_BYTES_MAX),
  mode: wholeNumber(0, 0o777),
}

const HOST: Checks<TlsHost> = { name: aName, certFile: aPath, keyFile: aPath }

const TLS: Checks<TlsOptions> = {
  certFile: aPath,
  keyFile: aPath,
  password: text(1, 1024),
  caFile: aPath,
  verifyPeer: aBoolean,
  requireCertificate: aBoolean,
  depth: wholeNumber(0, 100),
  versions: (value, name) => {
    if (!Array.isArray(value) || value.length === 0 || value.some((one) => !VERSIONS.includes(one)))
      throw notA("an array of 'tlsv1.2' and 'tlsv1.3'", value, name)
  },
  ciphers: texts,
  honorCipherOrder: aBoolean,
  handshakeTimeoutMs: wholeNumber(100, HOUR_MS),
  hosts: (value, name) => {
    if (!Array.isArray(value)) throw notA('an array', value, name)
    for (const host of value) requireOptions('a host of TLS', host, HOST, ['name', 'certFile', 'keyFile'])
  },
}

export function checkListeners(listeners: unknown): asserts listeners is readonly ListenOptions[] {
  if (!Array.isArray(listeners)) throw notA('an array', listeners, 'what is given to withListeners')
  if (listeners.length > LISTENERS_MAX) throw new RangeError(`a server has at most ${LISTENERS_MAX} listeners`)
  const names = new Set<string>()
  for (const listener of listeners) {
    requireOptions('a listener', listener, LISTENER, ['protocol'])
    const { name, port, host, path, mode } = listener as ListenOptions // just checked
    if ((port === undefined) === (path === undefined)) throw new TypeError('a listener needs either a port or a path')
    if (path === undefined ? mode !== undefined : host !== undefined)
      throw new TypeError('a listener on a port has no mode, and one on a path has no host')
    if (path?.includes('\0')) throw new TypeError('the path of a listener must be the name of a file')
    if (name !== undefined && names.has(name)) throw new TypeError(`two listeners are called '${name}'`)
    if (name !== undefined) names.add(name)
  }
}

export function checkTls(tls: unknown): asserts tls is TlsOptions {
  requireOptions('withTls', tls, TLS, ['certFile', 'keyFile'])
  const { requireCertificate, verifyPeer, caFile } = tls as TlsOptions // just checked
  if (verifyPeer && caFile === undefined)
    throw new TypeError('verifyPeer needs caFile: who signs the certificates of clients')
  if (requireCertificate && !verifyPeer) throw new TypeError('requireCertificate needs verifyPeer')
}

/** Throws TypeError or RangeError. */
export function proxyNetworks(options: { readonly networks: readonly string[] }): Networks {
  requireOptions('withProxyProtocol', options, { networks: texts }, ['networks'])
  return new Networks(options.networks)
}

/** Throws TypeError or RangeError. */
export function webOrigins(options: { readonly origins: readonly string[] }): readonly string[] {
  requireOptions('withWebSocket', options, { origins: texts }, ['origins'])
  const wrong = options.origins.find((origin) => !isOrigin(origin))
  if (wrong !== undefined) throw new RangeError(`'${wrong}' is no origin: write https://app.example`)
  return options.origins
}

function oneOf(names: readonly string[]): Check {
  return (value, name) => {
    if (typeof value !== 'string' || !names.includes(value)) throw notA(`one of ${names.join(', ')}`, value, name)
  }
}
