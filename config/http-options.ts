// The rows about the management API and the metrics.
import { AUTOMATIC, automaticOr } from './listener-options.ts'
import { cipherList, noneOr } from './listener-parsers.ts'
import { NUMBER_SETTINGS } from './number-settings.ts'
import { option } from './option-row.ts'
import { boolean, choice, choices, hostAddress, integer, nameList, type Parser, text } from './parsers.ts'

const { port } = NUMBER_SETTINGS
const aChosenPort = noneOr(integer(port.min, port.max))
const aPort = automaticOr(aChosenPort)
const aPath = text(4096)

const aPathPrefix: Parser<string> = {
  allowed: 'a path such as /rabbitmq',
  parse: (text) => (/^(?:\/[\w.~-]+)+$/.test(text) && text.length <= 255 ? text : undefined),
}

export const HTTP_OPTIONS = {
  managementPort: option<number | 'none' | typeof AUTOMATIC>(
    AUTOMATIC,
    aPort,
    'TCP port of the management API; automatic: 15672 if it is free, and a free one with --port 0',
    { group: 'HTTP', fileKeys: ['management.tcp.port'] },
  ),
  managementBind: option<string | undefined>(undefined, hostAddress(), 'address that the management API listens on', {
    group: 'HTTP',
    fileKeys: ['management.tcp.ip'],
    defaultText: 'that of --bind',
  }),
  managementPathPrefix: option<string | undefined>(undefined, aPathPrefix, 'what is in front of /api in every path', {
    group: 'HTTP',
    fileKeys: ['management.path_prefix'],
    defaultText: 'none',
  }),
  managementOrigins: option<readonly string[]>(
    [],
    nameList(),
    'origins whose pages may use the management API from a browser; * for all',
    { group: 'HTTP', defaultText: 'none' },
  ),
  managementTlsPort: option<number | 'none'>(
    'none',
    aChosenPort,
    'TCP port of the management API over TLS, such as 15671; the one without is there only if it is chosen, too',
    { group: 'HTTP', fileKeys: ['management.ssl.port'] },
  ),
  managementTlsBind: option<string | undefined>(undefined, hostAddress(), 'address that it listens on', {
    group: 'HTTP',
    fileKeys: ['management.ssl.ip'],
    defaultText: 'that of --management-bind',
  }),
  managementTlsCert: option<string | undefined>(undefined, aPath, 'file with its certificate, in PEM', {
    group: 'HTTP',
    fileKeys: ['management.ssl.certfile'],
    defaultText: 'that of --tls-cert',
  }),
  managementTlsKey: option<string | undefined>(undefined, aPath, 'file with the private key of that certificate', {
    group: 'HTTP',
    fileKeys: ['management.ssl.keyfile'],
    defaultText: 'none',
  }),
  managementTlsPassword: option<string | undefined>(undefined, text(1024), 'password of that private key', {
    group: 'HTTP',
    fileKeys: ['management.ssl.password'],
    defaultText: 'none',
    isSecret: true,
  }),
  managementTlsCa: option<string | undefined>(
    undefined,
    aPath,
    'file with the authorities that sign certificates of clients of the management API',
    { group: 'HTTP', fileKeys: ['management.ssl.cacertfile'], defaultText: 'none' },
  ),
  managementTlsVerify: option<'verify_none' | 'verify_peer'>(
    'verify_none',
    choice({ verify_none: 'verify_none', verify_peer: 'verify_peer' }, 'one of verify_none, verify_peer'),
    'whether they are asked for a certificate, beside a password or a token',
    { group: 'HTTP', fileKeys: ['management.ssl.verify'] },
  ),
  managementTlsFailIfNoPeerCert: option(false, boolean(), 'refuse those that show none', {
    group: 'HTTP',
    fileKeys: ['management.ssl.fail_if_no_peer_cert'],
    isSwitch: true,
  }),
  managementTlsVersions: option<readonly ('tlsv1.2' | 'tlsv1.3')[]>(
    ['tlsv1.2', 'tlsv1.3'],
    choices(['tlsv1.2', 'tlsv1.3']),
    'versions of TLS that the management API speaks',
    { group: 'HTTP', defaultText: 'tlsv1.2,tlsv1.3' },
  ),
  managementTlsCiphers: option<readonly string[]>([], cipherList(), 'its ciphers, as with --tls-ciphers', {
    group: 'HTTP',
    defaultText: 'default',
  }),
  metricsPort: option<number | 'none' | typeof AUTOMATIC>(
    AUTOMATIC,
    aPort,
    'TCP port of the metrics, which ask for no log-in; automatic: 15692 if it is free, and a free one with --port 0',
    { group: 'HTTP', fileKeys: ['prometheus.tcp.port'] },
  ),
  metricsBind: option<string | undefined>(undefined, hostAddress(), 'address that the metrics listen on', {
    group: 'HTTP',
    fileKeys: ['prometheus.tcp.ip'],
    defaultText: 'that of --bind',
  }),
} as const
