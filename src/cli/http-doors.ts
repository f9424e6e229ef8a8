/** Opens the management API and the metrics, where the options say. */
import { AUTOMATIC } from '../../config/listener-options.ts'
import type { Config } from '../../config/options.ts'
import type { Logger } from '../lib/logger.ts'
import type { HttpAddress, ManagementOptions, MetricsOptions } from '../server/server-http.ts'

export interface HttpServer {
  listenManagement(options: ManagementOptions): Promise<HttpAddress>
  listenMetrics(options: MetricsOptions): Promise<HttpAddress>
}

const MANAGEMENT_PORT = 15_672
const METRICS_PORT = 15_692

/** Rejects with the system's error when it refuses a port that was chosen. Without one that was not, the broker goes on. */
export async function openHttpDoors(server: HttpServer, config: Config, logger: Logger): Promise<void> {
  const { managementPort, managementBind, managementPathPrefix, managementOrigins, metricsPort, metricsBind } = config
  await open('the management API', managementPort, MANAGEMENT_PORT, config, logger, (port) =>
    server.listenManagement({
      host: managementBind ?? config.bind,
      port,
      ...(managementPathPrefix === undefined ? {} : { pathPrefix: managementPathPrefix }),
      allowOrigins: managementOrigins,
    }),
  )
  await open('metrics', metricsPort, METRICS_PORT, config, logger, (port) =>
    server.listenMetrics({ host: metricsBind ?? config.bind, port }),
  )
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
