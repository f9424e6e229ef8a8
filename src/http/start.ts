/** Opens the doors of the management API and of the metrics. Loaded when they are asked for: other servers do without HTTP. */
import type { Logger } from '../lib/logger.ts'
import type { RareLines } from '../lib/rare-lines.ts'
import { HttpListener } from './http-listener.ts'
import type { ManagedServer } from './managed-server.ts'
import { ManagementApp } from './management-app.ts'
import { MetricsApp } from './metrics/metrics-app.ts'

export interface HttpContext {
  readonly server: ManagedServer
  readonly logger: Logger
  readonly rareLines: RareLines
}

export interface ManagementSettings {
  readonly host: string
  readonly port: number
  readonly pathPrefix: string
  readonly allowOrigins: readonly string[]
}

/** Rejects with the system's error when it refuses the port. */
export async function startManagement(context: HttpContext, settings: ManagementSettings): Promise<HttpListener> {
  const app = new ManagementApp({ ...context, pathPrefix: settings.pathPrefix, allowOrigins: settings.allowOrigins })
  const listener = listenerFor('http', app.fetch, context)
  await listener.listen(settings.host, settings.port)
  context.server.statistics.start()
  return listener
}

/** Rejects like `startManagement`. */
export async function startMetrics(
  context: HttpContext,
  settings: { readonly host: string; readonly port: number },
): Promise<HttpListener> {
  const app = new MetricsApp(context)
  const listener = listenerFor('http/prometheus', app.fetch, context)
  await listener.listen(settings.host, settings.port)
  return listener
}

function listenerFor(
  protocol: HttpListener['protocol'],
  fetch: (request: Request, bindings: unknown) => Promise<Response>,
  { logger }: HttpContext,
): HttpListener {
  return new HttpListener({
    protocol,
    fetch,
    onFailure: (err) => logger.error({ err }, 'internal error while answering over HTTP'),
  })
}
