import { beforeEach, expect, test } from 'vitest'
import { differsFromRabbit310, useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'

const broker = useBroker()
const REPLY_TO = 'amq.rabbitmq.reply-to'
let requester: RawChannel
let replier: RawChannel
let service: string

beforeEach(async () => {
  requester = await broker.channel()
  replier = await broker.channel()
  service = await requester.queue({ exclusive: false, autoDelete: true })
  await replier.consume(service, { noAck: true })
})

async function requestAddress(): Promise<string> {
  requester.publish({ routingKey: service, body: 'question', properties: { replyTo: REPLY_TO, correlationId: '1' } })
  const { content } = await replier.delivery()
  return String(content.properties.replyTo)
}

test('a request gets a reply address and its reply comes to the requester', async () => {
  await requester.consume(REPLY_TO, { noAck: true, consumerTag: 'replies' })
  const address = await requestAddress()
  expect(address).toMatch(/^amq\.rabbitmq\.reply-to\..+/)
  replier.publish({ routingKey: address, body: 'answer', properties: { correlationId: '1' } })
  const reply = await requester.delivery()
  expect(reply.args).toMatchObject({ consumerTag: 'replies', redelivered: false, exchange: '', routingKey: address })
  expect(reply.content.body.toString()).toBe('answer')
  expect(reply.content.properties).toEqual({ correlationId: '1' })
})

differsFromRabbit310('returned it nevertheless')('a mandatory reply that arrives is not returned', async () => {
  await requester.consume(REPLY_TO, { noAck: true })
  const address = await requestAddress()
  replier.publish({ routingKey: address, body: 'answer', mandatory: true })
  await requester.expectBodies('answer')
  await replier.expectQuiet()
})

test('many requests of one channel keep their order', async () => {
  await requester.consume(REPLY_TO, { noAck: true })
  const bodies = Array.from({ length: 50 }, (_, n) => `${n}`)
  for (const body of bodies) requester.publish({ routingKey: service, body, properties: { replyTo: REPLY_TO } })
  for (const _ of bodies) {
    const { content } = await replier.delivery()
    replier.publish({ routingKey: content.properties.replyTo ?? '', body: content.body })
  }
  await requester.expectBodies(...bodies)
})

test('the reply consumer must be no-ack', async () => {
  const args = { queue: REPLY_TO, noAck: false }
  await requester.expectRefusal('basic.consume', args, 406, 'reply consumer cannot acknowledge')
})

test('a channel has one reply consumer', async () => {
  await requester.consume(REPLY_TO, { noAck: true })
  const args = { queue: REPLY_TO, noAck: true }
  await requester.expectRefusal('basic.consume', args, 406, 'reply consumer already set')
})

test('a second reply consumer is refused as such, even with the same tag', async () => {
  await requester.consume(REPLY_TO, { noAck: true, consumerTag: 'same' })
  const again = { queue: REPLY_TO, noAck: true, consumerTag: 'same' }
  await requester.expectRefusal('basic.consume', again, 406, 'reply consumer already set')
})

test('a reply consumer that acknowledges is refused for that first', async () => {
  await requester.consume(REPLY_TO, { noAck: true, consumerTag: 'same' })
  const again = { queue: REPLY_TO, noAck: false, consumerTag: 'same' }
  await requester.expectRefusal('basic.consume', again, 406, 'reply consumer cannot acknowledge')
})

test('a reply consumer does not take the tag of another consumer', async () => {
  await requester.consume(service, { consumerTag: 'taken' })
  requester.send('basic.consume', { queue: REPLY_TO, consumerTag: 'taken' })
  await requester.client.expectConnectionClose(530, "attempt to reuse consumer tag 'taken'", 'basic.consume')
})

differsFromRabbit310('allowed it')('the tag of the reply consumer is used up like any other', async () => {
  const queue = await requester.queue()
  await requester.consume(REPLY_TO, { noAck: true, consumerTag: 'taken' })
  requester.send('basic.consume', { queue, consumerTag: 'taken' })
  await requester.client.expectConnectionClose(530, "attempt to reuse consumer tag 'taken'", 'basic.consume')
})

test('after cancel the channel may ask for replies again', async () => {
  await requester.consume(REPLY_TO, { noAck: true, consumerTag: 'first' })
  await requester.call('basic.cancel', { consumerTag: 'first' })
  await requester.consume(REPLY_TO, { noAck: true, consumerTag: 'second' })
  const address = await requestAddress()
  replier.publish({ routingKey: address, body: 'answer' })
  await requester.delivery({ consumerTag: 'second' })
})

test('a request without a reply consumer is 406', async () => {
  requester.publish({ routingKey: service, properties: { replyTo: REPLY_TO } })
  await requester.expectClose(406, 'fast reply consumer does not exist', 'basic.publish')
})

test('a reply-to of any other name is left alone', async () => {
  requester.publish({ routingKey: service, properties: { replyTo: 'my-own-queue' } })
  expect((await replier.delivery()).content.properties.replyTo).toBe('my-own-queue')
})

test('a reply to a requester whose channel is gone is unroutable', async () => {
  await requester.consume(REPLY_TO, { noAck: true })
  const address = await requestAddress()
  await requester.close()
  replier.publish({ routingKey: address, body: 'late', mandatory: true })
  await replier.returned({ replyCode: 312, replyText: 'NO_ROUTE', exchange: '', routingKey: address })
})

differsFromRabbit310('found the channel, not the consumer')(
  'a reply to a requester that cancelled its reply consumer is unroutable',
  async () => {
    await requester.consume(REPLY_TO, { noAck: true, consumerTag: 'replies' })
    const address = await requestAddress()
    await requester.call('basic.cancel', { consumerTag: 'replies' })
    replier.publish({ routingKey: address, body: 'late', mandatory: true })
    await replier.returned({ replyCode: 312, routingKey: address })
  },
)

test('an invented reply address is unroutable', async () => {
  replier.publish({ routingKey: `${REPLY_TO}.invented`, body: 'm', mandatory: true })
  await replier.returned({ replyCode: 312 })
})

test.each([{ passive: true }, { passive: false }])(
  'queue.declare %j tells whether a requester is there',
  async (args) => {
    await requester.consume(REPLY_TO, { noAck: true })
    const address = await requestAddress()
    const alive = await replier.call('queue.declare', { queue: address, ...args })
    expect(alive.args).toEqual({ queue: address, messageCount: 0, consumerCount: 1 })
    await requester.close()
    await replier.expectRefusal('queue.declare', { queue: address, ...args }, 404, `no queue '${address}' in vhost '/'`)
  },
)

test.each([{ passive: true }, { passive: false }])(
  'queue.declare %j of the pseudo-queue itself is answered',
  async (args) => {
    const declared = await requester.call('queue.declare', { queue: REPLY_TO, ...args })
    expect(declared.args).toEqual({ queue: REPLY_TO, messageCount: 0, consumerCount: 1 })
  },
)

test('the pseudo-queue counts as the last declared queue', async () => {
  await requester.call('queue.declare', { queue: REPLY_TO })
  await requester.call('basic.consume', { queue: '', noAck: true })
  const address = await requestAddress()
  await replier.call('queue.declare', { queue: address, passive: true })
  const text = `no queue '${address}' in vhost '/'`
  await requester.close()
  await replier.expectRefusal('basic.get', { queue: '' }, 404, text)
})

test('the pseudo-queue cannot be bound: there is no such queue', async () => {
  const binding = { queue: REPLY_TO, exchange: 'amq.direct', routingKey: 'k' }
  await requester.expectRefusal('queue.bind', binding, 404, `no queue '${REPLY_TO}' in vhost '/'`)
})

test('unbinding the pseudo-queue or a reply address is fine, as with all that is not bound', async () => {
  await requester.consume(REPLY_TO, { noAck: true })
  for (const queue of [REPLY_TO, await requestAddress()]) {
    await requester.call('queue.unbind', { queue, exchange: 'amq.direct', routingKey: 'k' })
  }
})

test('the reply address is written into a request that is returned', async () => {
  await requester.consume(REPLY_TO, { noAck: true })
  const address = await requestAddress()
  requester.publish({ routingKey: 'no-such-reply', properties: { replyTo: REPLY_TO }, mandatory: true })
  expect((await requester.returned()).content.properties).toEqual({ replyTo: address })
})

differsFromRabbit310('was 404')('a reply address cannot be bound', async () => {
  await requester.consume(REPLY_TO, { noAck: true })
  const address = await requestAddress()
  const binding = { queue: address, exchange: 'amq.direct', routingKey: 'k' }
  await replier.expectRefusal('queue.bind', binding, 403, /.*/)
})

test('a confirm channel may send requests and replies', async () => {
  await requester.call('confirm.select')
  await replier.call('confirm.select')
  await requester.consume(REPLY_TO, { noAck: true })
  const address = await requestAddress()
  await requester.expect('basic.ack', { deliveryTag: 1 })
  replier.publish({ routingKey: address, body: 'answer' })
  await replier.expect('basic.ack', { deliveryTag: 1 })
  await requester.expectBodies('answer')
})

test('a reply of several frames arrives whole', async () => {
  await requester.consume(REPLY_TO, { noAck: true })
  const address = await requestAddress()
  const body = Buffer.alloc(400_000, 'reply')
  replier.publish({ routingKey: address, body })
  expect((await requester.delivery()).content.body.equals(body)).toBe(true)
})
