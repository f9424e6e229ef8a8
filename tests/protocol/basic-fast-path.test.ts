import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ACK_FRAME_BYTES,
  BASIC_ACK,
  BASIC_NACK,
  BASIC_REJECT,
  deliverHeadBytes,
  deliverPrefix,
  readDeliveryTag,
  readSettleBits,
  SETTLE_PAYLOAD_BYTES,
  writeContentFrame,
  writeDeliver,
  writeFrameHeader,
  writeSettle,
} from '../../protocol/basic-fast-path.ts'
import { FRAME_BODY, FRAME_HEADER } from '../../protocol/constants.ts'
import { encodeMethodFrame } from '../../protocol/method-codec.ts'
import { allocateBlock, Block } from '../../src/lib/block.ts'
import { anyCharacter } from '../support/any-character.ts'
import { frame } from '../support/wire-frames.ts'
import { ByteWriter } from '../support/wire-values.ts'

const channel = fc.integer({ min: 0, max: 0xffff })
const tag = fc.oneof(
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52, Number.MAX_SAFE_INTEGER),
)
const name = fc.string({ unit: anyCharacter, maxLength: 60 })
const offset = fc.integer({ min: 0, max: 40 })

function key(exchange: string, routingKey: string): Buffer {
  return new ByteWriter().shortstr(exchange).shortstr(routingKey).take()
}

describe('the hand-written basic.deliver', () => {
  test('equals the one of the table, byte for byte', () => {
    fc.assert(
      fc.property(
        fc.record({
          channel,
          consumerTag: name,
          deliveryTag: tag,
          redelivered: fc.boolean(),
          exchange: name,
          routingKey: name,
          offset,
        }),
        ({ channel: id, offset: at, ...args }) => {
          const prefix = new Block(deliverPrefix(id, Buffer.from(args.consumerTag)))
          const bytes = key(args.exchange, args.routingKey)
          const source = new Block(Buffer.concat([Buffer.alloc(at, 1), bytes, Buffer.alloc(3, 2)]))
          const out = allocateBlock(at + deliverHeadBytes(prefix.size, bytes.length, 14))
          const { deliveryTag, redelivered } = args
          const end = writeDeliver(out, at, prefix, deliveryTag, redelivered, source, at, at + bytes.length)
          const expected = encodeMethodFrame(id, 'basic.deliver', args)
          expect(out.bytes.subarray(at, end).toString('hex')).toBe(expected.toString('hex'))
        },
      ),
    )
  })

  test('takes as many bytes with its header frame as were reserved', () => {
    fc.assert(
      fc.property(name, name, fc.uint8Array({ minLength: 14, maxLength: 200 }), (consumerTag, routingKey, header) => {
        const prefix = new Block(deliverPrefix(1, Buffer.from(consumerTag)))
        const bytes = new Block(key('', routingKey))
        const reserved = deliverHeadBytes(prefix.size, bytes.size, header.length)
        const out = allocateBlock(reserved)
        const end = writeDeliver(out, 0, prefix, 1, false, bytes, 0, bytes.size)
        expect(writeContentFrame(out, end, FRAME_HEADER, 1, new Block(Buffer.from(header)), 0, header.length)).toBe(
          reserved,
        )
      }),
    )
  })
})

describe('a hand-written content frame', () => {
  test('is the frame of its payload', () => {
    const type = fc.constantFrom<typeof FRAME_HEADER | typeof FRAME_BODY>(FRAME_HEADER, FRAME_BODY)
    fc.assert(
      fc.property(type, channel, fc.uint8Array({ maxLength: 400 }), offset, (kind, id, payload, at) => {
        const source = new Block(Buffer.concat([Buffer.alloc(at), payload]))
        const out = allocateBlock(at + payload.length + 8)
        expect(writeContentFrame(out, at, kind, id, source, at, source.size)).toBe(out.size)
        expect(out.bytes.subarray(at)).toEqual(frame(kind, id, payload))
      }),
    )
  })

  test('begins with a frame header for payloads of any size', () => {
    fc.assert(
      fc.property(channel, fc.integer({ min: 0, max: 0xffff_ffff }), (id, size) => {
        const out = allocateBlock(7)
        writeFrameHeader(out, 0, FRAME_BODY, id, size)
        expect(out.bytes).toEqual(new ByteWriter().octet(FRAME_BODY).short(id).long(size).take())
      }),
    )
  })
})

describe('hand-written settling', () => {
  const bits = (multiple: boolean, requeue: boolean) => Number(multiple) | (Number(requeue) << 1)

  test('writes ack and nack as the table does', () => {
    fc.assert(
      fc.property(channel, tag, fc.boolean(), fc.boolean(), offset, (id, deliveryTag, multiple, requeue, at) => {
        const out = allocateBlock(at + ACK_FRAME_BYTES)
        expect(writeSettle(out, at, id, BASIC_ACK, deliveryTag, bits(multiple, false))).toBe(out.size)
        expect(out.bytes.subarray(at)).toEqual(encodeMethodFrame(id, 'basic.ack', { deliveryTag, multiple }))
        writeSettle(out, at, id, BASIC_NACK, deliveryTag, bits(multiple, requeue))
        expect(out.bytes.subarray(at)).toEqual(encodeMethodFrame(id, 'basic.nack', { deliveryTag, multiple, requeue }))
      }),
    )
  })

  test('reads ack, nack and reject as the table writes them', () => {
    fc.assert(
      fc.property(tag, fc.boolean(), fc.boolean(), (deliveryTag, multiple, requeue) => {
        const frames = [
          [BASIC_ACK, encodeMethodFrame(1, 'basic.ack', { deliveryTag, multiple }), bits(multiple, false)],
          [BASIC_NACK, encodeMethodFrame(1, 'basic.nack', { deliveryTag, multiple, requeue }), bits(multiple, requeue)],
          [BASIC_REJECT, encodeMethodFrame(1, 'basic.reject', { deliveryTag, requeue }), Number(requeue)],
        ] as const
        for (const [methodId, bytes, expected] of frames) {
          const block = new Block(bytes)
          expect(bytes.length).toBe(7 + SETTLE_PAYLOAD_BYTES + 1)
          expect(block.view.getUint32(7)).toBe(methodId)
          expect(readDeliveryTag(block, 7)).toBe(deliveryTag)
          expect(readSettleBits(block, 7)).toBe(expected)
        }
      }),
    )
  })

  test('never takes a tag that no number holds exactly for one that was given out', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }), (large) => {
        const payload = new ByteWriter().short(60).short(80).longlong(large).octet(0).take()
        expect(readDeliveryTag(new Block(payload), 0) <= Number.MAX_SAFE_INTEGER - 1).toBe(false)
      }),
    )
  })
})
