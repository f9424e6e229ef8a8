/** What an error does: it closes its channel or its connection, with RabbitMQ's code and text, and leaves a line in the log. */
import { ReplyCode } from '../../protocol/constants.ts'
import { FrameError } from '../../protocol/errors.ts'
import type { MethodInput } from '../../protocol/methods.ts'
import { BrokerError } from '../broker/errors.ts'
import type { Peer } from '../lib/peer.ts'
import { printable } from '../lib/printable.ts'
import type { RareLines } from '../lib/rare-lines.ts'
import type { TimeOver } from './connection-clock.ts'
import type { ConnectionLog } from './connection-log.ts'
import { foreignProtocol } from './foreign-protocol.ts'
import { isChannelCode, REPLY_CODES, replyText } from './reply-codes.ts'

/** The connection, as far as its errors are concerned. */
export interface FailingConnection {
  readonly id: number
  readonly peer: Peer
  readonly phase: string
  readonly log: ConnectionLog
  send(channelId: number, name: 'channel.close', args: MethodInput<'channel.close'>): void
  /** Sends connection.close; the connection takes nothing but the answer to it from then on. */
  closeWith(code: number, text: string, classId: number, methodId: number): void
  /** Cuts the client off. */
  destroy(): void
}

/** The channel, as far as its errors are concerned. */
export interface FailingChannel {
  readonly id: number
  isClosing: boolean
  tellConfirms(): void
  close(): void
}

/** Octets as `printBinary` writes them: quoted, or as numbers. */
const PRINTED_BINARY = /<<(?:"(?:[^"\\]|\\.)*"|[\d,]*)>>/g

/** What the log says of a client that is given up. */
const WHY_CUT = {
  silent: 'connection cut: its client missed the heartbeats',
  stuck: 'connection cut: its client took nothing of what it was sent for the whole send timeout',
} as const

export class Failures {
  readonly #connection: FailingConnection
  readonly #rareLines: RareLines

  constructor(connection: FailingConnection, rareLines: RareLines) {
    this.#connection = connection
    this.#rareLines = rareLines
  }

  /** The client began with this, which is not AMQP 0.9.1. */
  foreignProtocol(input: Uint8Array): void {
    const { id, peer } = this.#connection
    const fields = { connection: id, peer: peer.address, speaks: foreignProtocol(input.subarray(0, 16)) }
    this.#rareLines.log('warn', fields, 'a client does not speak AMQP 0.9.1: it was told so and disconnected')
  }

  /** The client has not done in time what it had to do next. */
  outOfTime(): void {
    const { id, peer, phase } = this.#connection
    if (phase !== 'header' && phase !== 'handshake') return
    this.#rareLines.log('warn', { connection: id, peer: peer.address, phase }, 'a client did not log in in time')
  }

  /** The credentials of an open connection have expired, or its client gives no sign of life or takes nothing. */
  timeOver(over: Exclude<TimeOver, 'deadline'>): void {
    if (over === 'expired') {
      this.fail(ReplyCode.ACCESS_REFUSED, 'credential expired', 0, 0)
      return
    }
    this.#connection.log.ended('warn', WHY_CUT[over])
    this.#connection.destroy()
  }

  /** The stream of the connection has failed. */
  ofStream(error: NodeJS.ErrnoException): void {
    if (isOfSocket(error)) this.#connection.log.socketFailed(error.code ?? error.message)
    else this.broken(error)
  }

  /** Cuts the client off because of an internal error that no frame is to blame for. */
  broken(error: unknown): void {
    this.#connection.log.ended('error', 'connection cut after an internal error', { err: error })
    this.#connection.destroy()
  }

  /** Ends the connection: with the code of the client's mistake, or with 541 when the mistake is ours. */
  failWith(error: unknown): void {
    if (error instanceof FrameError) this.fail(error.code, error.text, error.classId, error.methodId)
    else {
      this.#connection.log.ended('error', 'connection closed after an internal error', { err: error })
      this.fail(ReplyCode.INTERNAL_ERROR, 'internal error', 0, 0)
    }
  }

  /** Ends the connection with connection.close. */
  fail(code: number, text: string, classId: number, methodId: number): void {
    const connection = this.#connection
    if (connection.phase === 'closing' || connection.phase === 'closed') return
    const shown = replyText(code, text)
    // The client is told which bytes could not be read; the log is not, for they may be a password or a payload.
    const logged = printable(shown.replace(PRINTED_BINARY, '<<…>>'))
    const level = code === ReplyCode.CONNECTION_FORCED || code === ReplyCode.ACCESS_REFUSED ? 'info' : 'warn'
    connection.log.ended(level, `connection closed: ${logged}`, { code }, `connection closed: ${code}`)
    try {
      connection.closeWith(code, shown, classId, methodId)
    } catch (error) {
      this.broken(error)
    }
  }

  /** Ends the channel, or the connection when the error is that grave. */
  failChannel(channel: FailingChannel, error: unknown, classId: number, methodId: number): void {
    if (!(error instanceof BrokerError)) {
      this.failWith(error)
      return
    }
    const code = REPLY_CODES[error.kind]
    if (!isChannelCode(code)) {
      const isMethodKnown = error.kind !== 'malformed-content' // RabbitMQ names no method then
      this.fail(code, error.message, isMethodKnown ? classId : 0, isMethodKnown ? methodId : 0)
      return
    }
    channel.tellConfirms()
    channel.isClosing = true
    channel.close()
    const text = replyText(code, error.message)
    const message = `channel closed: ${printable(text)}`
    this.#connection.log.write('info', message, { channel: channel.id, code }, `channel closed: ${code}`)
    this.#connection.send(channel.id, 'channel.close', { replyCode: code, replyText: text, classId, methodId })
  }
}

/** An error of the system, or of what the client has sent instead of encrypted bytes or WebSocket frames; the others are ours. */
function isOfSocket({ syscall, code = '' }: NodeJS.ErrnoException): boolean {
  return syscall !== undefined || /^(?:E(?!RR_)|ERR_SSL_|ERR_TLS_|WS_ERR_)/.test(code)
}
