import { MemoryStorage } from '../../storage/memory/memory-storage.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import type { Authorizer } from '../broker/authorizer.ts'
import { aFunction, type Checks, checkOptionNames, checkOptions, withMethods } from '../lib/checks.ts'
import { type Logger, silentLogger } from '../lib/logger.ts'
import type { Networks } from '../lib/networks.ts'
import { processMemoryBytes } from '../lib/process-memory.ts'
import { type ListenOptions, PROTOCOLS } from '../listeners/listen-options.ts'
import { checkListeners, checkTls, proxyNetworks, webOrigins } from '../listeners/option-checks.ts'
import type { TlsOptions } from '../listeners/tls-options.ts'
import { CONFIG_CHECKS } from './config-checks.ts'
import { Server } from './server.ts'
import { DEFAULT_SERVER_CONFIG, MEMORY_LIMIT_SHARE, type ServerConfig } from './server-config.ts'
import type { ServerHooks } from './server-hooks.ts'

/** Puts a server together: say what differs from the defaults, then `build()`. */
export class ServerBuilder {
  #config: Partial<ServerConfig> = {}
  #storage: Storage | undefined
  #logger: Logger = silentLogger
  #authenticator: Authenticator | undefined
  #authorizer: Authorizer | undefined
  #hooks: ServerHooks = {}
  #listeners: readonly ListenOptions[] | undefined
  #tls: TlsOptions | undefined
  #proxies: Networks | undefined
  #origins: readonly string[] = []

  /** Adds to what was configured before. Throws TypeError, with the nearest name, for a setting that there is not. */
  withConfig(config: Partial<ServerConfig>): this {
    checkOptionNames('withConfig', config, CONFIG_CHECKS)
    this.#config = { ...this.#config, ...config }
    return this
  }

  /** The IP address to listen on. Default 127.0.0.1. */
  withAddress(bind: string): this {
    return this.withConfig({ bind })
  }

  /** The TCP port to listen on, 0 for a free one. Default 5672. */
  withPort(port: number): this {
    return this.withConfig({ port })
  }

  /**
   * Where `listen` listens, in place of the one address and port: ports with and without TLS, and Unix sockets. Throws TypeError
   * or RangeError, naming the field.
   */
  withListeners(listeners: readonly ListenOptions[]): this {
    checkListeners(listeners)
    this.#listeners = listeners.map((listener) => ({ ...listener }))
    return this
  }

  /** The certificate of the listeners that use TLS, and what they ask of clients. Throws TypeError or RangeError. */
  withTls(tls: TlsOptions): this {
    checkTls(tls)
    this.#tls = { ...tls }
    return this
  }

  /**
   * Clients from these networks (`10.0.0.0/8`, an address, `unix` for Unix sockets) come through a proxy, which has to say
   * in a PROXY header, version 1 or 2, who they are. Throws TypeError or RangeError.
   */
  withProxyProtocol(options: { readonly networks: readonly string[] }): this {
    this.#proxies = proxyNetworks(options)
    return this
  }

  /**
   * Web pages of these origins (`https://app.example`) may connect to the listeners for WebSockets; by default those of none. Clients that
   * are no browsers are not concerned. Throws TypeError or RangeError.
   */
  withWebSocket(options: { readonly origins: readonly string[] }): this {
    this.#origins = webOrigins(options)
    return this
  }

  /** What clients are held to: channels per connection, bytes per frame, bytes per message body. */
  withProtocolLimits(
    limits: Partial<Pick<ServerConfig, 'channelMax' | 'frameMaxBytes' | 'maxMessageSizeBytes'>>,
  ): this {
    return this.withConfig(limits)
  }

  /** Where messages are kept; in memory when not given. A storage serves one server. */
  withStorage(storage: Storage): this {
    aStorage(storage, 'the storage')
    this.#storage = storage
    return this
  }

  /** Any logger with pino's calls; silent when not given. */
  withLogger(logger: Logger): this {
    aLogger(logger, 'the logger')
    this.#logger = logger
    return this
  }

  /** Who may connect; the users in the storage when not given: see `Server.users`. */
  withAuthenticator(authenticator: Authenticator): this {
    anAuthenticator(authenticator, 'the authenticator')
    this.#authenticator = authenticator
    return this
  }

  /** What users may do; when not given, see `Server.permissions`. With an authenticator of its own it is everything then. */
  withAuthorizer(authorizer: Authorizer): this {
    anAuthorizer(authorizer, 'the authorizer')
    this.#authorizer = authorizer
    return this
  }

  /** Adds hooks; one that is given again replaces the one before it. */
  withHooks(hooks: ServerHooks): this {
    checkOptions('withHooks', hooks, HOOKS, { noun: 'hook' })
    this.#hooks = { ...this.#hooks, ...hooks }
    return this
  }

  /** Throws RangeError or TypeError, naming the field, when the configuration makes no sense. */
  build(): Server {
    const memoryLimitBytes = Math.floor(processMemoryBytes() * MEMORY_LIMIT_SHARE)
    const config: ServerConfig = { ...DEFAULT_SERVER_CONFIG, memoryLimitBytes, ...given(this.#config) }
    checkOptions('withConfig', config, CONFIG_CHECKS)
    if (this.#tls === undefined && this.#listeners?.some(({ protocol }) => PROTOCOLS[protocol].isSecure))
      throw new TypeError('a listener with TLS needs a certificate: see withTls')
    return new Server({
      config,
      storage: this.#storage ?? new MemoryStorage(),
      logger: this.#logger,
      authenticator: this.#authenticator,
      authorizer: this.#authorizer,
      hooks: this.#hooks,
      listeners: this.#listeners,
      tls: this.#tls,
      proxies: this.#proxies,
      origins: this.#origins,
    })
  }
}

const aStorage = withMethods('open', 'close', 'vhost', 'dropUnclaimed')
const aLogger = withMethods('debug', 'info', 'warn', 'error')
const anAuthenticator = withMethods('authenticate', 'anonymous')
const anAuthorizer = withMethods('vhostAccess', 'resource', 'topic')

const HOOKS: Checks<ServerHooks> = {
  onStart: aFunction,
  onStop: aFunction,
  onConnect: aFunction,
  onDisconnect: aFunction,
  onError: aFunction,
}

/** Without the fields that are there and undefined: those mean the default too. */
function given(config: Partial<ServerConfig>): Partial<ServerConfig> {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))
}
