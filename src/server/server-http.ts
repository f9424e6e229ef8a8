/** The HTTP doors of a server: the management API and the metrics. Their code is loaded when one of them is opened. */
import type { ControlledProcess } from '../http/control-routes.ts'
import type { HttpListener } from '../http/http-listener.ts'
import type { HttpContext } from '../http/start.ts'
import { aFunction, type Check, type Checks, checkOptions, notA, text, texts, wholeNumber } from '../lib/checks.ts'
import type { DatedCertificate } from '../listeners/certificate-dates.ts'
import { checkTls } from '../listeners/option-checks.ts'
import type { TlsOptions } from '../listeners/tls-options.ts'
import { ControlSocket } from './control-socket.ts'
import { HttpTls, type HttpTlsContext } from './http-tls.ts'

const MANAGEMENT_PORT = 15_672
const METRICS_PORT = 15_692

export interface MetricsOptions {
  /** IP address or host name to listen on. Default `127.0.0.1`. */
  readonly host?: string
  /** TCP port, 0 for a free one. Default 15692. */
  readonly port?: number
  /** HTTPS: with a certificate of its own, or with that of the server's secure listeners. Default none: HTTP. */
  readonly tls?: TlsOptions | 'as listeners'
  /** Names of hosts, without ports, that it answers to, besides addresses and `localhost`: against DNS rebinding. Default: all. */
  readonly hosts?: readonly string[]
}

export interface ManagementOptions extends MetricsOptions {
  /** TCP port, 0 for a free one. Default 15672. */
  readonly port?: number
  /** What is in front of `/api` in every path: `/rabbitmq`. Default none. */
  readonly pathPrefix?: string
  /** Origins whose pages may use the API from a browser; `*` for all. Default none. */
  readonly allowOrigins?: readonly string[]
  /**
   * What `GET /api/config/effective` tells administrators, for a program that has more options than the server, as a config file has
   * them and without secrets. Default: `Server.effectiveConfig`.
   */
  readonly effectiveConfig?: () => string
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
const aProcess: Check = (value, name) => {
  if (typeof value !== 'object' || value === null) throw notA('an object', value, name)
}
const CONTROL: Checks<ControlOptions> = { path: text(1, 4096), process: aProcess }
const METRICS: Checks<MetricsOptions> = {
  host: aHost,
  port: aPort,
  tls: (value) => {
    if (value !== 'as listeners') checkTls(value)
  },
  hosts: texts,
}
const MANAGEMENT: Checks<ManagementOptions> = {
  ...METRICS,
  pathPrefix: aPrefix,
  allowOrigins: texts,
  effectiveConfig: aFunction,
}

export interface ControlOptions {
  /** Where its file is: in a folder that no other user may write to. */
  readonly path: string
  /** What it is asked of the process. */
  readonly process: ControlledProcess
}

export class ServerHttp {
  readonly #context: HttpContext
  readonly #requireRunning: () => void
  readonly #tlsContext: HttpTlsContext
  readonly #backup: () => Promise<AsyncIterable<Uint8Array>>
  readonly #listeners: HttpListener[] = []
  readonly #tls: HttpTls[] = []
  #control: ControlSocket | undefined

  /** Servers make it: see `Server.http`. */
  constructor(
    context: HttpContext,
    tls: HttpTlsContext,
    backup: () => Promise<AsyncIterable<Uint8Array>>,
    requireRunning: () => void,
  ) {
    this.#context = context
    this.#tlsContext = tls
    this.#backup = backup
    this.#requireRunning = requireRunning
  }

  /** What is open. */
  get listeners(): { readonly protocol: string; readonly host: string; readonly port: number }[] {
    return this.#listeners.map(({ protocol, address }) => ({ protocol, ...address }))
  }

  /**
   * Opens the management API, RabbitMQ's HTTP API, once the server has started. Rejects with RangeError or TypeError for options that
   * make no sense, with the system's error when it refuses the port, with Error for TLS files that cannot be used and while the server
   * is not running.
   */
  async listenManagement(options: ManagementOptions = {}): Promise<HttpAddress> {
    this.#requireRunning()
    checkOptions('listenManagement', options, MANAGEMENT)
    const { host = '127.0.0.1', port = MANAGEMENT_PORT, pathPrefix = '', allowOrigins = [], hosts = [], tls } = options
    const { effectiveConfig } = options
    const { startManagement } = await import('../http/start.ts')
    const listener = await this.#encrypted(tls, (encryption) =>
      startManagement(this.#context, { host, port, pathPrefix, allowOrigins, hosts, encryption, effectiveConfig }),
    )
    return this.#opened(listener, pathPrefix)
  }

  /** Opens the metrics for Prometheus, which ask for no log-in. Rejects like `listenManagement`. */
  async listenMetrics(options: MetricsOptions = {}): Promise<HttpAddress> {
    this.#requireRunning()
    checkOptions('listenMetrics', options, METRICS)
    const { host = '127.0.0.1', port = METRICS_PORT, hosts = [], tls } = options
    const { startMetrics } = await import('../http/start.ts')
    const listener = await this.#encrypted(tls, (encryption) =>
      startMetrics(this.#context, { host, port, hosts, encryption }),
    )
    return this.#opened(listener, '/metrics')
  }

  /** Those of HTTPS. */
  get certificates(): DatedCertificate[] {
    return this.#tls.flatMap(({ certificates }) => certificates)
  }

  /** What an operator has to know of them. */
  get warnings(): string[] {
    return this.#tls.flatMap(({ warnings }) => warnings)
  }

  /** Has the TLS files read again; the log says what came of it. */
  reloadTls(): void {
    for (const tls of this.#tls) tls.reload()
  }

  /**
   * Opens the control socket, which `leveret ctl` speaks to: the management API for the user of the system that this process has, who
   * needs no password and may do everything. Rejects like `listenManagement`, and when it is open already.
   */
  async listenControl(options: ControlOptions): Promise<void> {
    this.#requireRunning()
    checkOptions('listenControl', options, CONTROL)
    if (this.#control !== undefined) throw new Error('the control socket is open already')
    this.#control = await ControlSocket.open(this.#context, options.path, {
      process: options.process,
      backup: this.#backup,
    })
  }

  /** It keeps the process running no longer. */
  unref(): void {
    this.#control?.unref()
    for (const listener of this.#listeners) listener.unref()
  }

  /** For the end of the server. */
  async close(): Promise<void> {
    const control = this.#control
    this.#control = undefined
    await Promise.all([control?.close(), ...this.#listeners.splice(0).map((listener) => listener.close())])
  }

  async #encrypted(
    asked: TlsOptions | 'as listeners' | undefined,
    start: (encryption: HttpTls | undefined) => Promise<HttpListener>,
  ): Promise<HttpListener> {
    if (asked === undefined) return await start(undefined)
    const encryption = new HttpTls(asked, this.#tlsContext)
    const listener = await start(encryption).catch((error: unknown) => {
      encryption.close()
      throw error
    })
    this.#tls.push(encryption)
    return listener
  }

  #opened(listener: HttpListener, path: string): HttpAddress {
    this.#listeners.push(listener)
    const { host, port } = listener.address
    const scheme = listener.protocol.startsWith('https') ? 'https' : 'http'
    return { host, port, url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path}` }
  }
}
