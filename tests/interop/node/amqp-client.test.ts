import { type AMQPChannel, AMQPClient, type AMQPMessage, AMQPSession } from '@cloudamqp/amqp-client'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { brokerUri, brokerUriWith, freshName } from '../support/broker-uri.ts'
import { Inbox } from '../support/inbox.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

let connection: AMQPClient
let channel: AMQPChannel
let queue: string

async function open(uri = brokerUri()): Promise<AMQPClient> {
  const client = new AMQPClient(uri)
  client.logger = undefined
  await client.connect()
  return client
}

beforeEach(async () => {
  connection = await open()
  channel = await connection.channel()
  await channel.confirmSelect()
  queue = freshName('amqp-client')
  await channel.queueDeclare(queue)
})

afterEach(async () => {
  const cleanup = await open()
  const tidy = await cleanup.channel()
  await tidy.queueDelete(queue)
  await cleanup.close()
  if (!connection.closed) await connection.close()
})

async function publishAll(bodies: readonly string[]): Promise<void> {
  await Promise.all(bodies.map((body) => channel.basicPublish('', queue, body)))
}

async function messageCount(): Promise<number> {
  return (await channel.queueDeclare(queue, { passive: true })).messageCount
}

async function consumeInto(on: AMQPChannel, noAck = false): Promise<{ inbox: Inbox<AMQPMessage>; tag: string }> {
  const inbox = new Inbox<AMQPMessage>()
  const consumer = await on.basicConsume(queue, { noAck }, inbox.put)
  return { inbox, tag: consumer.tag }
}

async function take(on: AMQPChannel, noAck = false): Promise<AMQPMessage> {
  const message = await on.basicGet(queue, { noAck })
  if (message === null) throw new Error('the queue is empty')
  return message
}

async function refusal(work: (on: AMQPChannel) => Promise<unknown>): Promise<string> {
  const victim = await connection.channel()
  const error = await work(victim).then(
    () => undefined,
    (reason: Error) => reason,
  )
  expect(victim.closed).toBe(true)
  return error?.message ?? 'not refused'
}

const bodyOf = (message: AMQPMessage): string | null => message.bodyToString()

describe('declare', () => {
  test('declares, binds, finds passively, unbinds and deletes', async () => {
    const source = freshName('source')
    const target = freshName('target')
    await channel.exchangeDeclare(source, 'topic', { durable: false })
    await channel.exchangeDeclare(target, 'headers', { durable: false }, { note: 'kept' })
    await channel.exchangeBind(target, source, '#.end')
    await channel.queueBind(queue, target, '', { 'x-match': 'all', colour: 'red' })
    await channel.exchangeDeclare(source, 'topic', { passive: true })
    expect(await channel.queueDeclare(queue)).toEqual({ name: queue, messageCount: 0, consumerCount: 0 })

    await channel.basicPublish(source, 'the.end', 'routed', { headers: { colour: 'red', other: 1 } })
    await channel.basicPublish(source, 'the.end', 'dropped', { headers: { colour: 'blue' } })
    await channel.basicPublish(source, 'the.start', 'dropped', { headers: { colour: 'red' } })
    expect(await messageCount()).toBe(1)

    await channel.queueUnbind(queue, target, '', { 'x-match': 'all', colour: 'red' })
    await channel.exchangeUnbind(target, source, '#.end')
    await channel.exchangeDelete(target)
    await channel.exchangeDelete(source)
    expect(await channel.queuePurge(queue)).toEqual({ messageCount: 1 })
    expect(await channel.queueDelete(queue)).toEqual({ messageCount: 0 })
  })

  test('gets a name from the server for a queue without one', async () => {
    const made = await channel.queueDeclare('', { exclusive: true, autoDelete: true })
    expect(made.name).toMatch(/^amq\.gen-/)
  })
})

describe('publish', () => {
  test('carries every property, nested headers and the body unchanged', async () => {
    const properties = {
      contentType: 'text/plain',
      contentEncoding: 'identity',
      headers: { text: 'h', yes: true, small: 7, float: 1.5, nested: { list: [1, 'two'] } },
      deliveryMode: 2,
      priority: 3,
      correlationId: 'c-1',
      replyTo: 'reply',
      expiration: '60000',
      messageId: 'm-1',
      timestamp: new Date(1_700_000_000_000),
      type: 'kind',
      userId: 'guest',
      appId: 'app',
    }
    await channel.basicPublish('', queue, 'bödy', properties)
    const message = await take(channel, true)
    expect(bodyOf(message)).toBe('bödy')
    expect(message.properties).toEqual(properties)
  })

  test('carries empty bodies and bodies of many frames', async () => {
    const large = Buffer.alloc(1_500_001, 'leveret')
    await channel.basicPublish('', queue, null)
    await channel.basicPublish('', queue, large)
    const { inbox } = await consumeInto(channel, true)
    const [empty, full] = await inbox.take(2)
    expect(empty?.bodySize).toBe(0)
    expect(large.equals(full?.body as unknown as Uint8Array)).toBe(true)
  })
})

describe('confirm', () => {
  test('confirms a thousand publishes', async () => {
    const sends = Array.from({ length: 1_000 }, (_, index) => channel.basicPublish('', queue, `${index}`))
    const tags = await Promise.all(sends)
    expect(tags.at(-1)).toBe(1_000)
    expect(await messageCount()).toBe(1_000)
  })

  test('returns a mandatory message without a route before it confirms it', async () => {
    const events: string[] = []
    channel.onReturn = (message) => events.push(`return ${message.replyCode} ${bodyOf(message)}`)
    await channel.basicPublish('', freshName('unbound'), 'lost', {}, true)
    events.push('confirm')
    expect(events).toEqual(['return 312 lost', 'confirm'])
  })
})

describe('consume', () => {
  test('delivers in order within the prefetch and stops after cancel', async () => {
    await publishAll(['1', '2', '3', '4', '5'])
    const consumer = await connection.channel()
    await consumer.basicQos(2)
    const { inbox, tag } = await consumeInto(consumer)
    const first = await inbox.take(2)
    expect(first.map(bodyOf)).toEqual(['1', '2'])
    expect(await messageCount()).toBe(3)
    await first[1]?.ack(true)
    const second = await inbox.take(2)
    expect(second.map(bodyOf)).toEqual(['3', '4'])
    await consumer.basicCancel(tag)
    await second[1]?.ack(true)
    await consumer.queueDeclare(queue, { passive: true })
    expect(inbox.size).toBe(0)
    const state = await channel.queueDeclare(queue, { passive: true })
    expect(state).toEqual({ name: queue, messageCount: 1, consumerCount: 0 })
    await consumer.close()
  })

  test('ends when its queue goes away', async () => {
    const consumer = await channel.basicConsume(queue, {}, () => {})
    const ended = expect(consumer.wait(10_000)).rejects.toThrow(/cancel/i)
    await channel.queueDelete(queue)
    await ended
  })
})

describe('ack', () => {
  test('settles for good; what is not acked comes back redelivered, in order', async () => {
    await publishAll(['1', '2', '3', '4'])
    const consumer = await connection.channel()
    const { inbox } = await consumeInto(consumer)
    const messages = await inbox.take(4)
    await messages[1]?.ack()
    await consumer.close()
    const again = await consumeInto(channel)
    const rest = await again.inbox.take(3)
    expect(rest.map(bodyOf)).toEqual(['1', '3', '4'])
    expect(rest.map((message) => message.redelivered)).toEqual([true, true, true])
    await rest[2]?.ack(true)
    expect(await messageCount()).toBe(0)
  })

  test('recover redelivers what is unacked', async () => {
    await publishAll(['again'])
    const { inbox } = await consumeInto(channel)
    expect((await inbox.next()).redelivered).toBe(false)
    await channel.basicRecover(true)
    const message = await inbox.next()
    expect([bodyOf(message), message.redelivered]).toEqual(['again', true])
  })
})

describe('nack', () => {
  test('requeues or drops, one or many; reject does the same for one', async () => {
    await publishAll(['1', '2', '3'])
    const { inbox, tag } = await consumeInto(channel)
    const messages = await inbox.take(3)
    await channel.basicCancel(tag)
    await messages[1]?.nack(true, true)
    await messages[2]?.reject(false)
    const first = await take(channel)
    const second = await take(channel)
    expect([bodyOf(first), first.redelivered]).toEqual(['1', true])
    expect([bodyOf(second), second.redelivered]).toEqual(['2', true])
    expect(await channel.basicGet(queue)).toBeNull()
    await second.nack(false, true)
    expect(await messageCount()).toBe(0)
  })
})

describe('get', () => {
  test('takes one message and says how many are left, or that there is none', async () => {
    expect(await channel.basicGet(queue)).toBeNull()
    await publishAll(['1', '2'])
    const message = await take(channel)
    expect(bodyOf(message)).toBe('1')
    expect(message).toMatchObject({ messageCount: 1, redelivered: false, exchange: '', routingKey: queue })
    await message.ack()
    await take(channel, true)
    expect(await channel.basicGet(queue)).toBeNull()
  })
})

describe('tx', () => {
  test('publishes and acks count after commit and never after rollback', async () => {
    await publishAll(['held'])
    const tx = await connection.channel()
    await tx.txSelect()
    await tx.basicPublish('', queue, 'dropped')
    await tx.txRollback()
    expect(await messageCount()).toBe(1)

    const held = await take(tx)
    await held.ack()
    await tx.basicPublish('', queue, 'kept')
    expect(await messageCount()).toBe(0)
    await tx.txCommit()
    expect(await messageCount()).toBe(1)
    await tx.close()
    expect(bodyOf(await take(channel, true))).toBe('kept')
  })
})

describe('rpc', () => {
  test('a session calls a session over direct reply-to', async () => {
    const session = await AMQPSession.connect(brokerUri(), { logger: null })
    await session.rpcServer(queue, (request) => `re: ${request.bodyString()}`)
    const client = await session.rpcClient()
    const replies = await Promise.all(['a', 'b', 'c'].map((body) => client.call(queue, body, { timeout: 5_000 })))
    expect(replies.map((reply) => reply.bodyString())).toEqual(['re: a', 're: b', 're: c'])
    await client.close()
    await session.stop()
  })
})

describe('errors', () => {
  test('404 for a missing queue closes the channel, not the connection', async () => {
    const missing = freshName('missing')
    const text = await refusal((on) => on.queueDeclare(missing, { passive: true }))
    expect(text).toContain(`NOT_FOUND - no queue '${missing}' in vhost '/'`)
    expect(await messageCount()).toBe(0)
  })

  test('406 for a redeclaration that differs', async () => {
    const text = await refusal((on) => on.queueDeclare(queue, { durable: false }))
    expect(text).toContain(
      `PRECONDITION_FAILED - inequivalent arg 'durable' for queue '${queue}' in vhost '/': received 'false' but current is 'true'`,
    )
  })

  test('403 for a name in amq.*', async () => {
    expect(await refusal((on) => on.exchangeDeclare(`amq.${queue}`, 'direct'))).toContain('ACCESS_REFUSED - ')
  })

  test('406 for a second ack', async () => {
    await publishAll(['once'])
    const text = await refusal(async (on) => {
      const message = await take(on)
      await on.basicAck(message.deliveryTag)
      await on.basicAck(message.deliveryTag)
      await on.queueDeclare(queue, { passive: true })
    })
    expect(text).toContain('PRECONDITION_FAILED - unknown delivery tag 1')
  })

  test('530 for an unknown vhost', async () => {
    await expect(open(brokerUriWith({ vhost: 'no-such-vhost' }))).rejects.toThrow(/NOT_ALLOWED - .*no-such-vhost.*530/)
  })

  test('403 for a wrong password', async () => {
    await expect(open(brokerUriWith({ password: 'wrong' }))).rejects.toThrow(/ACCESS_REFUSED - Login was refused.*403/)
  })
})

describe('reconnect', () => {
  test('a session resumes its consumer and no message is lost when the connection breaks', async () => {
    const proxy = await TcpProxy.open(brokerUri())
    const session = await AMQPSession.connect(proxy.uri, {
      reconnectInterval: 20,
      maxReconnectInterval: 200,
      logger: null,
    })
    const handle = await session.queue(queue)
    const inbox = new Inbox<AMQPMessage>()
    const subscription = await handle.subscribe({ prefetch: 5, manualAck: true }, inbox.put)
    await publishAll(['0', '1', '2', '3', '4', '5'])
    const before = await inbox.take(5)
    await before[1]?.ack(true)
    await inbox.next()
    await subscription.channel.queueDeclare(queue, { passive: true })

    proxy.cut()
    await publishAll(['6', '7'])
    proxy.restore()
    const after = await inbox.takeUntil((taken) => {
      void taken.at(-1)?.ack()
      return taken.length === 6
    })
    expect(after.map(bodyOf)).toEqual(['2', '3', '4', '5', '6', '7'])
    // What was published after the cut may still have gone to the broken connection first.
    expect(after.slice(0, 4).every((message) => message.redelivered)).toBe(true)
    await subscription.cancel()
    await session.stop()
    const state = await channel.queueDeclare(queue, { passive: true })
    expect(state).toEqual({ name: queue, messageCount: 0, consumerCount: 0 })
    await proxy.close()
  })

  test('a connection that the broker closes leaves others alone and can be opened again', async () => {
    const bystander = await open()
    const steady = await bystander.channel()
    await expect(channel.basicQos(0, 1)).rejects.toThrow(/NOT_IMPLEMENTED - /)
    expect(connection.closed).toBe(true)
    expect((await steady.queueDeclare(queue, { passive: true })).messageCount).toBe(0)
    await bystander.close()
    connection = await open()
    channel = await connection.channel()
    await channel.confirmSelect()
    await publishAll(['back'])
    expect(await messageCount()).toBe(1)
  })
})
