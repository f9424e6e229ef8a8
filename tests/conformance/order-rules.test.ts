import { expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import { unique } from '../support/unique.ts'
import { methodFrame } from '../support/wire-frames.ts'

const broker = useBroker()

test('consume-ok comes before the first delivery, even from a full queue', async () => {
  const channel = await broker.channel()
  const queue = await channel.queue()
  const bodies = Array.from({ length: 100 }, (_, n) => `${n}`)
  channel.publishTo(queue, ...bodies)
  await channel.expectCounts(queue, 100, 0)
  // `call` fails when anything but consume-ok is the next thing on the channel.
  await channel.call('basic.consume', { queue, consumerTag: 'c', noAck: true })
  await channel.expectBodies(...bodies)
})

test('nothing is delivered after cancel-ok', async () => {
  const channel = await broker.channel()
  const publisher = await channel.client.channel(2)
  const queue = await channel.queue()
  await channel.consume(queue, { consumerTag: 'c', noAck: true })
  const one = publisher.publishBytes({ routingKey: queue, body: 'm' })
  const cancel = methodFrame(1, 'basic.cancel', { consumerTag: 'c' })
  const burst = Array.from({ length: 100 }, () => one)
  channel.client.write(Buffer.concat([...burst, cancel, ...burst]))
  let reply = await channel.next()
  while (reply.name === 'basic.deliver') reply = await channel.next()
  expect(reply.name).toBe('basic.cancel-ok')
  await publisher.expectQuiet(queue)
  await channel.expectQuiet(queue)
})

test('nothing comes on a channel after the server closed it', async () => {
  const channel = await broker.channel()
  const other = await channel.client.channel(2)
  const queue = await channel.queue()
  await channel.consume(queue, { noAck: true })
  channel.ack(99)
  const close = await channel.next()
  expect(close.name).toBe('channel.close')
  // The channel waits for close-ok: neither methods nor messages of others get an answer on it.
  channel.send('queue.declare', { queue: unique('ignored'), exclusive: true })
  channel.publish({ routingKey: queue, mandatory: true })
  other.publishTo(queue, 'for no consumer')
  await other.expectQuiet(queue)
  channel.send('channel.close-ok')
  await channel.reopen()
  await channel.expectQuiet(queue)
  await other.expectCounts(queue, 1, 0)
})

test('publishes behind one that closed the channel are dropped', async () => {
  const channel = await broker.channel()
  const other = await channel.client.channel(2)
  const queue = await other.queue()
  const missing = unique('missing')
  const good = channel.publishBytes({ routingKey: queue, body: 'good' })
  const bad = channel.publishBytes({ exchange: missing, body: 'bad' })
  channel.client.write(Buffer.concat([good, bad, good, good]))
  await channel.expectClose(404, `no exchange '${missing}' in vhost '/'`, 'basic.publish')
  await channel.reopen()
  expect(await other.drain(queue)).toEqual(['good'])
})

test('messages of one publisher reach one consumer in order, whatever the size', async () => {
  const channel = await broker.channel()
  const consumer = await broker.channel()
  const queue = await channel.queue({ exclusive: false, autoDelete: true })
  await consumer.consume(queue, { noAck: true })
  const bodies = Array.from({ length: 400 }, (_, n) => `${n}:`.padEnd(n % 50 === 49 ? 200_000 : n, 'x'))
  for (const body of bodies) channel.publishTo(queue, body)
  for (const body of bodies) {
    const { content } = await consumer.delivery()
    expect(content.body.toString() === body, `expected ${body.slice(0, 4)}`).toBe(true)
  }
})

test('replies on a channel come in the order of the requests', async () => {
  const channel = await broker.channel()
  const names = Array.from({ length: 50 }, () => unique('q'))
  for (const queue of names) channel.send('queue.declare', { queue, exclusive: true })
  for (const queue of names) await channel.expect('queue.declare-ok', { queue })
})

test('a bind is in force for the publish behind it', async () => {
  const channel = await broker.channel()
  const queue = await channel.queue()
  for (let round = 0; round < 20; round++) {
    const binding = { queue, exchange: 'amq.direct', routingKey: queue }
    const publish = channel.publishBytes({
      exchange: 'amq.direct',
      routingKey: queue,
      body: `${round}`,
      mandatory: true,
    })
    channel.client.write(
      Buffer.concat([methodFrame(1, 'queue.bind', binding), publish, methodFrame(1, 'queue.unbind', binding), publish]),
    )
    await channel.expect('queue.bind-ok')
    await channel.expect('queue.unbind-ok')
    await channel.returned({ routingKey: queue })
  }
  expect(await channel.drain(queue)).toEqual(Array.from({ length: 20 }, (_, n) => `${n}`))
})

test('a message published just before the connection closes is not lost', async () => {
  const observer = await broker.channel()
  const queue = await observer.queue({ exclusive: false, autoDelete: true })
  await observer.consume(queue, { noAck: true })
  for (let round = 0; round < 10; round++) {
    const channel = await broker.channel()
    const message = channel.publishBytes({ routingKey: queue, body: `${round}` })
    channel.client.write(Buffer.concat([message, methodFrame(0, 'connection.close', { replyCode: 200 })]))
    await channel.client.expect(0, 'connection.close-ok')
    await observer.expectBodies(`${round}`)
  }
})

test('delete-ok comes before the basic.cancel of the channel’s own consumers', async () => {
  const channel = await broker.channel()
  for (let round = 0; round < 10; round++) {
    const queue = await channel.queue()
    await channel.consume(queue, { consumerTag: 'c' })
    await channel.call('queue.delete', { queue })
    await channel.expect('basic.cancel', { consumerTag: 'c' })
  }
})

test('cancel-ok of the last consumer comes when its auto-delete queue is gone', async () => {
  const channel = await broker.channel()
  const other = await channel.client.channel(2)
  const queue = await channel.queue({ exclusive: false, autoDelete: true })
  await channel.consume(queue, { consumerTag: 'c' })
  await channel.call('basic.cancel', { consumerTag: 'c' })
  await channel.expectQuiet()
  await other.expectRefusal('queue.declare', { queue, passive: true }, 404, `no queue '${queue}' in vhost '/'`)
})

test('channel.close-ok comes when what the channel held is back in the queue', async () => {
  const channel = await broker.channel()
  const other = await channel.client.channel(2)
  const queue = await other.queue()
  other.publishTo(queue, 'm')
  await other.expectCounts(queue, 1, 0)
  for (let round = 0; round < 10; round++) {
    await channel.get(queue)
    await channel.close()
    await other.expectCounts(queue, 1, 0)
    await channel.reopen()
  }
})
