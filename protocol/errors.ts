import { ReplyCode, replyCodeName } from './constants.ts'
import { printBinary } from './erlang-terms.ts'

/** The peer broke the protocol: always ends the whole connection. */
export class FrameError extends Error {
  /** A reply code, for connection.close. */
  readonly code: number
  /** The explanation alone; `message` has the name of the code in front of it, as reply-text does. */
  readonly text: string
  readonly classId: number
  readonly methodId: number

  constructor(code: number, text: string, classId = 0, methodId = 0) {
    super(`${replyCodeName(code)} - ${text}`)
    this.name = 'FrameError'
    this.code = code
    this.text = text
    this.classId = classId
    this.methodId = methodId
  }
}

/** How much of a payload RabbitMQ quotes. */
const QUOTED_OCTETS_MAX = 16

/** A frame of a type that there is not, or whose payload cannot be one of its type. */
export function unknownFrame(type: number, bytes: Uint8Array, start: number, end: number): FrameError {
  return malformedFrame(type, bytes, start, end, 'unknown_frame')
}

/** A frame that is broken in this way. */
export function malformedFrame(type: number, bytes: Uint8Array, start: number, end: number, why: string): FrameError {
  return new FrameError(ReplyCode.FRAME_ERROR, `type ${type}, ${octets(bytes, start, end)}: ${why}`)
}

/** A frame of a known type in a place where it must not be. */
export function unexpectedFrame(type: number, bytes: Uint8Array, start: number, end: number): FrameError {
  return new FrameError(ReplyCode.UNEXPECTED_FRAME, `type ${type}, ${octets(bytes, start, end)}`)
}

function octets(bytes: Uint8Array, start: number, end: number): string {
  const quoted = printBinary(bytes.subarray(start, Math.min(end, start + QUOTED_OCTETS_MAX)))
  return `${end - start <= QUOTED_OCTETS_MAX ? 'all octets' : 'first 16 octets'} = ${quoted}`
}
