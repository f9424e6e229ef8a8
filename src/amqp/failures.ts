/** What an error does: it closes its channel or its connection, with RabbitMQ's code and text, and leaves a line in the log. */
import { ReplyCode } from '../../protocol/constants.ts'
import { FrameError } from '../../protocol/errors.ts'
import type { MethodInput } from '../../protocol/methods.ts'
import { BrokerError } from '../broker/errors.ts'
import type { Peer } from '../lib/peer.ts'
import { printable } from '../lib/printable.ts'
import type { RareLines } from '../lib/rare-lines.ts'
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
    connection.closeWith(code, shown, classId, methodId)
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
