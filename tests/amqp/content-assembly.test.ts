import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameError } from '../../protocol/errors.ts'
import { ContentAssembly } from '../../src/amqp/content-assembly.ts'
import { Message } from '../../src/broker/messages/message.ts'
import { Block } from '../../src/lib/block.ts'
import { BodyPool } from '../../src/lib/body-pool.ts'
import { contentHeader } from '../support/wire-frames.ts'
import { ByteWriter } from '../support/wire-values.ts'

const MEBIBYTE = 1024 * 1024

/** Behind other bytes and in front of others, in a block that is overwritten afterwards. */
function passed(bytes: Uint8Array, use: (block: Block, start: number, end: number) => void): void {
  const block = new Block(Buffer.concat([Buffer.alloc(5, 1), bytes, Buffer.alloc(5, 2)]))
  use(block, 5, 5 + bytes.length)
  block.bytes.fill(0xee)
}

function begun(exchange = 'ex', routingKey = 'key', bits = 1): ContentAssembly {
  const key = new ByteWriter().shortstr(exchange).shortstr(routingKey).octet(bits).take()
  const content = new ContentAssembly(new BodyPool())
  passed(key, (block, start, end) => content.begin(block, start, end - 1))
  return content
}

function addHeader(content: ContentAssembly, header: Buffer, bodyBytesMax = 64 * MEBIBYTE): void {
  passed(header, (block, start, end) => content.header(block, start, end, bodyBytesMax))
}

function addBody(content: ContentAssembly, body: Uint8Array): void {
  passed(body, (block, start, end) => content.body(block, start, end))
}

function refusal(act: () => void): Partial<FrameError> {
  try {
    act()
  } catch (error) {
    if (error instanceof FrameError) return { code: error.code, text: error.text }
    throw error
  }
  throw new Error('it was not refused')
}

describe('ContentAssembly', () => {
  test('puts a message together from any pieces', () => {
    const texts = fc.string({ maxLength: 30 })
    const pieces = fc.array(fc.uint8Array({ maxLength: 500 }), { maxLength: 12 })
    fc.assert(
      fc.property(texts, texts, pieces, (exchange, routingKey, bodies) => {
        const body = Buffer.concat(bodies)
        const header = contentHeader(body.length, { messageId: routingKey })
        const content = begun(exchange, routingKey)
        addHeader(content, header)
        let sent = 0
        for (const piece of bodies) {
          expect(content.isComplete).toBe(sent === body.length)
          sent += piece.length
          if (piece.length > 0) addBody(content, piece)
          if (content.isComplete) break
        }
        expect(content.isComplete).toBe(true)
        const message = new Message()
        content.fill(message)
        expect([message.exchange, message.routingKey]).toEqual([exchange, routingKey])
        expect(message.head.bytes.subarray(message.headerStart, message.headerEnd)).toEqual(header)
        expect(message.body.bytes.subarray(message.bodyStart, message.bodyEnd)).toEqual(body)
        expect(message.ownBody().size).toBe(body.length)
      }),
    )
  })

  test('keeps the octet of bits', () => {
    expect(begun('', 'q', 3).bits).toBe(3)
  })

  test('takes memory as the body arrives, not as the header claims', () => {
    const content = begun()
    addHeader(content, contentHeader(16 * MEBIBYTE))
    expect(content.allocatedBytes).toBeLessThan(2048)
    addBody(content, Buffer.alloc(10))
    expect(content.allocatedBytes).toBeLessThanOrEqual(MEBIBYTE)
    for (let sent = 10; sent < 3 * MEBIBYTE; sent += 100_000) addBody(content, Buffer.alloc(100_000))
    expect(content.allocatedBytes).toBeLessThanOrEqual(8 * MEBIBYTE)
  })

  test('counts the memory of its header', () => {
    const content = begun()
    const header = contentHeader(10, { headers: { padding: 'x'.repeat(50_000) } })
    addHeader(content, header)
    expect(content.allocatedBytes).toBeGreaterThan(header.length)
    expect(content.allocatedBytes).toBeLessThan(header.length + 2048)
  })

  test('takes exactly the memory of the body in the end', () => {
    const content = begun()
    addHeader(content, contentHeader(5 * MEBIBYTE + 1))
    const before = content.allocatedBytes
    for (let i = 0; i < 5; i++) addBody(content, Buffer.alloc(MEBIBYTE, i))
    addBody(content, Buffer.of(9))
    expect([content.isComplete, content.allocatedBytes - before]).toEqual([true, 5 * MEBIBYTE + 1])
  })
})

test('a body that is too large is counted to its end and takes no memory', () => {
  const content = begun()
  const { allocatedBytes } = content
  addHeader(content, contentHeader(5 * MEBIBYTE), 5 * MEBIBYTE - 1)
  for (let i = 0; i < 5; i++) {
    expect([content.isComplete, content.refusedBytes]).toEqual([false, 5 * MEBIBYTE])
    addBody(content, Buffer.alloc(MEBIBYTE))
    expect(content.allocatedBytes).toBe(allocatedBytes)
  }
  expect(content.isComplete).toBe(true)
  expect(refusal(() => addBody(content, Buffer.of(1))).code).toBe(501)
})

test('a body as large as it may be is kept', () => {
  const content = begun()
  addHeader(content, contentHeader(3), 3)
  addBody(content, Buffer.from('abc'))
  expect([content.isComplete, content.refusedBytes]).toEqual([true, undefined])
})

describe('ContentAssembly refuses', () => {
  test('a body before the header', () => {
    const text = 'expected content header for class 60, got non content header frame instead'
    expect(refusal(() => addBody(begun(), Buffer.of(1)))).toEqual({ code: 505, text })
  })

  test('a second header', () => {
    const content = begun()
    addHeader(content, contentHeader(3))
    const text = 'expected content body, got non content body frame instead'
    expect(refusal(() => addHeader(content, contentHeader(3)))).toEqual({ code: 505, text })
  })

  test('a header of another class', () => {
    const text = 'expected content header for class 60, got one for class 50 instead'
    expect(refusal(() => addHeader(begun(), contentHeader(0, {}, 50)))).toEqual({ code: 505, text })
  })

  test('a header with a weight, whatever its class', () => {
    const text = 'expected content header for class 60, got non content header frame instead'
    for (const header of [contentHeader(0), contentHeader(0, {}, 50)]) {
      header.writeUInt16BE(1, 2)
      expect(refusal(() => addHeader(begun(), header))).toEqual({ code: 505, text })
    }
  })

  test.each([
    [0, 501],
    [11, 501],
    [12, 541],
    [13, 541],
  ])('a header of %d octets', (length, code) => {
    expect(refusal(() => addHeader(begun(), contentHeader(0).subarray(0, length))).code).toBe(code)
  })

  test.each([512n * 1024n * 1024n + 1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n])('a body size of %d', (size) => {
    const text = `content body size ${size} exceeds maximum allowed size 536870912`
    expect(refusal(() => addHeader(begun(), contentHeader(size)))).toEqual({ code: 501, text })
  })

  test('a body that is longer than its header says', () => {
    const content = begun()
    addHeader(content, contentHeader(3))
    addBody(content, Buffer.alloc(2))
    const text = 'content body frame exceeds remaining content size'
    expect(refusal(() => addBody(content, Buffer.alloc(2)))).toEqual({ code: 501, text })
  })
})
