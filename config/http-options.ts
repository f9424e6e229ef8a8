// The rows about the management API and the metrics.
import { secureDoorOptions } from './http-tls-options.ts'
import { AUTOMATIC, automaticOr } from './listener-options.ts'
import { noneOr } from './listener-parsers.ts'
import { NUMBER_SETTINGS } from './number-settings.ts'
import { option } from './option-row.ts'
import { asItIs, hostAddress, hostNames, integer, nameList, type Parser } from './parsers.ts'

const { port } = NUMBER_SETTINGS
const aChosenPort = noneOr(integer(port.min, port.max))
const aPort = automaticOr(aChosenPort)

const aPathPrefix: Parser<string> = {
  allowed: 'a path such as /rabbitmq',
  parse: (text) => (/^(?:\/[\w.~-]+)+$/.test(text) && text.length <= 255 ? text : undefined),
  print: asItIs,
}

const managementTls = secureDoorOptions({
  what: 'the management API',
  fileKey: 'management.ssl',
  usualPort: 15_671,
  aPort: aChosenPort,
  bindFlag: '--management-bind',
  beside: ', beside a password or a token',
})

const metricsTls = secureDoorOptions({
  what: 'the metrics',
  fileKey: 'prometheus.ssl',
  usualPort: 15_691,
  aPort: aChosenPort,
  bindFlag: '--metrics-bind',
  beside: '; nothing else asks who they are',
})

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
  httpHosts: option<readonly string[]>(
    [],
    hostNames(),
    'names of hosts that HTTP answers to, besides addresses and localhost; none for any name',
    { group: 'HTTP', defaultText: 'none' },
  ),
  managementTlsPort: managementTls.port,
  managementTlsBind: managementTls.bind,
  managementTlsCert: managementTls.cert,
  managementTlsKey: managementTls.key,
  managementTlsPassword: managementTls.password,
  managementTlsCa: managementTls.ca,
  managementTlsVerify: managementTls.verify,
  managementTlsFailIfNoPeerCert: managementTls.failIfNoPeerCert,
  managementTlsVersions: managementTls.versions,
  managementTlsCiphers: managementTls.ciphers,
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
  metricsTlsPort: metricsTls.port,
  metricsTlsBind: metricsTls.bind,
  metricsTlsCert: metricsTls.cert,
  metricsTlsKey: metricsTls.key,
  metricsTlsPassword: metricsTls.password,
  metricsTlsCa: metricsTls.ca,
  metricsTlsVerify: metricsTls.verify,
  metricsTlsFailIfNoPeerCert: metricsTls.failIfNoPeerCert,
  metricsTlsVersions: metricsTls.versions,
  metricsTlsCiphers: metricsTls.ciphers,
} as const
