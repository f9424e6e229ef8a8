import { once } from 'node:events'
import {
  type Channel,
  type ChannelModel,
  type ConfirmChannel,
  type ConsumeMessage,
  connect,
  type Message,
} from 'amqplib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { brokerUri, brokerUriWith, freshName } from '../support/broker-uri.ts'
import { Inbox } from '../support/inbox.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

const TX_SELECT = 0x5a000a
const TX_COMMIT = 0x5a0014
const TX_ROLLBACK = 0x5a001e
const BASIC_QOS = 0x3c000a

interface RawChannel {
  rpc(method: number, fields: object, expected: number): Promise<unknown>
}

let connection: ChannelModel
let channel: ConfirmChannel
let queue: string

beforeEach(async () => {
  connection = await connect(brokerUri())
  connection.on('error', () => {})
  channel = await connection.createConfirmChannel()
  channel.on('error', () => {})
  queue = freshName('amqplib')
  await channel.assertQueue(queue)
})

afterEach(async () => {
  const cleanup = await connect(brokerUri())
  await (await cleanup.createChannel()).deleteQueue(queue)
  await cleanup.close()
  await connection.close().catch(() => {})
})

/** amqplib has no tx methods of its own; its channel can send any method of the protocol. */
function transact(on: Channel, method: number): Promise<unknown> {
  return (on as unknown as RawChannel).rpc(method, {}, method + 1)
}

async function publishAll(bodies: readonly string[]): Promise<void> {
  for (const body of bodies) channel.sendToQueue(queue, Buffer.from(body))
  await channel.waitForConfirms()
}

async function consumeInto(on: Channel, options = {}): Promise<{ inbox: Inbox<ConsumeMessage>; tag: string }> {
  const inbox = new Inbox<ConsumeMessage>()
  const { consumerTag } = await on.consume(queue, (message) => message && inbox.put(message), options)
  return { inbox, tag: consumerTag }
}

async function messageCount(): Promise<number> {
  return (await channel.checkQueue(queue)).messageCount
}

async function refusal(work: (on: Channel) => Promise<unknown>): Promise<{ code?: number; message: string }> {
  const victim = await connection.createChannel()
  const failed = once(victim, 'error')
  await expect(work(victim)).rejects.toThrow()
  const [error] = await failed
  return error
}

const bodyOf = (message: Message): string => message.content.toString()

describe('declare', () => {
  test('declares, binds, finds passively, unbinds and deletes', async () => {
    const source = freshName('source')
    const target = freshName('target')
    await channel.assertExchange(source, 'topic', { durable: false })
    await channel.assertExchange(target, 'fanout', {
      durable: false,
      arguments: { note: 'kept', depth: { list: [1, 2] } },
    })
    await channel.bindExchange(target, source, 'a.#')
    await channel.bindQueue(queue, target, '')
    await channel.checkExchange(source)
    expect(await channel.assertQueue(queue)).toEqual({ queue, messageCount: 0, consumerCount: 0 })

    channel.publish(source, 'a.b.c', Buffer.from('routed'))
    channel.publish(source, 'b', Buffer.from('dropped'))
    await channel.waitForConfirms()
    expect(await messageCount()).toBe(1)

    await channel.unbindQueue(queue, target, '')
    await channel.unbindExchange(target, source, 'a.#')
    await channel.deleteExchange(target)
    await channel.deleteExchange(source)
    expect(await channel.purgeQueue(queue)).toEqual({ messageCount: 1 })
    expect(await channel.deleteQueue(queue)).toEqual({ messageCount: 0 })
  })

  test('gets a name from the server for a queue without one', async () => {
    const first = await channel.assertQueue('', { exclusive: true })
    const second = await channel.assertQueue('', { exclusive: true })
    expect(first.queue).toMatch(/^amq\.gen-/)
    expect(second.queue).not.toBe(first.queue)
  })
})

describe('publish', () => {
  test('carries every property, nested headers and the body unchanged', async () => {
    const headers = { text: 'h', yes: true, small: 7, big: 2 ** 40, float: 1.5, nested: { a: [1, 'two', null] } }
    channel.sendToQueue(queue, Buffer.from([0, 255, 0xce, 10]), {
      contentType: 'application/octet-stream',
      contentEncoding: 'identity',
      headers,
      deliveryMode: 2,
      priority: 3,
      correlationId: 'c-1',
      replyTo: 'reply',
      expiration: '60000',
      messageId: 'm-1',
      timestamp: 1_700_000_000,
      type: 'kind',
      userId: 'guest',
      appId: 'app',
    })
    await channel.waitForConfirms()
    const message = await channel.get(queue, { noAck: true })
    if (message === false) throw new Error('the queue is empty')
    expect([...message.content]).toEqual([0, 255, 0xce, 10])
    expect(message.properties).toMatchObject({
      contentType: 'application/octet-stream',
      contentEncoding: 'identity',
      headers,
      deliveryMode: 2,
      priority: 3,
      correlationId: 'c-1',
      replyTo: 'reply',
      expiration: '60000',
      messageId: 'm-1',
      timestamp: 1_700_000_000,
      type: 'kind',
      userId: 'guest',
      appId: 'app',
    })
  })

  test('carries empty bodies and bodies of many frames', async () => {
    const large = Buffer.alloc(1_500_001, 'leveret')
    channel.sendToQueue(queue, Buffer.alloc(0))
    channel.sendToQueue(queue, large)
    await channel.waitForConfirms()
    const { inbox } = await consumeInto(channel, { noAck: true })
    const [empty, full] = await inbox.take(2)
    expect(empty?.content.length).toBe(0)
    expect(full?.content.equals(large)).toBe(true)
  })
})

describe('confirm', () => {
  test('confirms a thousand publishes', async () => {
    let confirmed = 0
    for (let sent = 0; sent < 1_000; sent += 1) {
      channel.sendToQueue(queue, Buffer.from(`${sent}`), {}, (error) => {
        if (!error) confirmed += 1
      })
    }
    await channel.waitForConfirms()
    expect(confirmed).toBe(1_000)
    expect(await messageCount()).toBe(1_000)
  })

  test('returns a mandatory message without a route before it confirms it', async () => {
    const events: string[] = []
    channel.on('return', (message: Message) => events.push(`return ${bodyOf(message)}`))
    channel.publish('', freshName('unbound'), Buffer.from('lost'), { mandatory: true }, () => events.push('confirm'))
    await channel.waitForConfirms()
    expect(events).toEqual(['return lost', 'confirm'])
  })
})

describe('consume', () => {
  test('delivers in order within the prefetch and stops after cancel', async () => {
    await publishAll(['1', '2', '3', '4', '5'])
    const consumer = await connection.createChannel()
    await consumer.prefetch(2)
    const { inbox, tag } = await consumeInto(consumer)
    const first = await inbox.take(2)
    expect(first.map(bodyOf)).toEqual(['1', '2'])
    expect(await messageCount()).toBe(3)
    consumer.ack(first[1]!, true)
    expect((await inbox.take(2)).map(bodyOf)).toEqual(['3', '4'])
    expect(await consumer.cancel(tag)).toEqual({ consumerTag: tag })
    consumer.ackAll()
    await consumer.checkQueue(queue)
    expect(inbox.size).toBe(0)
    expect(await channel.checkQueue(queue)).toEqual({ queue, messageCount: 1, consumerCount: 0 })
    await consumer.close()
  })

  test('is told when its queue goes away', async () => {
    const ends = new Inbox<ConsumeMessage | null>()
    await channel.consume(queue, ends.put)
    await channel.deleteQueue(queue)
    expect(await ends.next()).toBeNull()
  })
})

describe('ack', () => {
  test('settles for good; what is not acked comes back redelivered, in order', async () => {
    await publishAll(['1', '2', '3', '4'])
    const consumer = await connection.createChannel()
    const { inbox } = await consumeInto(consumer)
    const messages = await inbox.take(4)
    consumer.ack(messages[1]!)
    await consumer.close()
    const again = await consumeInto(channel)
    const rest = await again.inbox.take(3)
    expect(rest.map(bodyOf)).toEqual(['1', '3', '4'])
    expect(rest.map((message) => message.fields.redelivered)).toEqual([true, true, true])
    channel.ackAll()
    expect(await messageCount()).toBe(0)
  })

  test('recover redelivers what is unacked', async () => {
    await publishAll(['again'])
    const { inbox } = await consumeInto(channel)
    expect((await inbox.next()).fields.redelivered).toBe(false)
    await channel.recover()
    const message = await inbox.next()
    expect([bodyOf(message), message.fields.redelivered]).toEqual(['again', true])
  })
})

describe('nack', () => {
  test('requeues or drops, one or many; reject does the same for one', async () => {
    await publishAll(['1', '2', '3'])
    const { inbox, tag } = await consumeInto(channel)
    const messages = await inbox.take(3)
    await channel.cancel(tag)
    channel.nack(messages[1]!, true, true)
    channel.reject(messages[2]!, false)
    const first = await channel.get(queue)
    const second = await channel.get(queue)
    if (first === false || second === false) throw new Error('requeued messages are missing')
    expect([bodyOf(first), first.fields.redelivered]).toEqual(['1', true])
    expect([bodyOf(second), second.fields.redelivered]).toEqual(['2', true])
    expect(await channel.get(queue)).toBe(false)
    channel.nackAll(false)
    expect(await messageCount()).toBe(0)
  })
})

describe('get', () => {
  test('takes one message and says how many are left, or that there is none', async () => {
    expect(await channel.get(queue)).toBe(false)
    await publishAll(['1', '2'])
    const message = await channel.get(queue)
    if (message === false) throw new Error('the queue is empty')
    expect(bodyOf(message)).toBe('1')
    expect(message.fields).toMatchObject({ messageCount: 1, redelivered: false, exchange: '', routingKey: queue })
    channel.ack(message)
    await channel.get(queue, { noAck: true })
    expect(await channel.get(queue)).toBe(false)
  })
})

describe('tx', () => {
  test('publishes and acks count after commit and never after rollback', async () => {
    await publishAll(['held'])
    const tx = await connection.createChannel()
    await transact(tx, TX_SELECT)
    tx.sendToQueue(queue, Buffer.from('dropped'))
    await transact(tx, TX_ROLLBACK)
    expect(await messageCount()).toBe(1)

    const held = await tx.get(queue)
    if (held === false) throw new Error('the queue is empty')
    tx.ack(held)
    tx.sendToQueue(queue, Buffer.from('kept'))
    expect(await messageCount()).toBe(0)
    await transact(tx, TX_COMMIT)
    expect(await messageCount()).toBe(1)
    await tx.close()
    const kept = await channel.get(queue, { noAck: true })
    if (kept === false) throw new Error('the committed message is missing')
    expect(bodyOf(kept)).toBe('kept')
  })
})

describe('errors', () => {
  test('404 for a missing queue closes the channel, not the connection', async () => {
    const missing = freshName('missing')
    const error = await refusal((on) => on.checkQueue(missing))
    expect(error.code).toBe(404)
    expect(error.message).toContain(`NOT_FOUND - no queue '${missing}' in vhost '/'`)
    expect(await messageCount()).toBe(0)
  })

  test('406 for a redeclaration that differs', async () => {
    const error = await refusal((on) => on.assertQueue(queue, { durable: false }))
    expect(error.code).toBe(406)
    expect(error.message).toContain(
      `PRECONDITION_FAILED - inequivalent arg 'durable' for queue '${queue}' in vhost '/': received 'false' but current is 'true'`,
    )
  })

  test('403 for a name in amq.*', async () => {
    const error = await refusal((on) => on.assertQueue(`amq.${queue}`))
    expect(error.code).toBe(403)
    expect(error.message).toContain('ACCESS_REFUSED - ')
  })

  test('406 for a second ack', async () => {
    await publishAll(['once'])
    const error = await refusal(async (on) => {
      const message = await on.get(queue)
      if (message === false) throw new Error('the queue is empty')
      on.ack(message)
      on.ack(message)
      await on.checkQueue(queue)
    })
    expect(error.code).toBe(406)
    expect(error.message).toContain('PRECONDITION_FAILED - unknown delivery tag 1')
  })

  test('connection closed for an unknown vhost', async () => {
    // amqplib names the method that refused it but not its code.
    await expect(connect(brokerUriWith({ vhost: 'no-such-vhost' }))).rejects.toThrow(
      'Expected ConnectionOpenOk; got <ConnectionClose channel:0>',
    )
  })

  test('403 for a wrong password', async () => {
    await expect(connect(brokerUriWith({ password: 'wrong' }))).rejects.toThrow(
      /403.*ACCESS_REFUSED - Login was refused/,
    )
  })
})

describe('reconnect', () => {
  test('consumers resume and no message is lost when the connection breaks', async () => {
    const proxy = await TcpProxy.open(brokerUri())
    const inbox = new Inbox<ConsumeMessage>()
    let current: Channel | undefined
    const recovering = await connect(proxy.uri, {
      recovery: {
        initialDelay: 20,
        maxDelay: 200,
        async setup(model: ChannelModel): Promise<void> {
          const consumer = await model.createChannel()
          consumer.on('error', () => {})
          await consumer.prefetch(5)
          current = consumer
          await consumer.consume(queue, (message) => message && inbox.put(message))
        },
      },
    })
    recovering.on('error', () => {})
    await publishAll(['0', '1', '2', '3', '4', '5'])
    const before = await inbox.take(5)
    current?.ack(before[1]!, true)
    await inbox.next()
    await current?.checkQueue(queue)

    proxy.cut()
    await publishAll(['6', '7'])
    proxy.restore()
    const after = await inbox.takeUntil((taken) => {
      for (const message of taken.slice(-1)) current?.ack(message)
      return taken.length === 6
    })
    expect(after.map(bodyOf)).toEqual(['2', '3', '4', '5', '6', '7'])
    // What was published after the cut may still have gone to the broken connection first.
    expect(after.slice(0, 4).every((message) => message.fields.redelivered)).toBe(true)
    await current?.checkQueue(queue)
    await recovering.close()
    expect(await channel.checkQueue(queue)).toEqual({ queue, messageCount: 0, consumerCount: 0 })
    await proxy.close()
  })

  test('a connection that the broker closes leaves others alone and can be opened again', async () => {
    const bystander = await connect(brokerUri())
    const steady = await bystander.createChannel()
    const closed = new Promise<void>((resolve) => connection.on('close', () => resolve()))
    const failed = once(connection, 'error')
    void (channel as unknown as RawChannel)
      .rpc(BASIC_QOS, { prefetchSize: 1, prefetchCount: 0, global: false }, BASIC_QOS + 1)
      .catch(() => {})
    const [error] = await failed
    expect(error.code).toBe(540)
    await closed
    expect((await steady.checkQueue(queue)).messageCount).toBe(0)
    await bystander.close()
    connection = await connect(brokerUri())
    channel = await connection.createConfirmChannel()
    await publishAll(['back'])
    expect(await messageCount()).toBe(1)
  })
})
