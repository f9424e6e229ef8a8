import { once } from 'node:events'
import { type AsyncMessage, type Channel, Connection, ConsumerStatus, type SyncMessage } from 'rabbitmq-client'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { brokerUri, brokerUriWith, freshName } from '../support/broker-uri.ts'
import { Inbox } from '../support/inbox.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

let connection: Connection
let channel: Channel
let queue: string

function open(uri = brokerUri()): Connection {
  const opened = new Connection({ url: uri, retryLow: 20, retryHigh: 200 })
  opened.on('error', () => {})
  return opened
}

beforeEach(async () => {
  connection = open()
  channel = await connection.acquire()
  await channel.confirmSelect()
  queue = freshName('rabbitmq-client')
  await channel.queueDeclare({ queue, durable: true })
})

afterEach(async () => {
  await channel.close()
  await connection.queueDelete(queue)
  await connection.close()
})

async function publishAll(bodies: readonly string[]): Promise<void> {
  await Promise.all(bodies.map((body) => channel.basicPublish(queue, body)))
}

async function messageCount(): Promise<number> {
  return (await channel.queueDeclare({ queue, passive: true })).messageCount
}

async function consumeInto(on: Channel, noAck = false): Promise<{ inbox: Inbox<AsyncMessage>; tag: string }> {
  const inbox = new Inbox<AsyncMessage>()
  const { consumerTag } = await on.basicConsume({ queue, noAck }, inbox.put)
  return { inbox, tag: consumerTag }
}

async function take(on: Channel, noAck = false): Promise<SyncMessage> {
  const message = await on.basicGet({ queue, noAck })
  if (message === undefined) throw new Error('the queue is empty')
  return message
}

async function refusal(work: (on: Channel) => Promise<unknown>): Promise<{ code: string; message: string }> {
  const victim = await connection.acquire()
  const error = await work(victim).then(
    () => ({ code: 'not refused', message: '' }),
    (reason) => reason,
  )
  expect(victim.active).toBe(false)
  return error
}

/** What the first attempt to log in fails with; the client itself would try again for ever. */
async function loginError(uri: string): Promise<{ code: string; message: string }> {
  const attempt = new Connection({ url: uri, retryLow: 60_000, retryHigh: 60_000 })
  const [error] = await once(attempt, 'error', { signal: AbortSignal.timeout(15_000) }).catch((reason) => [reason])
  attempt.unsafeDestroy()
  return error
}

describe('declare', () => {
  test('declares, binds, finds passively, unbinds and deletes', async () => {
    const source = freshName('source')
    const target = freshName('target')
    await channel.exchangeDeclare({ exchange: source, type: 'direct' })
    await channel.exchangeDeclare({ exchange: target, type: 'topic', arguments: { note: 'kept' } })
    await channel.exchangeBind({ source, destination: target, routingKey: 'a.b' })
    await channel.queueBind({ queue, exchange: target, routingKey: '*.b' })
    await channel.exchangeDeclare({ exchange: source, passive: true })
    expect(await channel.queueDeclare({ queue, durable: true })).toEqual({ queue, messageCount: 0, consumerCount: 0 })

    await channel.basicPublish({ exchange: source, routingKey: 'a.b' }, 'routed')
    await channel.basicPublish({ exchange: source, routingKey: 'a.c' }, 'dropped')
    expect(await messageCount()).toBe(1)

    await channel.queueUnbind({ queue, exchange: target, routingKey: '*.b' })
    await channel.exchangeUnbind({ source, destination: target, routingKey: 'a.b' })
    await channel.exchangeDelete({ exchange: target })
    await channel.exchangeDelete({ exchange: source, ifUnused: true })
    expect(await channel.queuePurge(queue)).toEqual({ messageCount: 1 })
    expect(await channel.queueDelete({ queue, ifEmpty: true, ifUnused: true })).toEqual({ messageCount: 0 })
  })

  test('gets a name from the server for a queue without one', async () => {
    const made = await channel.queueDeclare({ exclusive: true })
    expect(made.queue).toMatch(/^amq\.gen-/)
  })
})

describe('publish', () => {
  test('carries every property, nested headers and the body unchanged', async () => {
    const properties = {
      contentType: 'application/octet-stream',
      contentEncoding: 'identity',
      headers: { text: 'h', yes: true, small: 7, float: 1.5, nested: { list: [1, 'two'] } },
      durable: true,
      priority: 3,
      correlationId: 'c-1',
      replyTo: 'reply',
      expiration: '60000',
      messageId: 'm-1',
      timestamp: 1_700_000_000,
      type: 'kind',
      userId: 'guest',
      appId: 'app',
    }
    await channel.basicPublish({ routingKey: queue, ...properties }, Buffer.from([0, 255, 0xce]))
    const message = await take(channel, true)
    expect([...message.body]).toEqual([0, 255, 0xce])
    expect(message).toMatchObject(properties)
  })

  test('carries empty bodies and bodies of many frames', async () => {
    const large = Buffer.alloc(1_500_001, 'leveret')
    await channel.basicPublish(queue, Buffer.alloc(0))
    await channel.basicPublish(queue, large)
    const { inbox } = await consumeInto(channel, true)
    const [empty, full] = await inbox.take(2)
    expect(empty?.body).toHaveLength(0)
    expect(large.equals(full?.body)).toBe(true)
  })
})

describe('confirm', () => {
  test('confirms a thousand publishes', async () => {
    const publisher = connection.createPublisher({ confirm: true })
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => publisher.send(queue, `${index}`)))
    await publisher.close()
    expect(await messageCount()).toBe(1_000)
  })

  test('returns a mandatory message without a route and confirms it', async () => {
    const returned = once(channel, 'basic.return', { signal: AbortSignal.timeout(10_000) })
    await channel.basicPublish({ routingKey: freshName('unbound'), mandatory: true }, 'lost')
    expect((await returned)[0]).toMatchObject({ replyCode: 312, replyText: 'NO_ROUTE', body: 'lost' })
  })
})

describe('consume', () => {
  test('delivers in order within the prefetch and stops after cancel', async () => {
    await publishAll(['1', '2', '3', '4', '5'])
    const consumer = await connection.acquire()
    await consumer.basicQos({ prefetchCount: 2 })
    const { inbox, tag } = await consumeInto(consumer)
    const first = await inbox.take(2)
    expect(first.map((message) => message.body)).toEqual(['1', '2'])
    expect(await messageCount()).toBe(3)
    consumer.basicAck({ deliveryTag: first[1]!.deliveryTag, multiple: true })
    const second = await inbox.take(2)
    expect(second.map((message) => message.body)).toEqual(['3', '4'])
    await consumer.basicCancel(tag)
    consumer.basicAck({ deliveryTag: second[1]!.deliveryTag, multiple: true })
    expect(await consumer.queueDeclare({ queue, passive: true })).toEqual({ queue, messageCount: 1, consumerCount: 0 })
    expect(inbox.size).toBe(0)
    await consumer.close()
  })

  test('is told when its queue goes away', async () => {
    const { tag } = await consumeInto(channel)
    const cancelled = once(channel, 'basic.cancel', { signal: AbortSignal.timeout(10_000) })
    await channel.queueDelete(queue)
    expect((await cancelled)[0]).toBe(tag)
  })
})

describe('ack', () => {
  test('settles for good; what is not acked comes back redelivered, in order', async () => {
    await publishAll(['1', '2', '3', '4'])
    const consumer = await connection.acquire()
    const { inbox } = await consumeInto(consumer)
    const messages = await inbox.take(4)
    consumer.basicAck({ deliveryTag: messages[1]!.deliveryTag })
    await consumer.close()
    const again = await consumeInto(channel)
    const rest = await again.inbox.take(3)
    expect(rest.map((message) => message.body)).toEqual(['1', '3', '4'])
    expect(rest.map((message) => message.redelivered)).toEqual([true, true, true])
    channel.basicAck({ deliveryTag: 0, multiple: true })
    expect(await messageCount()).toBe(0)
  })

  test('recover redelivers what is unacked', async () => {
    await publishAll(['again'])
    const { inbox } = await consumeInto(channel)
    expect((await inbox.next()).redelivered).toBe(false)
    await channel.basicRecover({ requeue: true })
    expect(await inbox.next()).toMatchObject({ body: 'again', redelivered: true })
  })
})

describe('nack', () => {
  test('requeues or drops, one or many', async () => {
    await publishAll(['1', '2', '3'])
    const { inbox, tag } = await consumeInto(channel)
    const messages = await inbox.take(3)
    await channel.basicCancel(tag)
    channel.basicNack({ deliveryTag: messages[1]!.deliveryTag, multiple: true, requeue: true })
    channel.basicNack({ deliveryTag: messages[2]!.deliveryTag, requeue: false })
    expect(await take(channel)).toMatchObject({ body: '1', redelivered: true })
    expect(await take(channel)).toMatchObject({ body: '2', redelivered: true })
    expect(await channel.basicGet(queue)).toBeUndefined()
    channel.basicNack({ deliveryTag: 0, multiple: true, requeue: false })
    expect(await messageCount()).toBe(0)
  })

  test('a consumer acks, requeues or drops by what its handler returns', async () => {
    await publishAll(['ack', 'requeue', 'drop'])
    const handled = new Inbox<string>()
    const consumer = connection.createConsumer(
      { queue, queueOptions: { durable: true }, concurrency: 1 },
      (message) => {
        handled.put(`${message.body}${message.redelivered ? ' again' : ''}`)
        if (message.body === 'drop') return ConsumerStatus.DROP
        return message.body === 'requeue' && !message.redelivered ? ConsumerStatus.REQUEUE : ConsumerStatus.ACK
      },
    )
    const seen = await handled.take(4)
    await consumer.close()
    expect(seen.toSorted()).toEqual(['ack', 'drop', 'requeue', 'requeue again'])
    expect(await messageCount()).toBe(0)
  })
})

describe('get', () => {
  test('takes one message and says how many are left, or that there is none', async () => {
    expect(await channel.basicGet(queue)).toBeUndefined()
    await publishAll(['1', '2'])
    const message = await take(channel)
    expect(message).toMatchObject({ body: '1', messageCount: 1, redelivered: false, exchange: '', routingKey: queue })
    channel.basicAck({ deliveryTag: message.deliveryTag })
    await take(channel, true)
    expect(await channel.basicGet(queue)).toBeUndefined()
  })
})

describe('tx', () => {
  test('publishes and acks count after commit and never after rollback', async () => {
    await publishAll(['held'])
    const tx = await connection.acquire()
    await tx.txSelect()
    await tx.basicPublish(queue, 'dropped')
    await tx.txRollback()
    expect(await messageCount()).toBe(1)

    const held = await take(tx)
    tx.basicAck({ deliveryTag: held.deliveryTag })
    await tx.basicPublish(queue, 'kept')
    expect(await messageCount()).toBe(0)
    await tx.txCommit()
    expect(await messageCount()).toBe(1)
    await tx.close()
    expect((await take(channel, true)).body).toBe('kept')
  })
})

describe('rpc', () => {
  test('a client calls a consumer over direct reply-to', async () => {
    const server = connection.createConsumer({ queue, queueOptions: { durable: true } }, async (request, reply) => {
      await reply(`re: ${request.body}`)
    })
    const client = connection.createRPCClient({ confirm: true, timeout: 5_000 })
    const replies = await Promise.all(['a', 'b', 'c'].map((body) => client.send(queue, body)))
    expect(replies.map((reply) => reply.body)).toEqual(['re: a', 're: b', 're: c'])
    await client.close()
    await server.close()
  })
})

describe('errors', () => {
  test('404 for a missing queue closes the channel, not the connection', async () => {
    const missing = freshName('missing')
    const error = await refusal((on) => on.queueDeclare({ queue: missing, passive: true }))
    expect(error.code).toBe('NOT_FOUND')
    expect(error.message).toContain(`no queue '${missing}' in vhost '/'`)
    expect(await messageCount()).toBe(0)
  })

  test('406 for a redeclaration that differs', async () => {
    const error = await refusal((on) => on.queueDeclare({ queue, durable: false }))
    expect(error.code).toBe('PRECONDITION_FAILED')
    expect(error.message).toContain(
      `inequivalent arg 'durable' for queue '${queue}' in vhost '/': received 'false' but current is 'true'`,
    )
  })

  test('403 for a name in amq.*', async () => {
    const error = await refusal((on) => on.queueDeclare({ queue: `amq.${queue}` }))
    expect(error.code).toBe('ACCESS_REFUSED')
  })

  test('406 for a second ack', async () => {
    await publishAll(['once'])
    const victim = await connection.acquire()
    const failed = once(victim, 'close', { signal: AbortSignal.timeout(10_000) })
    const refused = once(connection, 'error', { signal: AbortSignal.timeout(10_000) }).catch((reason) => [reason])
    const { deliveryTag } = await take(victim)
    victim.basicAck({ deliveryTag })
    victim.basicAck({ deliveryTag })
    await failed
    const [error] = await refused
    expect(error).toMatchObject({ code: 'PRECONDITION_FAILED' })
    expect(error.message).toContain('unknown delivery tag 1')
  })

  test('530 for an unknown vhost', async () => {
    const error = await loginError(brokerUriWith({ vhost: 'no-such-vhost' }))
    expect(error.code).toBe('NOT_ALLOWED')
    expect(error.message).toContain('no-such-vhost')
  })

  test('403 for a wrong password', async () => {
    const error = await loginError(brokerUriWith({ password: 'wrong' }))
    expect(error.code).toBe('ACCESS_REFUSED')
    expect(error.message).toContain('Login was refused')
  })
})

describe('reconnect', () => {
  test('consumers resume and no message is lost when the connection breaks', async () => {
    const proxy = await TcpProxy.open(brokerUri())
    const recovering = open(proxy.uri)
    const inbox = new Inbox<{ message: AsyncMessage; settle: () => void }>()
    const consumer = recovering.createConsumer(
      { queue, queueOptions: { durable: true }, qos: { prefetchCount: 5 } },
      (message) => {
        return new Promise<void>((resolve) => inbox.put({ message, settle: resolve }))
      },
    )
    consumer.on('error', () => {})
    await publishAll(['0', '1', '2', '3', '4', '5'])
    const before = await inbox.take(5)
    before[0]?.settle()
    const sixth = await inbox.next()

    proxy.cut()
    // The consumer resumes once its handlers are done; what they settle now cannot reach the broker any more.
    for (const { settle } of [...before, sixth]) settle()
    await publishAll(['6', '7'])
    proxy.restore()
    const after = await inbox.takeUntil((taken) => {
      taken.at(-1)?.settle()
      return taken.length === 7
    })
    expect(after.map(({ message }) => message.body)).toEqual(['1', '2', '3', '4', '5', '6', '7'])
    // What was published after the cut may still have gone to the broken connection first.
    expect(after.slice(0, 5).every(({ message }) => message.redelivered)).toBe(true)
    await consumer.close()
    await recovering.close()
    expect(await channel.queueDeclare({ queue, passive: true })).toEqual({ queue, messageCount: 0, consumerCount: 0 })
    await proxy.close()
  })

  test('recovers by itself from a connection that the broker closes and leaves others alone', async () => {
    const bystander = open()
    const steady = await bystander.acquire()
    await expect(channel.basicQos({ prefetchSize: 1 })).rejects.toMatchObject({ code: 'NOT_IMPLEMENTED' })
    expect((await steady.queueDeclare({ queue, passive: true })).messageCount).toBe(0)
    expect(steady.active).toBe(true)
    await steady.close()
    await bystander.close()
    channel = await connection.acquire()
    await channel.confirmSelect()
    await publishAll(['back'])
    expect(await messageCount()).toBe(1)
  })
})
