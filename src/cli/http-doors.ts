/** Opens the management API and the metrics, where the options say. */
import { AUTOMATIC } from '../../config/listener-options.ts'
import type { Config } from '../../config/options.ts'
import type { Logger } from '../lib/logger.ts'
import type { TlsOptions } from '../listeners/tls-options.ts'
import type { HttpAddress, ManagementOptions, MetricsOptions } from '../server/server-http.ts'

export interface HttpServer {
  listenManagement(options: ManagementOptions): Promise<HttpAddress>
  listenMetrics(options: MetricsOptions): Promise<HttpAddress>
}

const MANAGEMENT_PORT = 15_672
const MANAGEMENT_TLS_PORT = 15_671
const METRICS_PORT = 15_692

/** Rejects with the system's error when it refuses a port that was chosen. Without one that was not, the broker goes on. */
export async function openHttpDoors(server: HttpServer, config: Config, logger: Logger): Promise<void> {
  const { managementPort, managementBind = config.bind, managementTlsPort, metricsPort, metricsBind } = config
  const { managementPathPrefix, managementOrigins: allowOrigins } = config
  const common = { allowOrigins, ...(managementPathPrefix === undefined ? {} : { pathPrefix: managementPathPrefix }) }
  // RabbitMQ: with a port for TLS, there is none without, unless it is asked for.
  const plainPort = managementTlsPort !== 'none' && managementPort === AUTOMATIC ? 'none' : managementPort
  await open('the management API', plainPort, MANAGEMENT_PORT, config, logger, (port) =>
    server.listenManagement({ host: managementBind, port, ...common }),
  )
  await open('the management API', managementTlsPort, MANAGEMENT_TLS_PORT, config, logger, (port) =>
    server.listenManagement({
      host: config.managementTlsBind ?? managementBind,
      port,
      tls: managementTls(config),
      ...common,
    }),
  )
  await open('metrics', metricsPort, METRICS_PORT, config, logger, (port) =>
    server.listenMetrics({ host: metricsBind ?? config.bind, port }),
  )
}

function managementTls(config: Config): TlsOptions | 'as listeners' {
  const { managementTlsCert: certFile, managementTlsKey: keyFile, managementTlsCiphers: ciphers } = config
  const own = certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile }
  const asked = {
    caFile: config.managementTlsCa,
    verifyPeer: config.managementTlsVerify === 'verify_peer',
    requireCertificate: config.managementTlsFailIfNoPeerCert,
    versions: config.managementTlsVersions,
    ciphers: ciphers.length === 0 ? undefined : ciphers,
  }
  if (own !== undefined) return { ...own, ...asked, password: config.managementTlsPassword }
  const { tlsCert, tlsKey, tlsPassword: password, tlsHosts: hosts } = config
  if (tlsCert === undefined || tlsKey === undefined) return 'as listeners'
  return { certFile: tlsCert, keyFile: tlsKey, password, hosts, ...asked }
}

async function open(
  what: string,
  asked: number | 'none' | typeof AUTOMATIC,
  usual: number,
  { port: amqpPort }: Config,
  logger: Logger,
  listen: (port: number) => Promise<HttpAddress>,
): Promise<void> {
  if (asked === 'none') return
  const isChosen = asked !== AUTOMATIC
  const port = isChosen ? asked : amqpPort === 0 ? 0 : usual
  try {
    const { url } = await listen(port)
    logger.info({ url }, `${what}: listening`)
  } catch (error) {
    if (isChosen) throw error
    logger.warn({ err: error, port }, `${what}: not there, since the system refuses the usual port; choose another one`)
  }
}
