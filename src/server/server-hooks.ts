import type { ConnectionDetails } from '../broker/clients/client-directory.ts'
import type { Logger } from '../lib/logger.ts'

/** Called as the server and its connections come and go. An error thrown by one is logged and otherwise ignored. */
export interface ServerHooks {
  /** The storage is open; the first client may come. */
  readonly onStart?: () => void
  /** The last client has gone and the storage is closed. */
  readonly onStop?: () => void
  /** A client has logged in and opened a virtual host. */
  readonly onConnect?: (connection: ConnectionDetails) => void
  /** A client that `onConnect` was called for has gone. */
  readonly onDisconnect?: (connection: ConnectionDetails) => void
  /** Starting failed, or delivering met an internal error. */
  readonly onError?: (error: unknown) => void
}

/** Calls the hooks of one server; what they throw, or reject with, ends in the log. */
export class HookCalls {
  readonly #hooks: ServerHooks
  readonly #logger: Logger

  constructor(hooks: ServerHooks, logger: Logger) {
    this.#hooks = hooks
    this.#logger = logger
  }

  call<N extends keyof ServerHooks>(name: N, ...details: Parameters<NonNullable<ServerHooks[N]>>): void {
    const failed = (error: unknown): void => this.#logger.error({ err: error, hook: name }, 'a hook failed')
    try {
      const hook = this.#hooks[name] as ((...details: readonly unknown[]) => unknown) | undefined // N says which
      const result = hook?.call(this.#hooks, ...details)
      if (result !== undefined) Promise.resolve(result).catch(failed)
    } catch (error) {
      failed(error)
    }
  }
}
