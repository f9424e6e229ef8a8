import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { type ConsumeMessage, connect, credentials, type Message } from 'amqplib'
import { describe, expect, test } from 'vitest'
import { brokerUri, freshName } from '../support/broker-uri.ts'
import { Inbox } from '../support/inbox.ts'

/** The broker's URI with query parameters of amqplib's. */
function uriWith(parameters: Record<string, string | number>): string {
  const uri = new URL(brokerUri())
  for (const [name, value] of Object.entries(parameters)) uri.searchParams.set(name, String(value))
  return uri.href
}

describe('login', () => {
  test('with AMQPLAIN, and a new secret afterwards', async () => {
    const { username, password } = new URL(brokerUri())
    const connection = await connect(brokerUri(), {
      credentials: credentials.amqplain(username || 'guest', password || 'guest'),
    })
    await connection.updateSecret(Buffer.from(password || 'guest'), 'rotated')
    const channel = await connection.createChannel()
    await channel.close()
    await connection.close()
  })

  test('with the smallest frames: bodies are cut into them both ways', async () => {
    const connection = await connect(uriWith({ frameMax: 4096 }))
    const channel = await connection.createConfirmChannel()
    const { queue } = await channel.assertQueue('', { exclusive: true })
    const body = Buffer.alloc(100_000, 'leveret')
    channel.sendToQueue(queue, body)
    await channel.waitForConfirms()
    const message = await channel.get(queue, { noAck: true })
    if (message === false) throw new Error('the queue is empty')
    expect(message.content.equals(body)).toBe(true)
    await connection.close()
  })

  test('with a heartbeat of one second: an idle connection stays open', async () => {
    const connection = await connect(uriWith({ heartbeat: 1 }))
    connection.on('error', () => {})
    const closed = once(connection, 'close').then(() => 'closed')
    expect(await Promise.race([closed, setTimeout(4_000, 'open')])).toBe('open')
    await connection.close()
  })

  test('with a hundred channels at once, closed and opened again', async () => {
    const connection = await connect(uriWith({ channelMax: 100 }))
    for (let round = 0; round < 3; round += 1) {
      const channels = await Promise.all(Array.from({ length: 100 }, () => connection.createChannel()))
      await Promise.all(channels.map((channel) => channel.assertQueue('', { exclusive: true, autoDelete: true })))
      await Promise.all(channels.map((channel) => channel.close()))
    }
    await connection.close()
  })
})

describe('routing', () => {
  test('CC and BCC add routes; only CC stays visible', async () => {
    const connection = await connect(brokerUri())
    const channel = await connection.createConfirmChannel()
    const queues = await Promise.all(['to', 'cc', 'bcc'].map(() => channel.assertQueue('', { exclusive: true })))
    const [to, cc, bcc] = queues.map(({ queue }) => queue) as [string, string, string]
    channel.sendToQueue(to, Buffer.from('memo'), { CC: [cc], BCC: [bcc] })
    await channel.waitForConfirms()
    for (const queue of [to, cc, bcc]) {
      const message = await channel.get(queue, { noAck: true })
      if (message === false) throw new Error(`nothing in ${queue}`)
      expect(message.properties.headers).toEqual({ CC: [cc] })
      expect(message.fields.routingKey).toBe(to)
    }
    await connection.close()
  })

  test('a request is answered over direct reply-to', async () => {
    const connection = await connect(brokerUri())
    const [client, server] = [await connection.createChannel(), await connection.createChannel()]
    const { queue } = await server.assertQueue('', { exclusive: true })
    await server.consume(queue, (request) => {
      if (!request) return
      const { replyTo, correlationId } = request.properties
      server.publish('', replyTo, Buffer.from(`re: ${request.content}`), { correlationId })
      server.ack(request)
    })
    const replies = new Inbox<Message>()
    await client.consume('amq.rabbitmq.reply-to', (reply) => reply && replies.put(reply), { noAck: true })
    client.sendToQueue(queue, Buffer.from('hello'), { replyTo: 'amq.rabbitmq.reply-to', correlationId: '7' })
    const reply = await replies.next()
    expect([reply.content.toString(), reply.properties.correlationId]).toEqual(['re: hello', '7'])
    await connection.close()
  })
})

describe('consumers', () => {
  test('share a queue in turn, by priority first, and an exclusive one keeps others out', async () => {
    const connection = await connect(brokerUri())
    const channel = await connection.createConfirmChannel()
    const queue = freshName('shared')
    await channel.assertQueue(queue, { exclusive: true })
    const inboxes = [new Inbox<ConsumeMessage>(), new Inbox<ConsumeMessage>(), new Inbox<ConsumeMessage>()]
    for (const [index, inbox] of inboxes.entries()) {
      const consumer = await connection.createChannel()
      await consumer.prefetch(1)
      await consumer.consume(queue, (message) => message && inbox.put(message), { priority: index === 2 ? 1 : 0 })
    }
    for (const body of ['first', 'second', 'third']) channel.sendToQueue(queue, Buffer.from(body))
    await channel.waitForConfirms()
    const taken = await Promise.all(inboxes.map((inbox) => inbox.next()))
    expect(taken[2]?.content.toString()).toBe('first')
    expect(taken.map((message) => message.content.toString()).toSorted()).toEqual(['first', 'second', 'third'])

    const refused = await connection.createChannel()
    refused.on('error', () => {})
    await expect(refused.consume(queue, () => {}, { exclusive: true })).rejects.toThrow(
      /ACCESS_REFUSED - queue '.*' in vhost '\/' in exclusive use/,
    )
    await connection.close()
  })
})
