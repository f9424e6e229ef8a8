/**
 * What the log says of one connection. Every line names the connection by its number, its peer and what the client calls
 * it; one that was open also by its user and virtual host. However a connection ends, one line says how. Of each kind of line
 * there are so many at most, whatever clients do; then they are counted.
 */

import type { ConnectionDetails } from '../broker/clients/client-directory.ts'
import type { UnackedAccount } from '../broker/clients/unacked-bytes.ts'
import type { RareLines } from '../lib/rare-lines.ts'

type Level = 'info' | 'warn' | 'error'

/** Of a kind, within ten seconds. */
const LINES_MAX = 100

export class ConnectionLog {
  /** What the client calls its connection. */
  name: string | undefined
  readonly #lines: RareLines
  readonly #id: number
  readonly #peer: string
  #details: ConnectionDetails | undefined
  #isEndTold = false
  /** The system's word for why the socket broke. */
  #cause: string | undefined

  constructor(lines: RareLines, id: number, peer: string) {
    this.#lines = lines
    this.#id = id
    this.#peer = peer
  }

  opened(details: ConnectionDetails): void {
    this.#details = details
    this.write('info', 'connection opened')
  }

  /** The connection ends, or has ended, for this reason. Of several reasons the first one is logged, and every internal error. */
  ended(level: Level, message: string, fields: object = {}, kind: string = message): void {
    if (this.#isEndTold && level !== 'error') return
    this.#isEndTold = true
    this.write(level, message, fields, kind)
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

  /** `kind` tells which lines are alike, where the message has in it what a client chooses. */
  write(level: Level, message: string, fields: object = {}, kind: string = message): void {
    this.#lines.log(level, { ...this.#identity(), ...fields }, message, kind, LINES_MAX)
  }

  /** A limit on unacked bytes is reached. Clients make that happen at any rate. */
  deliveriesWait({ of, limit }: UnackedAccount): void {
    const message = 'deliveries wait for acknowledgements: a limit on unacked bytes is reached'
    this.#lines.log('warn', { ...this.#identity(), limitOf: of, limitBytes: limit }, message, `${message} ${of}`)
  }

  #identity(): object {
    const name = this.name === undefined ? {} : { name: this.name }
    const opened = this.#details === undefined ? {} : { user: this.#details.user.name, vhost: this.#details.vhost }
    return { connection: this.#id, peer: this.#peer, ...name, ...opened }
  }
}
