import { FRAME_BODY, FRAME_END, FRAME_HEADER } from '../protocol/constants.ts'
import { encodeMethodFrame } from '../protocol/method-codec.ts'
import { encodeContentHeader, type Properties } from '../protocol/properties.ts'
import { Writer } from '../protocol/writer.ts'

/** The channel that `login` opens. */
export const CHANNEL = 1

/** basic.publish with its content; `body` fits into one frame. */
export function publishFrames(exchange: string, routingKey: string, body: Buffer, properties: Properties): Buffer {
  return Buffer.concat([
    encodeMethodFrame(CHANNEL, 'basic.publish', { exchange, routingKey, mandatory: false, immediate: false }),
    frame(FRAME_HEADER, encodeContentHeader(body.length, properties)),
    frame(FRAME_BODY, body),
  ])
}

function frame(type: number, payload: Uint8Array): Buffer {
  const writer = new Writer()
  writer.octet(type)
  writer.short(CHANNEL)
  writer.long(payload.length)
  writer.bytes(payload)
  writer.octet(FRAME_END)
  return writer.take()
}
