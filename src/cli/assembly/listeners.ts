/** Where the options say that the broker listens, and what they say of TLS and of proxies. */
import { AUTOMATIC } from '../../../config/listener-options.ts'
import type { Config } from '../../../config/options.ts'
import type { ListenOptions, ListenProtocol } from '../../listeners/listen-options.ts'
import type { TlsOptions } from '../../listeners/tls-options.ts'
import type { ServerBuilder } from '../../server/server-builder.ts'

const AMQPS_PORT = 5671

type Place = Config['tcpListeners'][number]

export function listenersOf(config: Config): ListenOptions[] {
  const { bind, port, tcpListeners, tlsListeners, unixSocket, unixSocketMode, tlsCert } = config
  const tlsPort = config.tlsPort === AUTOMATIC ? (tlsCert === undefined ? 'none' : AMQPS_PORT) : config.tlsPort
  const on = (protocol: ListenProtocol, places: readonly Place[]): ListenOptions[] =>
    places.map((place) => ({ protocol, host: place.host ?? bind, port: place.port }))
  const at = (chosen: number | 'none'): Place[] => (chosen === 'none' ? [] : [{ host: undefined, port: chosen }])
  return [
    ...on('amqp', [...at(port), ...tcpListeners]),
    ...(unixSocket === undefined ? [] : [{ protocol: 'amqp', path: unixSocket, mode: unixSocketMode } as const]),
    ...on('amqps', [...at(tlsPort), ...tlsListeners]),
    ...on('ws', at(config.wsPort)),
    ...on('wss', at(config.wssPort)),
  ]
}

export function withListeners(builder: ServerBuilder, config: Config): void {
  builder.withListeners(listenersOf(config))
  const tls = tlsOf(config)
  if (tls !== undefined) builder.withTls(tls)
  builder.withWebSocket({ origins: config.wsOrigins })
  if (config.proxyProtocol) builder.withProxyProtocol({ networks: config.proxyNetworks })
}

function tlsOf(config: Config): TlsOptions | undefined {
  const { tlsCert, tlsKey } = config
  if (tlsCert === undefined || tlsKey === undefined) return undefined
  return {
    certFile: tlsCert,
    keyFile: tlsKey,
    password: config.tlsPassword,
    caFile: config.tlsCa,
    verifyPeer: config.tlsVerify === 'verify_peer',
    requireCertificate: config.tlsFailIfNoPeerCert,
    depth: config.tlsDepth,
    versions: config.tlsVersions,
    ciphers: config.tlsCiphers.length === 0 ? undefined : config.tlsCiphers,
    honorCipherOrder: config.tlsHonorCipherOrder,
    handshakeTimeoutMs: config.tlsHandshakeTimeoutMs,
    hosts: config.tlsHosts,
  }
}
