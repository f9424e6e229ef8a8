/** The HTTP doors of a server: the management API and the metrics. Their code is loaded when one of them is opened. */
import type { HttpListener } from '../http/http-listener.ts'
import type { HttpContext } from '../http/start.ts'
import { type Check, type Checks, checkOptions, notA, text, texts, wholeNumber } from '../lib/checks.ts'

const MANAGEMENT_PORT = 15_672
const METRICS_PORT = 15_692

export interface MetricsOptions {
  /** IP address or host name to listen on. Default `127.0.0.1`. */
  readonly host?: string
  /** TCP port, 0 for a free one. Default 15692. */
  readonly port?: number
}

export interface ManagementOptions extends MetricsOptions {
  /** TCP port, 0 for a free one. Default 15672. */
  readonly port?: number
  /** What is in front of `/api` in every path: `/rabbitmq`. Default none. */
  readonly pathPrefix?: string
  /** Origins whose pages may use the API from a browser; `*` for all. Default none. */
  readonly allowOrigins?: readonly string[]
}

/** Where an HTTP door is open. */
export interface HttpAddress {
  readonly host: string
  /** The TCP port, never 0. */
  readonly port: number
  /** `http://127.0.0.1:15672`, with the path prefix. */
  readonly url: string
}

const aHost = text(1, 255)
const aPort = wholeNumber(0, 65_535)
const aPrefix: Check = (value, name) => {
  if (typeof value !== 'string' || !/^(?:\/[\w.~-]+)*$/.test(value))
    throw notA('empty, or a path such as /rabbitmq', value, name)
}
const METRICS: Checks<MetricsOptions> = { host: aHost, port: aPort }
const MANAGEMENT: Checks<ManagementOptions> = { host: aHost, port: aPort, pathPrefix: aPrefix, allowOrigins: texts }

export class ServerHttp {
  readonly #context: HttpContext
  readonly #requireRunning: () => void
  readonly #listeners: HttpListener[] = []

  /** Servers make it: see `Server.http`. */
  constructor(context: HttpContext, requireRunning: () => void) {
    this.#context = context
    this.#requireRunning = requireRunning
  }

  /** What is open. */
  get listeners(): { readonly protocol: string; readonly host: string; readonly port: number }[] {
    return this.#listeners.map(({ protocol, address }) => ({ protocol, ...address }))
  }

  /**
   * Opens the management API, RabbitMQ's HTTP API, once the server has started. Rejects with RangeError or TypeError for options that
   * make no sense, with the system's error when it refuses the port, with Error while the server is not running.
   */
  async listenManagement(options: ManagementOptions = {}): Promise<HttpAddress> {
    this.#requireRunning()
    checkOptions('listenManagement', options, MANAGEMENT)
    const { host = '127.0.0.1', port = MANAGEMENT_PORT, pathPrefix = '', allowOrigins = [] } = options
    const { startManagement } = await import('../http/start.ts')
    const listener = await startManagement(this.#context, { host, port, pathPrefix, allowOrigins })
    return this.#opened(listener, pathPrefix)
  }

  /** Opens the metrics for Prometheus, which ask for no log-in. Rejects like `listenManagement`. */
  async listenMetrics(options: MetricsOptions = {}): Promise<HttpAddress> {
    this.#requireRunning()
    checkOptions('listenMetrics', options, METRICS)
    const { host = '127.0.0.1', port = METRICS_PORT } = options
    const { startMetrics } = await import('../http/start.ts')
    return this.#opened(await startMetrics(this.#context, { host, port }), '/metrics')
  }

  /** It keeps the process running no longer. */
  unref(): void {
    for (const listener of this.#listeners) listener.unref()
  }

  /** For the end of the server. */
  async close(): Promise<void> {
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.close()))
  }

  #opened(listener: HttpListener, path: string): HttpAddress {
    this.#listeners.push(listener)
    const { host, port } = listener.address
    return { host, port, url: `http://${host.includes(':') ? `[${host}]` : host}:${port}${path}` }
  }
}
