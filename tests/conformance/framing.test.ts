import { expect, test } from 'vitest'
import { differsFromRabbit310, useBroker } from '../support/broker.ts'
import { PROTOCOL_HEADER, type RawClient } from '../support/raw-client.ts'
import {
  BODY,
  contentHeader,
  frame,
  HEADER,
  HEARTBEAT,
  headerFrame,
  METHOD,
  methodFrame,
} from '../support/wire-frames.ts'
import { encodeMethod } from '../support/wire-methods.ts'

const broker = useBroker()

async function openChannel(tune = {}): Promise<RawClient> {
  const client = await broker.open({ tune })
  await client.channel(1)
  return client
}

test('a frame as large as frame-max is accepted', async () => {
  const client = await openChannel({ frameMax: 4096 })
  client.write(methodFrame(1, 'basic.publish', { routingKey: 'no-queue' }))
  client.write(headerFrame(1, 4088))
  client.write(frame(BODY, 1, Buffer.alloc(4088)))
  await client.expectUsable()
})

test.concurrent('a frame larger than frame-max is refused with 501', async () => {
  const client = await openChannel({ frameMax: 4096 })
  client.write(methodFrame(1, 'basic.publish', { routingKey: 'no-queue' }))
  client.write(headerFrame(1, 4097))
  client.write(frame(BODY, 1, Buffer.alloc(4097)))
  await client.expectConnectionClose(501, 'type 3, all octets = <<>>: {frame_too_large,4097,4088}')
  await client.expectSocketClosed()
})

test.concurrent('a frame header that claims far more than frame-max is refused before its payload arrives', async () => {
  const client = await openChannel()
  client.write(Buffer.from([METHOD, 0, 1, 0xff, 0xff, 0xff, 0xff]))
  await client.expectConnectionClose(501, 'type 1, all octets = <<>>: {frame_too_large,4294967295,131064}')
  await client.expectSocketClosed()
})

test.concurrent('a wrong frame end octet is refused with 501', async () => {
  const client = await openChannel()
  client.write(frame(METHOD, 1, encodeMethod('tx.select'), 0xab))
  await client.expectConnectionClose(501, /type 1, all octets = .*: \{invalid_frame_end_marker,171\}$/)
  await client.expectSocketClosed()
})

test('an unknown frame type is refused with 501', async () => {
  const client = await openChannel()
  client.write(frame(7, 1))
  await client.expectConnectionClose(501, 'type 7, all octets = <<>>: unknown_frame')
  await client.expectSocketClosed()
})

test('an unknown frame type with a long payload is refused with a snippet of sixteen octets', async () => {
  const client = await openChannel()
  client.write(frame(9, 0, Buffer.alloc(40, 1)))
  await client.expectConnectionClose(501, `type 9, first 16 octets = <<${'1,'.repeat(15)}1>>: unknown_frame`)
  await client.expectSocketClosed()
})

test.each([
  ['abc', 'all octets = <<"abc">>'],
  ['abcdefghijklmnopqrst', 'first 16 octets = <<"abcdefghijklmnop">>'],
  ['say "hi"\\\n', 'all octets = <<"say \\"hi\\"\\\\\\n">>'],
  ['abc\0', 'all octets = <<97,98,99,0>>'],
])('the payload %j of an unknown frame is quoted as Erlang prints it', async (payload, printed) => {
  const client = await openChannel()
  client.write(frame(7, 1, Buffer.from(payload)))
  await client.expectConnectionClose(501, `type 7, ${printed}: unknown_frame`)
  await client.expectSocketClosed()
})

test.each([0, 1])('a heartbeat with a payload is refused with 501 on channel %d', async (channel) => {
  const client = await openChannel()
  client.write(frame(HEARTBEAT, channel, Buffer.from('ping')))
  await client.expectConnectionClose(501, 'type 8, all octets = <<"ping">>: unknown_frame')
  await client.expectSocketClosed()
})

test('a heartbeat on channel 0 is accepted', async () => {
  const client = await openChannel()
  client.write(frame(HEARTBEAT, 0))
  await client.expectUsable()
})

test('a heartbeat on another channel is refused with 505', async () => {
  const client = await openChannel()
  client.write(frame(HEARTBEAT, 1))
  await client.expectConnectionClose(505, 'type 8, all octets = <<>>')
  await client.expectSocketClosed()
})

test.each([
  ['header', HEADER],
  ['body', BODY],
])('a content %s on channel 0 is refused with 505', async (_, type) => {
  const client = await openChannel()
  client.write(frame(type, 0, contentHeader(0)))
  await client.expectConnectionClose(505, `type ${type}, all octets = <<0,60${',0'.repeat(12)}>>`)
  await client.expectSocketClosed()
})

test('a method where the content header is due is refused with 505', async () => {
  const client = await openChannel()
  client.write(methodFrame(1, 'basic.publish', { routingKey: 'q' }))
  client.write(methodFrame(1, 'basic.publish', { routingKey: 'q' }))
  await client.expectConnectionClose(
    505,
    'expected content header for class 60, got non content header frame instead',
    'basic.publish',
  )
  await client.expectSocketClosed()
})

test('a body where the content header is due is refused with 505', async () => {
  const client = await openChannel()
  client.write(methodFrame(1, 'basic.publish', { routingKey: 'q' }))
  client.write(frame(BODY, 1, Buffer.from('body')))
  await client.expectConnectionClose(
    505,
    'expected content header for class 60, got non content header frame instead',
    'basic.publish',
  )
  await client.expectSocketClosed()
})

test('a content header of another class is refused with 505', async () => {
  const client = await openChannel()
  client.write(methodFrame(1, 'basic.publish', { routingKey: 'q' }))
  client.write(frame(HEADER, 1, contentHeader(4, {}, 10)))
  await client.expectConnectionClose(
    505,
    'expected content header for class 60, got one for class 10 instead',
    'basic.publish',
  )
  await client.expectSocketClosed()
})

test.each([
  ['header', frame(HEADER, 1, contentHeader(4))],
  ['method', methodFrame(1, 'tx.select')],
])('a %s where the body is due is refused with 505', async (_, bytes) => {
  const client = await openChannel()
  client.write(methodFrame(1, 'basic.publish', { routingKey: 'q' }))
  client.write(headerFrame(1, 4))
  client.write(bytes)
  await client.expectConnectionClose(505, 'expected content body, got non content body frame instead', 'basic.publish')
  await client.expectSocketClosed()
})

test.each([
  ['header', frame(HEADER, 1, contentHeader(0))],
  ['body', frame(BODY, 1, Buffer.from('stray'))],
])('a content %s where a method is due is refused with 505', async (_, bytes) => {
  const client = await openChannel()
  client.write(bytes)
  await client.expectConnectionClose(505, 'expected method frame, got non method frame instead')
  await client.expectSocketClosed()
})

differsFromRabbit310('was not checked')('more body than announced is refused with 501', async () => {
  const client = await openChannel()
  client.write(methodFrame(1, 'basic.publish', { routingKey: 'q' }))
  client.write(headerFrame(1, 4))
  client.write(frame(BODY, 1, Buffer.from('fives')))
  await client.expectConnectionClose(501, 'content body frame exceeds remaining content size', 'basic.publish')
  await client.expectSocketClosed()
})

test.each([
  ['header', headerFrame(9, 3)],
  ['body', frame(BODY, 9, Buffer.from('x'))],
])('a content %s on a channel that is not open is refused with 505', async (_, bytes) => {
  const client = await openChannel()
  client.write(bytes)
  await client.expectConnectionClose(505, 'expected method frame, got non method frame instead')
  await client.expectSocketClosed()
})

test.each([0, 1, 2, 3])('a method frame of %d bytes is refused with 501', async (size) => {
  const client = await openChannel()
  client.write(frame(METHOD, 1, Buffer.alloc(size)))
  const octets = '0,'.repeat(size).slice(0, -1)
  await client.expectConnectionClose(501, `type 1, all octets = <<${octets}>>: unknown_frame`)
  await client.expectSocketClosed()
})

test.each([
  ['where it is due', 1, true],
  ['where a method is due', 1, false],
  ['on a channel that is not open', 9, false],
  ['on channel 0', 0, false],
])('a content header of less than 12 bytes %s is refused with 501', async (_, channel, isDue) => {
  for (const size of [0, 3, 11]) {
    const client = await openChannel()
    if (isDue) client.write(methodFrame(channel, 'basic.publish', { routingKey: 'q' }))
    client.write(frame(HEADER, channel, contentHeader(0).subarray(0, size)))
    const octets = [...contentHeader(0).subarray(0, size)].join(',')
    await client.expectConnectionClose(501, `type 2, all octets = <<${octets}>>: unknown_frame`)
    await client.expectSocketClosed()
  }
})

test.each([12, 13])('a content header of %d bytes is refused with 541', async (size) => {
  const client = await openChannel()
  client.write(methodFrame(1, 'basic.publish', { routingKey: 'q' }))
  client.write(frame(HEADER, 1, contentHeader(0).subarray(0, size)))
  await client.expectConnectionClose(541, '')
  await client.expectSocketClosed()
})

test.each([60, 10])('a content header of class %d with a weight is refused with 505', async (classId) => {
  const client = await openChannel()
  const header = contentHeader(4, {}, classId)
  header.writeUInt16BE(1, 2)
  // In one piece, as most publishes come.
  const publish = [methodFrame(1, 'basic.publish', { routingKey: 'q' }), frame(HEADER, 1, header)]
  client.write(Buffer.concat([...publish, frame(BODY, 1, Buffer.from('body'))]))
  const text = 'expected content header for class 60, got non content header frame instead'
  await client.expectConnectionClose(505, text, 'basic.publish')
  await client.expectSocketClosed()
})

differsFromRabbit310('handed them on').each([1, 2, 3])(
  'the property flags %d, which mean nothing, are taken and not delivered',
  async (flags) => {
    const client = await openChannel()
    const other = await client.channel(2)
    const queue = await other.queue()
    client.write(methodFrame(1, 'basic.publish', { routingKey: queue }))
    const header = contentHeader(2, { messageId: 'm' })
    header.writeUInt16BE(header.readUInt16BE(12) | flags, 12)
    client.write(frame(HEADER, 1, header))
    client.write(frame(BODY, 1, Buffer.from('ok')))
    client.send(1, 'tx.select')
    await client.expect(1, 'tx.select-ok')
    expect((await other.get(queue))?.content).toMatchObject({ properties: { messageId: 'm' }, flags: 0x0080 })
  },
)

test('a method that cannot be decoded is refused with 501', async () => {
  const client = await openChannel()
  client.write(frame(METHOD, 1, Buffer.from([0, 50, 0, 10, 0, 0, 200, 1, 2])))
  await client.expectConnectionClose(501, 'cannot decode <<0,0,200,1,2>>', 'queue.declare')
  await client.expectSocketClosed()
})

test('all octets of a method that cannot be decoded are listed, until the text is full', async () => {
  for (const [size, tail] of [
    [40, '>>'],
    [200, '...'],
  ] as const) {
    const client = await openChannel()
    client.write(frame(METHOD, 1, Buffer.concat([Buffer.from([0, 50, 0, 10, 0, 0, 250]), Buffer.alloc(size, 65)])))
    const whole = `FRAME_ERROR - cannot decode <<0,0,250,${Array(size).fill(65).join(',')}>>`
    const text = tail === '>>' ? whole : `${whole.slice(0, 252)}${tail}`
    await client.expect(0, 'connection.close', { replyCode: 501, replyText: text })
    client.send(0, 'connection.close-ok')
    await client.expectSocketClosed()
  }
})

differsFromRabbit310('ended the socket')(
  'a method with a table value of unknown type is refused with 501',
  async () => {
    const client = await openChannel()
    client.send(1, 'queue.declare', { queue: 'q', arguments: { bad: { tag: 'Z', value: null } } })
    const octets = '0,0,1,113,0,0,0,0,5,3,98,97,100,90'
    await client.expectConnectionClose(501, `cannot decode <<${octets}>>`, 'queue.declare')
    await client.expectSocketClosed()
  },
)

test('a name that is not UTF-8 is refused with 501', async () => {
  const client = await openChannel()
  client.send(1, 'queue.declare', { queue: Buffer.from([0x71, 0xff, 0xfe]) })
  await client.expectConnectionClose(501, /Malformed UTF-8 in shortstr.*/)
  await client.expectSocketClosed()
})

test.each([
  ['of an unknown class', [0, 99, 0, 10]],
  ['of a known class', [0, 60, 0, 99]],
])('an unknown method %s ends the connection', async (_, ids) => {
  const client = await openChannel()
  client.write(frame(METHOD, 1, Buffer.from(ids)))
  await client.expectSomeEnd(501, 503, 540)
})

test.each(['basic.deliver', 'queue.declare-ok', 'basic.consume-ok', 'confirm.select-ok'] as const)(
  '%s from a client is refused with 503',
  async (name) => {
    const client = await openChannel()
    client.send(1, name)
    if (name === 'basic.deliver') client.write(headerFrame(1, 0))
    await client.expectConnectionClose(503, 'unimplemented method', name)
    await client.expectSocketClosed()
  },
)

test('content properties that cannot be decoded are refused with 541', async () => {
  const client = await openChannel()
  client.write(methodFrame(1, 'basic.publish', { routingKey: 'q' }))
  // All property flags set, but no values.
  client.write(frame(HEADER, 1, Buffer.from([0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfc])))
  await client.expectConnectionClose(541, '')
  await client.expectSocketClosed()
})

differsFromRabbit310('the cap on body sizes came later').each([600n * 1024n * 1024n, 2n ** 63n, 2n ** 64n - 1n])(
  'a body of %d bytes, more than 512 MiB, is refused with 501',
  async (size) => {
    const client = await openChannel()
    client.write(methodFrame(1, 'basic.publish', { routingKey: 'q' }))
    client.write(headerFrame(1, size))
    const text = `content body size ${size} exceeds maximum allowed size 536870912`
    await client.expectConnectionClose(501, text, 'basic.publish')
    await client.expectSocketClosed()
  },
)

test('frames that arrive byte by byte are put together', async () => {
  const client = await openChannel()
  for (const octet of methodFrame(1, 'confirm.select')) client.write(Buffer.from([octet]))
  await client.expect(1, 'confirm.select-ok')
})

test('frames of several channels may be mixed within content', async () => {
  const client = await openChannel()
  const other = await client.channel(2)
  const queue = await other.queue()
  client.write(methodFrame(1, 'basic.publish', { routingKey: queue }))
  await other.expectQuiet(queue)
  client.write(headerFrame(1, 8))
  client.write(frame(BODY, 1, Buffer.from('half')))
  await other.expectQuiet(queue)
  client.write(frame(BODY, 1, Buffer.from('more')))
  client.send(1, 'tx.select')
  await client.expect(1, 'tx.select-ok')
  expect(await other.drain(queue)).toEqual(['halfmore'])
})

test('two messages may be under way on two channels', async () => {
  const client = await openChannel()
  const second = await client.channel(2)
  const queue = await second.queue()
  for (const channel of [1, 2]) {
    client.write(methodFrame(channel, 'basic.publish', { routingKey: queue }))
    client.write(headerFrame(channel, 4, { messageId: `${channel}` }))
  }
  for (const part of ['ab', 'cd']) {
    for (const channel of [2, 1]) client.write(frame(BODY, channel, Buffer.from(part)))
  }
  client.send(1, 'tx.select')
  await client.expect(1, 'tx.select-ok')
  for (const messageId of ['2', '1']) {
    const message = await second.get(queue, true)
    expect(message?.content).toMatchObject({ properties: { messageId } })
    expect(message?.content.body.toString()).toBe('abcd')
  }
})

test('body frames of no bytes are skipped over', async () => {
  const client = await openChannel()
  const other = await client.channel(2)
  const queue = await other.queue()
  client.write(methodFrame(1, 'basic.publish', { routingKey: queue }))
  client.write(headerFrame(1, 2))
  for (const body of ['', 'o', '', 'k']) client.write(frame(BODY, 1, Buffer.from(body)))
  client.send(1, 'tx.select')
  await client.expect(1, 'tx.select-ok')
  expect(await other.drain(queue)).toEqual(['ok'])
})

test('everything after a framing error is ignored until close-ok', async () => {
  const client = await openChannel()
  client.write(frame(BODY, 1, Buffer.from('stray')))
  client.write(methodFrame(1, 'tx.select'))
  client.write(frame(HEADER, 3, Buffer.from('nonsense')))
  await client.expectConnectionClose(505, 'expected method frame, got non method frame instead')
  await client.expectSocketClosed()
})

test.concurrent('a second protocol header after the handshake ends the connection', async () => {
  const client = await openChannel()
  client.write(PROTOCOL_HEADER)
  await client.expectSomeEnd(501)
})
