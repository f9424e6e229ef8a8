// The rows about where the broker listens, and about TLS.

import {
  addressList,
  cipherList,
  fileMode,
  type ListenPlace,
  networkList,
  noneOr,
  originList,
  type TlsHostFiles,
  tlsHostList,
} from './listener-parsers.ts'
import { NUMBER_SETTINGS } from './number-settings.ts'
import { numberOption, option } from './option-row.ts'
import { boolean, choice, choices, hostAddress, integer, type Parser, text } from './parsers.ts'

/** The port of TLS when none was chosen: it depends on whether there is a certificate. */
export const AUTOMATIC = 'automatic'

const { port } = NUMBER_SETTINGS
const aPort = noneOr(integer(port.min, port.max))
const aPath = text(4096)

export const LISTENER_OPTIONS = {
  bind: option('127.0.0.1', hostAddress(), 'address to listen on; 0.0.0.0 or :: for every interface', {
    group: 'Network',
    environment: ['RABBITMQ_NODE_IP_ADDRESS'],
  }),
  port: option<number | 'none'>(port.default, aPort, 'TCP port for AMQP; 0 takes a free one and logs it', {
    group: 'Network',
    environment: ['RABBITMQ_NODE_PORT'],
    fileKeys: ['listeners.tcp.default'],
  }),
  tcpListeners: option<readonly ListenPlace[]>([], addressList(), 'further addresses to listen on for AMQP', {
    group: 'Network',
    defaultText: 'none',
  }),
  unixSocket: option<string | undefined>(undefined, text(103), 'Unix socket to listen on for AMQP', {
    group: 'Network',
    defaultText: 'none',
  }),
  unixSocketMode: option(0o660, fileMode(), 'permissions of the Unix socket: who may connect', {
    group: 'Network',
    defaultText: '660',
  }),
  wsPort: option<number | 'none'>(
    'none',
    aPort,
    'port for AMQP over WebSockets on the address of --bind, such as 15678',
    {
      group: 'Network',
      fileKeys: ['web_amqp.tcp.port'],
    },
  ),
  wsOrigins: option<readonly string[]>([], originList(), 'origins of web pages that may connect by WebSocket', {
    group: 'Network',
    defaultText: 'none',
  }),
  proxyProtocol: option(false, boolean(), 'clients come through proxies, which say in a PROXY header who they are', {
    group: 'Network',
    isSwitch: true,
  }),
  proxyNetworks: option<readonly string[]>(
    [],
    networkList(),
    'where the proxies are: what comes from there has to begin with a PROXY header, and no other header is read',
    { group: 'Network', defaultText: 'none' },
  ),
} as const

export const TLS_OPTIONS = {
  tlsPort: option<number | 'none' | typeof AUTOMATIC>(
    AUTOMATIC,
    automaticOr(aPort),
    'port for AMQP over TLS on the address of --bind; automatic: 5671 once there is a --tls-cert',
    { group: 'TLS', fileKeys: ['listeners.ssl.default'] },
  ),
  tlsListeners: option<readonly ListenPlace[]>([], addressList(), 'further addresses to listen on for AMQP over TLS', {
    group: 'TLS',
    defaultText: 'none',
  }),
  wssPort: option<number | 'none'>(
    'none',
    aPort,
    'port for AMQP over WebSockets with TLS on the address of --bind, such as 15677',
    { group: 'TLS', fileKeys: ['web_amqp.ssl.port'] },
  ),
  tlsCert: option<string | undefined>(undefined, aPath, 'file with the certificate, in PEM', {
    group: 'TLS',
    defaultText: 'none',
    fileKeys: ['ssl_options.certfile'],
  }),
  tlsKey: option<string | undefined>(undefined, aPath, 'file with its private key, in PEM', {
    group: 'TLS',
    defaultText: 'none',
    fileKeys: ['ssl_options.keyfile'],
  }),
  tlsPassword: option<string | undefined>(undefined, text(1024), 'password of the private keys', {
    group: 'TLS',
    defaultText: 'none',
    fileKeys: ['ssl_options.password'],
    isSecret: true,
  }),
  tlsHosts: option<readonly TlsHostFiles[]>(
    [],
    tlsHostList(),
    'certificates of further host names, for clients that ask for one of them (SNI)',
    {
      group: 'TLS',
      defaultText: 'none',
    },
  ),
  tlsCa: option<string | undefined>(undefined, aPath, 'file with the authorities that sign certificates of clients', {
    group: 'TLS',
    defaultText: 'none',
    fileKeys: ['ssl_options.cacertfile'],
  }),
  tlsVerify: option<'verify_none' | 'verify_peer'>(
    'verify_none',
    choice({ verify_none: 'verify_none', verify_peer: 'verify_peer' }, 'one of verify_none, verify_peer'),
    'whether clients are asked for a certificate, which one of the authorities has to have signed',
    { group: 'TLS', fileKeys: ['ssl_options.verify'] },
  ),
  tlsFailIfNoPeerCert: option(false, boolean(), 'refuse clients that show no certificate', {
    group: 'TLS',
    fileKeys: ['ssl_options.fail_if_no_peer_cert'],
    isSwitch: true,
  }),
  tlsDepth: option(10, integer(0, 100), "certificates that may stand between a client's and its authority", {
    group: 'TLS',
    fileKeys: ['ssl_options.depth'],
  }),
  tlsVersions: option<readonly ('tlsv1.2' | 'tlsv1.3')[]>(
    ['tlsv1.2', 'tlsv1.3'],
    choices(['tlsv1.2', 'tlsv1.3']),
    'versions of TLS that are spoken',
    { group: 'TLS', defaultText: 'tlsv1.2,tlsv1.3' },
  ),
  tlsCiphers: option<readonly string[]>(
    [],
    cipherList(),
    'ciphers by the names of OpenSSL, best first; default: those of Node.js, AES with 128 bits first',
    {
      group: 'TLS',
      defaultText: 'default',
    },
  ),
  tlsHonorCipherOrder: option(true, boolean(), "the broker's order of ciphers counts, not the client's", {
    group: 'TLS',
    fileKeys: ['ssl_options.honor_cipher_order'],
    isSwitch: true,
  }),
  tlsHandshakeTimeoutMs: numberOption(
    NUMBER_SETTINGS.tlsHandshakeTimeoutMs,
    'time for a TLS handshake, and for the header of a proxy, in milliseconds',
    { group: 'TLS', fileKeys: ['ssl_handshake_timeout'] },
  ),
} as const

export function automaticOr<T>(parser: Parser<T>): Parser<T | typeof AUTOMATIC> {
  return {
    allowed: `${parser.allowed}, or '${AUTOMATIC}'`,
    parse: (value) => (value === AUTOMATIC ? AUTOMATIC : parser.parse(value)),
    print: (value) => (value === AUTOMATIC ? AUTOMATIC : parser.print(value as T)),
  }
}
