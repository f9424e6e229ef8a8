import { beforeEach, expect, test } from 'vitest'
import { differsFromRabbit310, useBroker } from '../support/broker.ts'
import type { Message, RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'
import { headerFrame } from '../support/wire-frames.ts'

const broker = useBroker()
const REPLY_TO = 'amq.rabbitmq.reply-to'
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

async function expectRefused(message: Message, code: number, text: string | RegExp): Promise<void> {
  channel.publish(message)
  await channel.expectClose(code, text, 'basic.publish')
  await channel.reopen()
}

test('a missing exchange is 404', async () => {
  const exchange = unique('missing')
  await expectRefused({ exchange, body: 'm' }, 404, `no exchange '${exchange}' in vhost '/'`)
})

test('an exchange that was deleted since the last publish is 404', async () => {
  const exchange = await channel.exchange('fanout')
  channel.publish({ exchange })
  await channel.call('exchange.delete', { exchange })
  await expectRefused({ exchange }, 404, `no exchange '${exchange}' in vhost '/'`)
})

test('an internal exchange is 403', async () => {
  const exchange = await channel.exchange('direct', { internal: true })
  await expectRefused({ exchange }, 403, `cannot publish to internal exchange '${exchange}' in vhost '/'`)
})

test('immediate ends the connection with 540', async () => {
  channel.publish({ exchange: unique('missing'), immediate: true, body: 'm' })
  await channel.client.expectConnectionClose(540, 'immediate=true', 'basic.publish')
  await channel.client.expectSocketClosed()
})

test('a reply-to that asks for direct replies needs a reply consumer', async () => {
  const properties = { replyTo: REPLY_TO }
  await expectRefused({ routingKey: 'x', properties }, 406, 'fast reply consumer does not exist')
})

test.each([
  ['soon', /invalid expiration 'soon': no_integer$/],
  ['', /invalid expiration '': no_integer$/],
  ['10s', /invalid expiration '10s': \{leftover_string,"s"\}$/],
  ['-1', /invalid expiration '-1': \{value_negative,-1\}$/],
  ['1.5', /invalid expiration '1\.5': \{leftover_string,"\.5"\}$/],
  ['315360000001', /invalid expiration '315360000001': \{value_too_large,315360000001\}$/],
])('the expiration "%s" is 406', async (expiration, text) => {
  const queue = await channel.queue()
  await expectRefused({ routingKey: queue, properties: { expiration } }, 406, text)
  expect(await channel.get(queue)).toBeUndefined()
})

test('a user-id that is not the user is 406', async () => {
  const properties = { userId: 'another' }
  const text = "user_id property set to 'another' but authenticated user was 'guest'"
  await expectRefused({ routingKey: 'x', properties }, 406, text)
})

test('a user-id that is the user passes and is delivered', async () => {
  const queue = await channel.queue()
  channel.publish({ routingKey: queue, properties: { userId: 'guest' }, body: 'm' })
  expect((await channel.get(queue))?.content.properties).toEqual({ userId: 'guest' })
})

test('the exchange is checked before the internal flag and the properties', async () => {
  const exchange = unique('missing')
  const properties = { userId: 'another', expiration: 'soon', replyTo: REPLY_TO, headers: { CC: 'bad' } }
  await expectRefused({ exchange, properties }, 404, `no exchange '${exchange}' in vhost '/'`)
})

test('the internal flag is checked before the properties', async () => {
  const exchange = await channel.exchange('direct', { internal: true })
  const properties = { userId: 'another', expiration: 'soon', replyTo: REPLY_TO, headers: { CC: 'bad' } }
  const text = `cannot publish to internal exchange '${exchange}' in vhost '/'`
  await expectRefused({ exchange, properties }, 403, text)
})

differsFromRabbit310('had another order')(
  'among the properties reply-to, expiration, CC and user-id are checked in this order',
  async () => {
    const all = { userId: 'another', headers: { CC: 'bad' }, expiration: 'soon', replyTo: REPLY_TO }
    const { replyTo: _, ...expiration } = all
    const { expiration: __, ...list } = expiration
    await expectRefused({ routingKey: 'x', properties: all }, 406, 'fast reply consumer does not exist')
    await expectRefused({ routingKey: 'x', properties: expiration }, 406, /invalid expiration 'soon': no_integer$/)
    await expectRefused({ routingKey: 'x', properties: list }, 406, /invalid message: \{unacceptable_type_in_header,.*/)
  },
)

differsFromRabbit310('the limit was 128 MiB')('a message of 16 MiB passes and one byte more is 406', async () => {
  const limit = 16 * 1024 * 1024
  const queue = await channel.queue()
  channel.publish({ routingKey: queue, body: Buffer.alloc(limit, 1) })
  expect((await channel.get(queue, true))?.content.body.length).toBe(limit)
  const text = `message size ${limit + 1} is larger than configured max size ${limit}`
  await expectRefused({ routingKey: queue, body: Buffer.alloc(limit + 1) }, 406, text)
  expect(await channel.get(queue)).toBeUndefined()
})

differsFromRabbit310('the limit was 128 MiB')('the size is checked before the exchange', async () => {
  const size = 16 * 1024 * 1024 + 1
  const text = /message size \d+ is larger than configured max size \d+$/
  await expectRefused({ exchange: unique('missing'), body: Buffer.alloc(size) }, 406, text)
})

test('a refused publish of several frames leaves the other channels usable', async () => {
  const other = await channel.client.channel(2)
  const queue = await other.queue()
  const exchange = unique('missing')
  channel.publish({ exchange, body: Buffer.alloc(500_000) })
  other.publishTo(queue, 'fine')
  await channel.expectClose(404, `no exchange '${exchange}' in vhost '/'`, 'basic.publish')
  expect(await other.drain(queue)).toEqual(['fine'])
})

test('a message is routed when its last byte is there, not before', async () => {
  const other = await channel.client.channel(2)
  const queue = await other.queue()
  channel.send('basic.publish', { routingKey: queue })
  channel.client.write(headerFrame(1, 3))
  await other.expectQuiet(queue)
  await other.expectCounts(queue, 0, 0)
  channel.client.write(Buffer.from([3, 0, 1, 0, 0, 0, 3, 0x61, 0x62, 0x63, 0xce]))
  await channel.expectQuiet(queue)
  expect(await other.drain(queue)).toEqual(['abc'])
})
