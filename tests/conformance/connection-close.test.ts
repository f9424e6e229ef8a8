import { expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import { methodFrame } from '../support/wire-frames.ts'

const broker = useBroker()

test('connection.close is answered with close-ok', async () => {
  const client = await broker.open()
  await client.close()
})

test('connection.close with open channels and consumers is answered with nothing but close-ok', async () => {
  const client = await broker.open()
  const channel = await client.channel(1)
  const queue = await channel.queue()
  await channel.consume(queue)
  client.send(0, 'connection.close', { replyCode: 200 })
  expect((await client.next()).name).toBe('connection.close-ok')
})

test('what one channel gives back at the end of its connection goes to no other channel of it', async () => {
  const client = await broker.open()
  const fetching = await client.channel(1)
  const queue = await fetching.queue({ exclusive: false })
  fetching.publishTo(queue, 'fetched')
  await fetching.get(queue)
  await (await client.channel(2)).consume(queue)
  client.send(0, 'connection.close', { replyCode: 200 })
  expect((await client.next()).name).toBe('connection.close-ok')
  const next = await broker.channel()
  expect(await next.get(queue)).toMatchObject({ args: { redelivered: true, deliveryTag: 1 } })
  await next.call('queue.delete', { queue })
})

test('after connection.close everything but close-ok is ignored', async () => {
  const client = await broker.open()
  await client.channel(1)
  client.write(
    Buffer.concat([
      methodFrame(0, 'connection.close', { replyCode: 200 }),
      methodFrame(1, 'queue.declare', { queue: 'late' }),
      methodFrame(0, 'connection.open', { virtualHost: '/' }),
    ]),
  )
  expect((await client.next()).name).toBe('connection.close-ok')
  client.socket.end()
  await client.expectSocketClosed()
})

test('a close of the client that crosses one of the server ends the connection cleanly', async () => {
  const client = await broker.open()
  const closes = [methodFrame(5, 'tx.select'), methodFrame(0, 'connection.close', { replyCode: 200 })]
  client.write(Buffer.concat(closes))
  await client.expectConnectionClose(504, "expected 'channel.open'", 'tx.select')
  await client.expectSocketClosed()
  // Whether the close of the client is still answered is a matter of timing; nothing else may come.
  const last = await client.next().catch(() => undefined)
  if (last) expect(last.name).toBe('connection.close-ok')
})

test('an error ends the whole connection: no frame of any channel follows', async () => {
  const client = await broker.open()
  const channel = await client.channel(1)
  const queue = await channel.queue()
  await channel.consume(queue, { noAck: true })
  const publish = channel.publishBytes({ routingKey: queue, body: 'm' })
  client.write(Buffer.concat([methodFrame(9, 'tx.select'), publish, publish]))
  expect((await client.next()).name).toBe('connection.close')
  client.send(0, 'connection.close-ok')
  await client.expectSocketClosed()
  await expect(client.next()).rejects.toThrow('the broker closed the socket')
})

test('connection.update-secret is accepted for the user of the connection', async () => {
  const client = await broker.open()
  client.send(0, 'connection.update-secret', { newSecret: 'guest', reason: 'renewal' })
  await client.expect(0, 'connection.update-secret-ok')
  await client.expectUsable()
})

test.each(['connection.blocked', 'connection.open-ok', 'connection.start'] as const)(
  '%s from a client ends the connection',
  async (name) => {
    const client = await broker.open()
    client.send(0, name)
    await client.expectSomeEnd(503, 504)
  },
)

test('a channel method on channel 0 ends the connection', async () => {
  const client = await broker.open()
  client.send(0, 'queue.declare', { queue: 'q' })
  await client.expectSomeEnd(503, 504)
})

test('a connection method on another channel ends the connection', async () => {
  const client = await broker.open()
  await client.channel(1)
  client.send(1, 'connection.open', { virtualHost: '/' })
  await client.expectSomeEnd(503, 504)
})

test('a client that just disappears leaves nothing behind', async () => {
  const watcher = await broker.channel()
  const queue = await watcher.queue({ exclusive: false, autoDelete: true })
  await watcher.consume(queue, { noAck: true })
  const client = await broker.open()
  const channel = await client.channel(1)
  const held = await channel.queue({ exclusive: false, autoDelete: false })
  channel.publishTo(held, 'm')
  await channel.expectCounts(held, 1, 0)
  await channel.get(held)
  client.destroy()
  await watcher.consume(held, { consumerTag: 'heir', noAck: true })
  await watcher.delivery({ consumerTag: 'heir', redelivered: true })
  await (await watcher.client.channel(2)).call('queue.delete', { queue: held })
})
