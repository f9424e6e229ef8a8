import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'

const broker = useBroker()
let channel: RawChannel
let other: RawChannel
let queue: string

beforeEach(async () => {
  channel = await broker.channel()
  other = await channel.client.channel(2)
  queue = await channel.queue()
  channel.publishTo(queue, '1', '2', '3', '4', '5')
  await channel.expectCounts(queue, 5, 0)
})

async function drainWithFlags(): Promise<string[]> {
  const seen: string[] = []
  for (let message = await other.get(queue, true); message; message = await other.get(queue, true)) {
    seen.push(`${message.content.body}${message.args.redelivered ? '*' : ''}`)
  }
  return seen
}

test('a requeued message goes back to its place before later ones', async () => {
  await channel.get(queue)
  await channel.get(queue)
  channel.nack(1)
  await channel.expectQuiet(queue)
  expect(await drainWithFlags()).toEqual(['1*', '3', '4', '5'])
})

test('messages requeued in reverse come back in the original order', async () => {
  for (let count = 0; count < 3; count++) await channel.get(queue)
  for (const tag of [3, 2, 1]) channel.nack(tag)
  await channel.expectQuiet(queue)
  expect(await drainWithFlags()).toEqual(['1*', '2*', '3*', '4', '5'])
})

test('a message requeued from the middle comes back between its neighbours', async () => {
  for (let count = 0; count < 4; count++) await channel.get(queue)
  channel.ack(1)
  channel.ack(3)
  channel.nack(2)
  channel.nack(4)
  await channel.expectQuiet(queue)
  expect(await drainWithFlags()).toEqual(['2*', '4*', '5'])
})

test('nack multiple puts all back in order', async () => {
  for (let count = 0; count < 4; count++) await channel.get(queue)
  channel.nack(3, { multiple: true })
  await channel.expectQuiet(queue)
  expect(await drainWithFlags()).toEqual(['1*', '2*', '3*', '5'])
})

test('closing the channel puts everything back in order, marked redelivered', async () => {
  await channel.consume(queue)
  await channel.expectBodies('1', '2', '3', '4', '5')
  await channel.close()
  expect(await drainWithFlags()).toEqual(['1*', '2*', '3*', '4*', '5*'])
})

test('a channel that the server closes puts everything back', async () => {
  await channel.get(queue)
  await channel.get(queue)
  channel.ack(77)
  await channel.expectClose(406, 'unknown delivery tag 77', 'basic.ack')
  expect(await drainWithFlags()).toEqual(['1*', '2*', '3', '4', '5'])
})

test('a connection that closes puts everything back before close-ok', async () => {
  const shared = await channel.queue({ exclusive: false, autoDelete: true })
  channel.publishTo(shared, 'a', 'b')
  await channel.expectCounts(shared, 2, 0)
  const guest = await broker.channel()
  await guest.get(shared)
  guest.client.send(0, 'connection.close', { replyCode: 200 })
  await guest.client.expect(0, 'connection.close-ok')
  expect((await other.get(shared, true))?.args).toMatchObject({ redelivered: true })
  expect(await other.drain(shared)).toEqual(['b'])
})

test('a connection that breaks off puts everything back', async () => {
  const shared = await channel.queue({ exclusive: false, autoDelete: true })
  channel.publishTo(shared, 'a')
  await channel.expectCounts(shared, 1, 0)
  const guest = await broker.channel()
  await guest.get(shared)
  await other.consume(shared, { noAck: true })
  guest.client.destroy()
  const { content } = await other.delivery({ redelivered: true })
  expect(content.body.toString()).toBe('a')
})

test('a message never delivered before is not marked redelivered', async () => {
  await channel.get(queue)
  channel.nack(1)
  await channel.expectQuiet(queue)
  await other.consume(queue, { noAck: true })
  for (const redelivered of [true, false, false, false, false]) await other.delivery({ redelivered })
})

test('a message requeued twice stays marked and in its place', async () => {
  await channel.get(queue)
  channel.nack(1)
  const again = await channel.get(queue)
  expect(again?.args).toMatchObject({ deliveryTag: 2, redelivered: true })
  channel.nack(2)
  await channel.expectQuiet(queue)
  expect(await drainWithFlags()).toEqual(['1*', '2', '3', '4', '5'])
})

test('two channels giving back interleaved messages restore the order', async () => {
  const third = await channel.client.channel(3)
  for (const current of [channel, third, channel, third]) await current.get(queue)
  await third.close()
  await channel.close()
  expect(await drainWithFlags()).toEqual(['1*', '2*', '3*', '4*', '5'])
})

test('messages published meanwhile stay behind the requeued ones', async () => {
  await channel.get(queue)
  other.publishTo(queue, '6')
  await other.expectQuiet(queue)
  channel.nack(1)
  await channel.expectQuiet(queue)
  expect(await drainWithFlags()).toEqual(['1*', '2', '3', '4', '5', '6'])
})

test('what one consumer gives back is shared out fairly among the others', async () => {
  await channel.consume(queue)
  await channel.expectBodies('1', '2', '3', '4', '5')
  const third = await channel.client.channel(3)
  await other.consume(queue, { noAck: true })
  await third.consume(queue, { noAck: true })
  await channel.close()
  const seen: string[] = []
  for (const current of [other, third]) {
    for (let count = 0; count < 2; count++) {
      const { args, content } = await current.delivery({ redelivered: true })
      expect(args.routingKey).toBe(queue)
      seen.push(content.body.toString())
    }
  }
  const last = await Promise.race([other.delivery(), third.delivery()])
  seen.push(last.content.body.toString())
  expect(seen.sort()).toEqual(['1', '2', '3', '4', '5'])
})
