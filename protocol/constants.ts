export const FRAME_METHOD = 1
export const FRAME_HEADER = 2
export const FRAME_BODY = 3
export const FRAME_HEARTBEAT = 8
export const FRAME_END = 0xce

/** Type, channel and payload size, in front of every payload. */
export const FRAME_HEADER_BYTES = 7

/** What a frame costs besides its payload: the header and the end octet. */
export const FRAME_OVERHEAD_BYTES = 8

/** No peer may negotiate a smaller frame. AMQP 0-9-1, 4.2.3; RabbitMQ asks for 8192 since 4.1, older clients offer 4096. */
export const FRAME_MIN_BYTES = 4096

/** Class, weight and body size: no header frame has a shorter payload. */
export const CONTENT_HEADER_BYTES_MIN = 12
/** The same with the property flags, of which none is set: no content header of a message is shorter. */
export const BARE_HEADER_BYTES = 14

/** The only content class of AMQP 0-9-1. */
export const BASIC_CLASS_ID = 60
export const PUBLISH_METHOD_ID = 40
/** Class and method of basic.publish as one number, as a method frame begins. */
export const BASIC_PUBLISH = 0x003c0028
/** The class and a weight of 0 as one number, as the header frame of a message begins. */
export const BASIC_UNWEIGHTED = 0x003c0000

/** What a client says first: `AMQP`, 0, then the protocol version 0-9-1. */
export const PROTOCOL_HEADER: Uint8Array = Uint8Array.of(0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1)

/** The codes of connection.close, channel.close and basic.return. */
export const ReplyCode = {
  REPLY_SUCCESS: 200,
  CONTENT_TOO_LARGE: 311,
  NO_ROUTE: 312,
  NO_CONSUMERS: 313,
  CONNECTION_FORCED: 320,
  INVALID_PATH: 402,
  ACCESS_REFUSED: 403,
  NOT_FOUND: 404,
  RESOURCE_LOCKED: 405,
  PRECONDITION_FAILED: 406,
  FRAME_ERROR: 501,
  SYNTAX_ERROR: 502,
  COMMAND_INVALID: 503,
  CHANNEL_ERROR: 504,
  UNEXPECTED_FRAME: 505,
  RESOURCE_ERROR: 506,
  NOT_ALLOWED: 530,
  NOT_IMPLEMENTED: 540,
  INTERNAL_ERROR: 541,
} as const

export type ReplyCodeName = keyof typeof ReplyCode
export type ReplyCode = (typeof ReplyCode)[ReplyCodeName]

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(ReplyCode).map(([name, code]) => [code, name]))

/** `NOT_FOUND` for 404; the digits themselves for a number that is no reply code. */
export function replyCodeName(code: number): string {
  return NAMES.get(code) ?? String(code)
}
