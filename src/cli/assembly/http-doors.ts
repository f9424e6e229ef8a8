/** Opens the management API and the metrics, where the options say. */
import { type HttpTls, httpTls } from '../../../config/http-tls.ts'
import { AUTOMATIC } from '../../../config/listener-options.ts'
import type { Config } from '../../../config/options.ts'
import type { Logger } from '../../lib/logger.ts'
import type { TlsOptions } from '../../listeners/tls-options.ts'
import type { HttpAddress, ManagementOptions, MetricsOptions } from '../../server/server-http.ts'

export interface HttpServer {
  listenManagement(options: ManagementOptions): Promise<HttpAddress>
  listenMetrics(options: MetricsOptions): Promise<HttpAddress>
}

const MANAGEMENT_PORT = 15_672
const MANAGEMENT_TLS_PORT = 15_671
const METRICS_PORT = 15_692
const METRICS_TLS_PORT = 15_691

/** Rejects with the system's error when it refuses a port that was chosen. Without one that was not, the broker goes on. */
export async function openHttpDoors(
  server: HttpServer,
  config: Config,
  effectiveConfig: () => string,
  logger: Logger,
): Promise<void> {
  const { managementBind = config.bind, metricsBind = config.bind } = config
  const { managementPathPrefix, managementOrigins: allowOrigins, httpHosts: hosts } = config
  const [managementTls, metricsTls] = [httpTls(config, 'management'), httpTls(config, 'metrics')]
  const common = {
    allowOrigins,
    hosts,
    effectiveConfig,
    ...(managementPathPrefix === undefined ? {} : { pathPrefix: managementPathPrefix }),
  }
  await open(
    'the management API',
    plainPort(config.managementPort, managementTls.port),
    MANAGEMENT_PORT,
    config,
    logger,
    (port) => server.listenManagement({ host: managementBind, port, ...common }),
  )
  await open('the management API', managementTls.port, MANAGEMENT_TLS_PORT, config, logger, (port) =>
    server.listenManagement({
      host: managementTls.bind ?? managementBind,
      port,
      tls: tlsOf(config, managementTls),
      ...common,
    }),
  )
  await open('metrics', plainPort(config.metricsPort, metricsTls.port), METRICS_PORT, config, logger, (port) =>
    server.listenMetrics({ host: metricsBind, port, hosts }),
  )
  await open('metrics', metricsTls.port, METRICS_TLS_PORT, config, logger, (port) =>
    server.listenMetrics({ host: metricsTls.bind ?? metricsBind, port, hosts, tls: tlsOf(config, metricsTls) }),
  )
}

/** RabbitMQ: with a port for TLS, there is none without, unless it is asked for. */
function plainPort(asked: number | 'none' | typeof AUTOMATIC, tlsPort: number | 'none') {
  return tlsPort !== 'none' && asked === AUTOMATIC ? 'none' : asked
}

/** With a certificate of its own, or that of the listeners. */
function tlsOf(config: Config, door: HttpTls): TlsOptions | 'as listeners' {
  const asked = {
    caFile: door.ca,
    verifyPeer: door.verify === 'verify_peer',
    requireCertificate: door.failIfNoPeerCert,
    versions: door.versions,
    ciphers: door.ciphers.length === 0 ? undefined : door.ciphers,
  }
  if (door.cert && door.key) return { certFile: door.cert, keyFile: door.key, password: door.password, ...asked }
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
