/**
 * Opens the doors of the management API and of the metrics. Loaded when they are asked for: other servers do without HTTP. What
 * answers is loaded with the first request: a broker that gets none does without the twenty megabytes that it takes.
 */
import type { Logger } from '../lib/logger.ts'
import type { RareLines } from '../lib/rare-lines.ts'
import type { ControlParts } from './control-routes.ts'
import { type Encryption, type Fetch, HttpListener, type HttpProtocol } from './http-listener.ts'
import type { ManagedServer } from './managed-server.ts'

export interface HttpContext {
  readonly server: ManagedServer
  readonly logger: Logger
  readonly rareLines: RareLines
}

export interface MetricsSettings {
  readonly host: string
  readonly port: number
  readonly encryption: Encryption | undefined
  readonly hosts: readonly string[]
}

export interface ManagementSettings extends MetricsSettings {
  readonly pathPrefix: string
  readonly allowOrigins: readonly string[]
  /** In place of that of the server. */
  readonly effectiveConfig: (() => string) | undefined
}

/** Rejects with the system's error when it refuses the port. */
export async function startManagement(context: HttpContext, settings: ManagementSettings): Promise<HttpListener> {
  const { host, port, encryption, hosts, ...rest } = settings
  const protocol = encryption === undefined ? 'http' : 'https'
  const listener = listenerFor(protocol, context, { encryption, hosts }, async () => {
    const { ManagementApp } = await import('./management-app.ts')
    return new ManagementApp({ ...context, ...rest }).fetch
  })
  await listener.listen(host, port)
  context.server.statistics.start()
  return listener
}

/** Rejects like `startManagement`. */
export async function startMetrics(context: HttpContext, settings: MetricsSettings): Promise<HttpListener> {
  const { host, port, encryption, hosts } = settings
  const protocol = encryption === undefined ? 'http/prometheus' : 'https/prometheus'
  const listener = listenerFor(protocol, context, { encryption, hosts }, async () => {
    const { MetricsApp } = await import('./metrics/metrics-app.ts')
    return new MetricsApp(context).fetch
  })
  await listener.listen(host, port)
  context.server.statistics.start()
  return listener
}

export interface ControlSettings extends ControlParts {
  readonly path: string
  /** Calls what makes the file of the socket. */
  readonly within: (listen: () => void) => void
}

/** What is done over the control socket is done by this user, as over RabbitMQ's command line. */
const OPERATOR = { user: { name: 'rmq-cli', tags: ['administrator'] }, peerAddress: '127.0.0.1' } as const

/** Opens the control socket: who may open its file is let in. Rejects with the system's error when it refuses the path. */
export async function startControl(context: HttpContext, settings: ControlSettings): Promise<HttpListener> {
  const listener = listenerFor('http', context, { encryption: undefined, hosts: [] }, async () => {
    const [{ ManagementApp }, { controlRoutes }] = await Promise.all([
      import('./management-app.ts'),
      import('./control-routes.ts'),
    ])
    const routes = controlRoutes(settings)
    const { effectiveConfig } = settings.process
    const own = { pathPrefix: '', allowOrigins: [], trusted: OPERATOR, routes, effectiveConfig }
    return new ManagementApp({ ...context, ...own }).fetch
  })
  await listener.listenAt(settings.path, settings.within)
  return listener
}

function listenerFor(
  protocol: HttpProtocol,
  { logger }: HttpContext,
  door: Pick<MetricsSettings, 'encryption' | 'hosts'>,
  load: () => Promise<Fetch>,
): HttpListener {
  return new HttpListener({
    protocol,
    load,
    ...door,
    onFailure: (err) => logger.error({ err }, 'internal error while answering over HTTP'),
  })
}
