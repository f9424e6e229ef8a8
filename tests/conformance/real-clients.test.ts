import { AMQPClient, type AMQPMessage } from '@cloudamqp/amqp-client'
import { connect } from 'amqplib'
import { afterEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import { unique } from '../support/unique.ts'

// What a library makes of the broker: its own parsing, its view of errors, its way of pipelining.
const broker = useBroker()
const closers: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of closers.splice(0)) await close().catch(() => {})
})

async function openAmqplib() {
  const connection = await connect(broker.url)
  // An error that a test provokes is looked at on the channel.
  connection.on('error', () => {})
  closers.push(() => connection.close())
  return connection
}

async function openCloudAmqp() {
  const client = new AMQPClient(broker.url)
  const connection = await client.connect()
  closers.push(() => connection.close())
  return connection
}

test('amqplib: publish with confirms, consume, ack, and the counts agree', async () => {
  const connection = await openAmqplib()
  const channel = await connection.createConfirmChannel()
  const { queue } = await channel.assertQueue('', { exclusive: true })
  for (let n = 0; n < 200; n++)
    channel.sendToQueue(queue, Buffer.from(`${n}`), { headers: { n }, persistent: n % 2 === 0 })
  await channel.waitForConfirms()
  expect((await channel.checkQueue(queue)).messageCount).toBe(200)
  const seen: string[] = []
  await new Promise<void>((resolve, reject) => {
    channel
      .consume(queue, (message) => {
        if (!message) return
        seen.push(message.content.toString())
        channel.ack(message)
        if (seen.length === 200) resolve()
      })
      .catch(reject)
  })
  expect(seen).toEqual(Array.from({ length: 200 }, (_, n) => `${n}`))
  expect((await channel.checkQueue(queue)).messageCount).toBe(0)
})

test('amqplib: a channel error names code and reason, other channels go on', async () => {
  const connection = await openAmqplib()
  const broken = await connection.createChannel()
  const working = await connection.createChannel()
  broken.on('error', () => {})
  const queue = unique('missing')
  await expect(broken.checkQueue(queue)).rejects.toMatchObject({
    code: 404,
    message: expect.stringContaining(`NOT_FOUND - no queue '${queue}' in vhost '/'`),
  })
  await working.assertQueue('', { exclusive: true })
})

test('amqplib: a wrong password is told as such', async () => {
  const url = new URL(broker.url)
  url.password = 'wrong'
  await expect(connect(url.toString())).rejects.toThrow(/ACCESS-REFUSED|ACCESS_REFUSED|403/)
})

test('amqplib: a returned message arrives before its confirm', async () => {
  const connection = await openAmqplib()
  const channel = await connection.createConfirmChannel()
  const events: string[] = []
  channel.on('return', (message) => events.push(`return ${message.content}`))
  await new Promise<void>((resolve) => {
    channel.publish('', unique('nowhere'), Buffer.from('m'), { mandatory: true }, () => {
      events.push('confirm')
      resolve()
    })
  })
  expect(events).toEqual(['return m', 'confirm'])
})

test('amqplib: every header type it writes comes back', async () => {
  const connection = await openAmqplib()
  const channel = await connection.createConfirmChannel()
  const { queue } = await channel.assertQueue('', { exclusive: true })
  const headers = {
    small: 5,
    short: 500,
    int: 70_000,
    long: 2 ** 40,
    float: 1.5,
    yes: true,
    no: false,
    text: 'ž',
    nothing: null,
    bytes: Buffer.from([1, 2, 3]),
    list: [1, 'two', { three: 3 }],
    table: { deep: { deeper: 'yes' } },
  }
  channel.sendToQueue(queue, Buffer.from('m'), { headers })
  await channel.waitForConfirms()
  const message = await channel.get(queue, { noAck: true })
  expect(message).toMatchObject({ properties: { headers } })
})

test('amqplib: consumer priority, prefetch and cancel by queue deletion', async () => {
  const connection = await openAmqplib()
  const channel = await connection.createChannel()
  const { queue } = await channel.assertQueue(unique('q'), { autoDelete: true })
  await channel.prefetch(1)
  const cancelled = new Promise<null>((resolve, reject) => {
    channel.consume(queue, (message) => message === null && resolve(null), { priority: 10 }).catch(reject)
  })
  const other = await connection.createChannel()
  await other.deleteQueue(queue)
  expect(await cancelled).toBeNull()
})

test('amqp-client: publish with confirms, consume and ack', async () => {
  const connection = await openCloudAmqp()
  const channel = await connection.channel()
  await channel.confirmSelect()
  const queue = await channel.queueDeclare('', { exclusive: true })
  const bodies = Array.from({ length: 50 }, (_, n) => `${n}`)
  await Promise.all(bodies.map((body) => channel.basicPublish('', queue.name, body, { contentType: 'text/plain' })))
  const seen: (string | null)[] = []
  await new Promise<void>((resolve, reject) => {
    const onMessage = async (message: AMQPMessage) => {
      seen.push(message.bodyString())
      await message.ack()
      if (seen.length === bodies.length) resolve()
    }
    channel.basicConsume(queue.name, { noAck: false }, onMessage).catch(reject)
  })
  expect(seen).toEqual(bodies)
  expect((await channel.queueDeclare(queue.name, { passive: true })).messageCount).toBe(0)
})

test('amqp-client: a refused declaration is an error with the text of the broker', async () => {
  const connection = await openCloudAmqp()
  const channel = await connection.channel()
  const name = unique('q')
  await channel.queueDeclare(name, { durable: false, autoDelete: true })
  await expect(channel.queueDeclare(name, { durable: true, autoDelete: true })).rejects.toThrow(
    `inequivalent arg 'durable' for queue '${name}' in vhost '/': received 'true' but current is 'false'`,
  )
})

test('amqp-client: exchange bindings, transactions and a large body', async () => {
  const connection = await openCloudAmqp()
  const channel = await connection.channel()
  const source = unique('x')
  const destination = unique('x')
  await channel.exchangeDeclare(source, 'topic', { autoDelete: true, durable: false })
  await channel.exchangeDeclare(destination, 'fanout', { autoDelete: true, durable: false })
  const queue = await channel.queueDeclare('', { exclusive: true })
  await channel.exchangeBind(destination, source, 'a.#')
  await channel.queueBind(queue.name, destination, '')
  await channel.txSelect()
  const body = 'x'.repeat(700_000)
  await channel.basicPublish(source, 'a.b', body)
  expect(await channel.basicGet(queue.name)).toBeNull()
  await channel.txCommit()
  expect((await channel.basicGet(queue.name))?.bodyString()).toBe(body)
})
