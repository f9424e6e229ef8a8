import { replyCodeName } from './constants.ts'

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

const PRINTED_BYTES_MAX = 16

/** The first 16 of these bytes in Erlang's notation, `<<0,10,255>>`: error texts quote payloads this way. */
export function printBytes(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return `<<${bytes.subarray(start, Math.min(end, start + PRINTED_BYTES_MAX)).join(',')}>>`
}
