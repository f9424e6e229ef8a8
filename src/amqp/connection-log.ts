/**
 * What the log says of one connection. Every line names the connection by its number, its peer and what the client calls
 * it; one that was open also by its user and virtual host. However a connection ends, one line says how.
 */

import type { ConnectionDetails } from '../broker/clients/client-directory.ts'
import type { Logger } from '../lib/logger.ts'

type Level = 'info' | 'warn' | 'error'

export class ConnectionLog {
  /** What the client calls its connection. */
  name: string | undefined
  readonly #logger: Logger
  readonly #id: number
  readonly #peer: string
  #details: ConnectionDetails | undefined
  #isEndTold = false
  /** The system's word for why the socket broke. */
  #cause: string | undefined

  constructor(logger: Logger, id: number, peer: string) {
    this.#logger = logger
    this.#id = id
    this.#peer = peer
  }

  opened(details: ConnectionDetails): void {
    this.#details = details
    this.write('info', 'connection opened')
  }

  /** The connection ends, or has ended, for this reason. Of several reasons the first one is logged, and every internal error. */
  ended(level: Level, message: string, fields: object = {}): void {
    if (this.#isEndTold && level !== 'error') return
    this.#isEndTold = true
    this.write(level, message, fields)
  }

  /** The socket broke: what the system says of it is told when that turns out to be the end. */
  socketFailed(cause: string): void {
    this.#cause = cause
  }

  /** The socket is closed. If nothing else has ended the connection, then its client did, and without a word. */
  socketClosed(): void {
    if (this.#details === undefined) return
    const fields = this.#cause === undefined ? {} : { cause: this.#cause }
    this.ended('warn', 'connection lost: its client went away without closing it', fields)
  }

  write(level: Level, message: string, fields: object = {}): void {
    this.#logger[level]({ ...this.#identity(), ...fields }, message)
  }

  #identity(): object {
    const name = this.name === undefined ? {} : { name: this.name }
    const opened = this.#details === undefined ? {} : { user: this.#details.user.name, vhost: this.#details.vhost }
    return { connection: this.#id, peer: this.#peer, ...name, ...opened }
  }
}
