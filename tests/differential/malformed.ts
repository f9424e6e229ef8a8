// Frames that no client should send, and frames in an order that makes no sense.
import {
  BODY,
  bodyFrames,
  contentHeader,
  frame,
  HEADER,
  HEARTBEAT,
  headerFrame,
  METHOD,
  methodFrame,
} from '../support/wire-frames.ts'
import { encodeMethod } from '../support/wire-methods.ts'
import { ByteWriter, tagged } from '../support/wire-values.ts'

const ABC = Buffer.from('abc')

const join = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts)
const body = (channel: number, text: string): Buffer => frame(BODY, channel, Buffer.from(text))
const header = (channel: number, payload: Uint8Array): Buffer => frame(HEADER, channel, payload)
const publish = (channel: number): Buffer => methodFrame(channel, 'basic.publish', { routingKey: 'nowhere' })
const method = (channel: number, payload: Uint8Array): Buffer => frame(METHOD, channel, payload)
const declare = (queue: string | Uint8Array): Buffer => encodeMethod('queue.declare', { queue, autoDelete: true })
const ids = (classId: number, methodId: number): ByteWriter => new ByteWriter().short(classId).short(methodId)
const flags = (bits: number): Buffer => new ByteWriter().short(60).short(0).longlong(1).short(bits).take()
const weight = (value: number): Buffer => new ByteWriter().short(60).short(value).longlong(3).short(0).take()
const message = (channel: number, properties: Parameters<typeof headerFrame>[2]): Buffer =>
  join(publish(channel), headerFrame(channel, 1, properties), ...bodyFrames(channel, Buffer.from('a'), 100))
/** A declaration whose table of arguments is this. */
const withTable = (queue: string, table: Uint8Array): Buffer => join(declare(queue).subarray(0, -4), table)

const spareBits = (queue: string): Buffer => {
  const payload = declare(queue)
  const at = payload.length - 5
  payload.writeUInt8(payload.readUInt8(at) | 0xe0, at)
  return payload
}

type Malformed = (channel: number, queue: string) => Buffer

const CONTENTS = {
  'header alone': (channel) => headerFrame(channel, 3),
  'body alone': (channel) => body(channel, 'abc'),
  'publish, method': (channel) => join(publish(channel), methodFrame(channel, 'basic.qos')),
  'publish, publish': (channel) => join(publish(channel), publish(channel)),
  'publish, body': (channel) => join(publish(channel), body(channel, 'abc')),
  'publish, header of class 50': (channel) => join(publish(channel), header(channel, contentHeader(3, {}, 50))),
  'publish, header of weight 1': (channel) => join(publish(channel), header(channel, weight(1))),
  'publish, header, method': (channel) =>
    join(publish(channel), headerFrame(channel, 3), methodFrame(channel, 'basic.qos')),
  'publish, header, header': (channel) => join(publish(channel), headerFrame(channel, 3), headerFrame(channel, 3)),
  'publish, body too long': (channel) => join(publish(channel), headerFrame(channel, 3), body(channel, 'abcd')),
  'publish, second body too long': (channel) =>
    join(publish(channel), headerFrame(channel, 3), body(channel, 'ab'), body(channel, 'cd')),
  'publish, body of size 0': (channel) => join(publish(channel), headerFrame(channel, 0), body(channel, 'a')),
  'publish, empty body frame': (channel) =>
    join(publish(channel), headerFrame(channel, 2), body(channel, ''), body(channel, 'ab')),
  'publish, size 600 MiB': (channel) => join(publish(channel), headerFrame(channel, 600 * 1024 * 1024)),
  'publish, size 2^64-1': (channel) => join(publish(channel), headerFrame(channel, -1n)),
  'publish, short header': (channel) => join(publish(channel), header(channel, contentHeader(3).subarray(0, 8))),
  'publish, empty header': (channel) => join(publish(channel), header(channel, Buffer.alloc(0))),
  'publish, properties cut off': (channel) =>
    join(
      publish(channel),
      header(channel, contentHeader(1, { contentType: 'abc' }).subarray(0, -1)),
      body(channel, 'a'),
    ),
  'publish, properties too long': (channel) =>
    join(
      publish(channel),
      header(channel, join(contentHeader(1, { type: 'abc' }), Buffer.alloc(1))),
      body(channel, 'a'),
    ),
  'publish, header of an unknown type': (channel) => message(channel, { headers: { a: tagged('Z', 0) } }),
  'publish, continued flags': (channel) =>
    join(publish(channel), header(channel, join(flags(1), Buffer.alloc(2))), body(channel, 'a')),
  'publish, unused flag': (channel) => join(publish(channel), header(channel, flags(2)), body(channel, 'a')),
} as const satisfies Record<string, Malformed>

const FRAMES = {
  'header on channel 0': () => headerFrame(0, 3),
  'body on channel 0': () => body(0, 'abc'),
  heartbeat: () => frame(HEARTBEAT, 0),
  'heartbeat with a payload': () => frame(HEARTBEAT, 0, ABC),
  'heartbeat on a channel': (channel) => frame(HEARTBEAT, channel),
  'frame type 0': (channel) => frame(0, channel, ABC),
  'frame type 4': (channel) => frame(4, channel, ABC),
  'frame type 9, long': (channel) => frame(9, channel, Buffer.from('abcdefghijklmnopqrstuvwxyz')),
  'frame type 9 on channel 0': () => frame(9, 0, ABC),
  'end octet': (channel) => frame(METHOD, channel, declare('x'), 0xcd),
  'end octet on channel 0': () => frame(HEARTBEAT, 0, Buffer.alloc(0), 0),
  'frame too large': (channel) =>
    new ByteWriter().octet(BODY).short(channel).long(131_073).bytes(Buffer.alloc(16)).take(),
  'payload as large as frame-max': (channel) => method(channel, Buffer.alloc(131_072)),
  garbage: () => Buffer.from('GET / HTTP/1.1\r\n\r\n'),
  'protocol header again': () => Buffer.from('AMQP\0\0\x09\x01', 'latin1'),
} as const satisfies Record<string, Malformed>

const METHODS = {
  'unknown class': (channel) => method(channel, ids(61, 10).take()),
  'unknown method': (channel) => method(channel, ids(60, 15).long(0).take()),
  'unknown class on channel 0': () => method(0, ids(99, 10).take()),
  'method of 3 octets': (channel) => method(channel, Buffer.from([0, 60, 0])),
  'method without octets': (channel) => method(channel, Buffer.alloc(0)),
  'arguments cut off': (channel, queue) => method(channel, declare(queue).subarray(0, -3)),
  'no arguments': (channel) => method(channel, ids(50, 10).take()),
  'arguments too long': (channel, queue) => method(channel, join(declare(queue), ABC)),
  'tx.select with arguments': (channel) => method(channel, ids(90, 10).bytes(ABC).take()),
  'ack cut off': (channel) => method(channel, ids(60, 80).longlong(0).take()),
  'spare bits set': (channel, queue) => method(channel, spareBits(queue)),
} as const satisfies Record<string, Malformed>

const VALUES = {
  'name that is no UTF-8': (channel) => method(channel, declare(Buffer.from([0xff, 0xfe, 0x41]))),
  'exchange that is no UTF-8': (channel) =>
    methodFrame(channel, 'exchange.declare', { exchange: Buffer.from([0xc3, 0x28]), type: 'direct', passive: true }),
  'routing key that is no UTF-8': (channel) =>
    join(
      methodFrame(channel, 'basic.publish', { exchange: 'amq.direct', routingKey: Buffer.from([0xff, 0x41]) }),
      headerFrame(channel, 0),
    ),
  'table of an unknown type': (channel, queue) =>
    methodFrame(channel, 'queue.declare', { queue, autoDelete: true, arguments: { a: tagged('Z', 0) } }),
  'table too short': (channel, queue) =>
    method(channel, withTable(queue, new ByteWriter().long(9).shortstr('a').bytes(Buffer.from('S')).long(100).take())),
  'table longer than its frame': (channel, queue) =>
    method(channel, withTable(queue, new ByteWriter().long(100).take())),
  'key that is no UTF-8': (channel, queue) => {
    const entry = new ByteWriter()
      .shortstr(Buffer.from([0xff]))
      .bytes(Buffer.from('I'))
      .long(1)
      .take()
    return method(channel, withTable(queue, new ByteWriter().longstr(entry).take()))
  },
} as const satisfies Record<string, Malformed>

const MALFORMED = { ...CONTENTS, ...FRAMES, ...METHODS, ...VALUES }

export type MalformedName = keyof typeof MALFORMED

export const MALFORMED_NAMES = Object.keys(MALFORMED) as MalformedName[]

export function malformedBytes(name: MalformedName, channel: number, queue: string): Buffer {
  const make: Malformed = MALFORMED[name]
  return make(channel, queue)
}
