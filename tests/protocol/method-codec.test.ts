import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FRAME_END, FRAME_HEADER_BYTES } from '../../protocol/constants.ts'
import { FrameError } from '../../protocol/errors.ts'
import { decodeMethod, encodeMethodFrame, writeMethodFrame } from '../../protocol/method-codec.ts'
import { METHODS, type MethodArguments, type MethodInput, type MethodName } from '../../protocol/methods.ts'
import { Writer } from '../../protocol/writer.ts'
import { METHOD_NAMES, methodArguments, mutated } from './arbitraries.ts'

const EMPTY = new Map()

function payloadOf<N extends MethodName>(name: N, args: MethodInput<N>): Buffer {
  return encodeMethodFrame(1, name, args).subarray(FRAME_HEADER_BYTES, -1)
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex')
}

describe.each(METHOD_NAMES)('%s', (name) => {
  const { classId, methodId } = METHODS[name]

  test('decodes to what was encoded, with a frame around it', () => {
    fc.assert(
      fc.property(methodArguments(name), fc.integer({ min: 0, max: 0xffff }), (args, channel) => {
        const frame = encodeMethodFrame(channel, name, args)
        expect([frame.readUInt8(), frame.readUInt16BE(1)]).toEqual([1, channel])
        expect(frame.readUInt32BE(3)).toBe(frame.length - 8)
        expect(frame.at(-1)).toBe(FRAME_END)
        expect(decodeMethod(frame, FRAME_HEADER_BYTES, frame.length - 1)).toEqual({ name, args })
      }),
    )
  })

  test('is a FrameError when cut short or too long, wherever it lies', () => {
    fc.assert(
      fc.property(methodArguments(name), (args) => {
        const payload = payloadOf(name, args)
        const bytes = Buffer.concat([payload, payload])
        for (let end = 4; end < payload.length; end++) expectUndecodable(bytes, end)
        for (const extra of [1, 4]) expectUndecodable(bytes, payload.length + extra)
      }),
      { numRuns: 10 },
    )
    function expectUndecodable(bytes: Buffer, end: number) {
      expect(() => decodeMethod(bytes, 0, end)).toThrow(
        expect.objectContaining({
          code: 501,
          classId,
          methodId,
          text: expect.stringMatching(/^cannot decode <<[\d,]*>>$/),
        }),
      )
    }
  })

  test('decodes or is a FrameError when damaged', () => {
    fc.assert(
      fc.property(mutated(methodArguments(name).map((args) => payloadOf(name, args))), (payload) => {
        try {
          decodeMethod(payload)
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError)
        }
      }),
    )
  })
})

/** Whole frames on channel 1 (connection methods on 0), written out by hand from the specification. */
const FRAMES: { readonly [N in MethodName]?: readonly [args: MethodInput<N>, frame: string] } = {
  'connection.start': [
    { versionMajor: 0, versionMinor: 9, serverProperties: EMPTY, mechanisms: 'PLAIN', locales: 'en_US' },
    '01 0000 0000001c 000a000a 00 09 00000000 00000005 504c41494e 00000005 656e5f5553 ce',
  ],
  'connection.tune': [
    { channelMax: 2047, frameMax: 131_072, heartbeat: 60 },
    '01 0000 0000000c 000a001e 07ff 00020000 003c ce',
  ],
  'connection.open': [{ virtualHost: '/' }, '01 0000 00000008 000a0028 01 2f 00 00 ce'],
  'connection.open-ok': [{}, '01 0000 00000005 000a0029 00 ce'],
  'connection.close': [
    { replyCode: 320, replyText: 'bye', classId: 0, methodId: 0 },
    '01 0000 0000000e 000a0032 0140 03 627965 0000 0000 ce',
  ],
  'channel.open': [{}, '01 0001 00000005 0014000a 00 ce'],
  'channel.open-ok': [{}, '01 0001 00000008 0014000b 00000000 ce'],
  'access.request-ok': [{ ticket: 1 }, '01 0001 00000006 001e000b 0001 ce'],
  'exchange.declare': [
    {
      exchange: 'x',
      type: 'topic',
      passive: false,
      durable: true,
      autoDelete: false,
      internal: true,
      nowait: false,
      arguments: EMPTY,
    },
    '01 0001 00000013 0028000a 0000 01 78 05 746f706963 0a 00000000 ce',
  ],
  'access.request': [
    { realm: '/', exclusive: false, passive: true, active: false, write: true, read: false },
    '01 0001 00000007 001e000a 01 2f 0a ce',
  ],
  'exchange.delete': [{ exchange: 'x', ifUnused: true, nowait: false }, '01 0001 00000009 00280014 0000 01 78 01 ce'],
  'exchange.bind': [
    { destination: 'd', source: 's', routingKey: 'k', nowait: false, arguments: EMPTY },
    '01 0001 00000011 0028001e 0000 01 64 01 73 01 6b 00 00000000 ce',
  ],
  'exchange.unbind-ok': [{}, '01 0001 00000004 00280033 ce'],
  'queue.declare': [
    {
      queue: 'q',
      passive: false,
      durable: true,
      exclusive: false,
      autoDelete: true,
      nowait: true,
      arguments: new Map([['x-expires', { type: 'I', value: 1000 }]]),
    },
    '01 0001 0000001c 0032000a 0000 01 71 1a 0000000f 09 782d65787069726573 49 000003e8 ce',
  ],
  'queue.declare-ok': [
    { queue: 'q', messageCount: 1, consumerCount: 2 },
    '01 0001 0000000e 0032000b 01 71 00000001 00000002 ce',
  ],
  'queue.delete': [
    { queue: 'q', ifUnused: false, ifEmpty: true, nowait: false },
    '01 0001 00000009 00320028 0000 01 71 02 ce',
  ],
  'queue.unbind': [
    { queue: 'q', exchange: 'x', routingKey: 'k', arguments: EMPTY },
    '01 0001 00000010 00320032 0000 01 71 01 78 01 6b 00000000 ce',
  ],
  'basic.qos': [{ prefetchSize: 0, prefetchCount: 100, global: true }, '01 0001 0000000b 003c000a 00000000 0064 01 ce'],
  'basic.consume': [
    { queue: 'q', consumerTag: 't', noLocal: false, noAck: true, exclusive: true, nowait: false, arguments: EMPTY },
    '01 0001 0000000f 003c0014 0000 01 71 01 74 06 00000000 ce',
  ],
  'basic.publish': [
    { exchange: '', routingKey: 'k', mandatory: true, immediate: false },
    '01 0001 0000000a 003c0028 0000 00 01 6b 01 ce',
  ],
  'basic.deliver': [
    { consumerTag: 't', deliveryTag: 258, redelivered: true, exchange: 'x', routingKey: '' },
    '01 0001 00000012 003c003c 01 74 0000000000000102 01 01 78 00 ce',
  ],
  'basic.return': [
    { replyCode: 312, replyText: 'NO_ROUTE', exchange: 'x', routingKey: 'k' },
    '01 0001 00000013 003c0032 0138 08 4e4f5f524f555445 01 78 01 6b ce',
  ],
  'basic.get-ok': [
    { deliveryTag: 1, redelivered: false, exchange: 'x', routingKey: 'k', messageCount: 7 },
    '01 0001 00000015 003c0047 0000000000000001 00 01 78 01 6b 00000007 ce',
  ],
  'basic.nack': [
    { deliveryTag: 0x1_0000_0000, multiple: true, requeue: true },
    '01 0001 0000000d 003c0078 0000000100000000 03 ce',
  ],
}

test.each(Object.entries(FRAMES))('%s has the frame of the specification', (key, [args, text]) => {
  const name = key as MethodName
  const frame = hex(text)
  expect(encodeMethodFrame(name.startsWith('connection') ? 0 : 1, name, args).toString('hex')).toBe(
    frame.toString('hex'),
  )
  expect(encodeMethodFrame(1, name, decodeMethod(frame, 7, frame.length - 1).args as never).subarray(3)).toEqual(
    frame.subarray(3),
  )
})

describe('what a client may send in reserved places', () => {
  test('a ticket, an out-of-band, a virtual host list and insist mean nothing', () => {
    expect(decodeMethod(hex('00320014 0001 01 71 01 78 00 01 00000000'))).toEqual({
      name: 'queue.bind',
      args: { queue: 'q', exchange: 'x', routingKey: '', nowait: true, arguments: EMPTY },
    })
    expect(decodeMethod(hex('0014000a 02 ffff'))).toEqual({ name: 'channel.open', args: {} })
    expect(decodeMethod(hex('000a0028 01 2f 01 61 01'))).toEqual({
      name: 'connection.open',
      args: { virtualHost: '/' },
    })
  })

  test('the upper bits of an octet of bits mean nothing', () => {
    expect(decodeMethod(hex('003c006e fe')).args).toEqual({ requeue: false })
    expect(decodeMethod(hex('003c006e ff')).args).toEqual({ requeue: true })
  })
})

test('a delivery tag beyond the safe integers is one that no channel has given out', () => {
  const { args } = decodeMethod(hex('003c0050 ffffffffffffffff 00'))
  expect((args as MethodArguments<'basic.ack'>).deliveryTag).toBe(Number.MAX_SAFE_INTEGER)
})

describe('errors name what was wrong', () => {
  test('an unknown method is 503 with its ids', () => {
    expect(() => decodeMethod(hex('003c03e7'))).toThrow(
      expect.objectContaining({ code: 503, text: 'unknown method 60.999', classId: 60, methodId: 999 }),
    )
    expect(() => decodeMethod(hex('00280029'))).toThrow(expect.objectContaining({ code: 503 }))
  })

  test('a payload without ids is 501', () => {
    expect(() => decodeMethod(hex('003c00'))).toThrow(
      expect.objectContaining({
        code: 501,
        text: 'type 1, all octets = <<0,60,0>>: unknown_frame',
        classId: 0,
        methodId: 0,
      }),
    )
  })

  test('arguments are quoted without the ids, all of them and as numbers', () => {
    expect(() => decodeMethod(hex('0032000a 0000 05 71'))).toThrow(
      expect.objectContaining({ code: 501, text: 'cannot decode <<0,0,5,113>>', classId: 50, methodId: 10 }),
    )
    expect(() => decodeMethod(Buffer.concat([hex('00140029'), Buffer.alloc(20, 7)]))).toThrow(
      expect.objectContaining({ text: `cannot decode <<${'7,'.repeat(19)}7>>` }),
    )
  })

  test('a table with an unknown type tag is 501', () => {
    expect(() => decodeMethod(hex('0032000a 0000 00 00 00000003 01 61 5a'))).toThrow(
      expect.objectContaining({
        code: 501,
        text: 'cannot decode <<0,0,0,0,0,0,0,3,1,97,90>>',
      }),
    )
  })

  test('a name that is not UTF-8 is 501', () => {
    expect(() => decodeMethod(hex('0032001e 0000 02 c328 00'))).toThrow(
      expect.objectContaining({ code: 501, text: 'Malformed UTF-8 in shortstr', classId: 0, methodId: 0 }),
    )
  })
})

test('a routing key may be any bytes, which come back', () => {
  const payload = hex('003c0028 0000 00 03 c328ff 00')
  const { name, args } = decodeMethod(payload)
  expect(name).toBe('basic.publish')
  expect(payloadOf('basic.publish', args as MethodArguments<'basic.publish'>)).toEqual(payload)
})

describe('strings that are too long', () => {
  const close = (replyText: string) => {
    const payload = payloadOf('channel.close', { replyCode: 404, replyText, classId: 0, methodId: 0 })
    return (decodeMethod(payload).args as MethodArguments<'channel.close'>).replyText
  }

  test('a reply text is shortened to 255 octets with dots at the end', () => {
    expect(close('x'.repeat(255))).toBe('x'.repeat(255))
    expect(close('x'.repeat(256))).toBe(`${'x'.repeat(252)}...`)
  })

  test('a reply text is never cut inside a character', () => {
    for (let lead = 0; lead < 8; lead++) {
      const text = 'x'.repeat(lead) + '日🐇'.repeat(60)
      const shortened = close(text)
      expect(Buffer.byteLength(shortened)).toBeGreaterThan(255 - 4)
      expect(Buffer.byteLength(shortened)).toBeLessThanOrEqual(255)
      expect(text.startsWith(shortened.slice(0, -3))).toBe(true)
      expect(shortened).not.toContain('\ufffd')
    }
  })

  test('any other short string is a RangeError that leaves the writer as it was', () => {
    const writer = new Writer()
    writeMethodFrame(writer, 1, 'tx.select', {})
    const before = writer.length
    expect(() => writeMethodFrame(writer, 1, 'basic.cancel-ok', { consumerTag: 'x'.repeat(256) })).toThrow(RangeError)
    expect(writer.length).toBe(before)
    expect(writer.take()).toEqual(encodeMethodFrame(1, 'tx.select', {}))
  })
})
