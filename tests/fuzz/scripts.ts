// What real clients do with a broker. Every name is fixed, so that the same script says the same bytes each time.
import { once } from 'node:events'
import { AMQPClient } from '@cloudamqp/amqp-client'
import { connect } from 'amqplib'
import { RawClient } from '../support/raw-client.ts'
import { tableBody } from '../support/wire-values.ts'

interface Address {
  readonly uri: string
  readonly host: string
  readonly port: number
}

type Script = (address: Address) => Promise<void>

const bodies = (count: number, bytes: number) => Array.from({ length: count }, (_, i) => Buffer.alloc(bytes, `${i};`))

const consuming: Script = async ({ uri }) => {
  const connection = await connect(uri)
  const channel = await connection.createChannel()
  await channel.prefetch(5)
  await channel.assertQueue('fuzz-consuming', { autoDelete: true, arguments: { 'x-message-ttl': 60_000 } })
  let seen = 0
  const all = new Promise<void>((resolve) => {
    void channel.consume(
      'fuzz-consuming',
      (message) => {
        if (message === null) return
        if (seen % 5 === 2) channel.nack(message, false, false)
        else channel.ack(message, seen % 5 === 4)
        if (++seen === 20) resolve()
      },
      { consumerTag: 'fuzz-consumer', arguments: { 'x-priority': 3 } },
    )
  })
  for (const [i, body] of bodies(20, 100).entries()) {
    channel.sendToQueue('fuzz-consuming', body, {
      headers: { i, list: [1, 'two', { three: 3.5 }] },
      messageId: `m${i}`,
      persistent: i % 2 === 0,
    })
  }
  await all
  await channel.cancel('fuzz-consumer')
  await channel.close()
  await connection.close()
}

const confirming: Script = async ({ uri }) => {
  const connection = await connect(uri)
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue('fuzz-confirming', { autoDelete: true, maxLength: 100 })
  for (const body of [...bodies(30, 50), ...bodies(2, 300_000), Buffer.alloc(0)]) {
    channel.publish('', 'fuzz-confirming', body, {
      mandatory: true,
      correlationId: 'c',
      replyTo: 'r',
      expiration: '50000',
    })
  }
  channel.publish('amq.direct', 'nowhere', Buffer.from('lost'), { mandatory: true })
  await channel.waitForConfirms()
  await channel.deleteQueue('fuzz-confirming')
  await connection.close()
}

const topology: Script = async ({ uri }) => {
  const connection = await connect(uri)
  const channel = await connection.createChannel()
  for (const type of ['direct', 'fanout', 'topic', 'headers']) {
    await channel.assertExchange(`fuzz-${type}`, type, { autoDelete: true, alternateExchange: 'amq.fanout' })
    await channel.assertQueue(`fuzz-queue-${type}`, { exclusive: true, arguments: { 'x-max-priority': 5 } })
    await channel.bindQueue(`fuzz-queue-${type}`, `fuzz-${type}`, 'a.*.#', { 'x-match': 'any', kind: type })
  }
  await channel.bindExchange('fuzz-topic', 'fuzz-direct', 'a.b.c')
  await channel.bindExchange('fuzz-headers', 'fuzz-fanout', '', {})
  for (const type of ['direct', 'fanout', 'topic', 'headers']) {
    channel.publish(`fuzz-${type}`, 'a.b.c', Buffer.from(type), {
      headers: { kind: type },
      CC: ['copy'],
      BCC: ['blind'],
    })
  }
  await channel.checkQueue('fuzz-queue-topic')
  await channel.purgeQueue('fuzz-queue-topic')
  await channel.unbindExchange('fuzz-topic', 'fuzz-direct', 'a.b.c')
  await channel.unbindQueue('fuzz-queue-direct', 'fuzz-direct', 'a.*.#', { 'x-match': 'any', kind: 'direct' })
  await channel.deleteQueue('fuzz-queue-fanout', { ifUnused: true })
  await channel.deleteExchange('fuzz-headers')
  await connection.close()
}

const cloudamqp: Script = async ({ uri }) => {
  const client = new AMQPClient(uri)
  client.logger = undefined
  const connection = await client.connect()
  const channel = await connection.channel()
  await channel.confirmSelect()
  await channel.queueDeclare('fuzz-cloudamqp', { durable: true, autoDelete: true })
  await channel.basicQos(3)
  for (const body of bodies(10, 2000))
    await channel.basicPublish('', 'fuzz-cloudamqp', body, { deliveryMode: 2, type: 't' })
  for (let i = 0; i < 5; i++)
    await (await channel.basicGet('fuzz-cloudamqp', { noAck: false }))?.[i % 2 === 0 ? 'ack' : 'reject'](i % 2 === 0)
  await channel.basicRecover(true)
  await channel.queuePurge('fuzz-cloudamqp')
  await channel.queueDelete('fuzz-cloudamqp')
  await channel.close()
  await connection.close()
}

const transacting: Script = async (address) => {
  const client = await (await RawClient.connect(address)).handshake()
  const channel = await client.channel(1)
  await channel.queue({ exclusive: true }, 'fuzz-tx')
  await channel.call('tx.select')
  channel.publishTo('fuzz-tx', '1', '2', '3')
  await channel.call('tx.commit')
  await channel.get('fuzz-tx')
  await channel.get('fuzz-tx')
  channel.ack(1)
  channel.nack(2)
  channel.publish({ routingKey: 'nowhere', mandatory: true, body: 'x' })
  await channel.call('tx.rollback')
  await channel.call('basic.recover', { requeue: true })
  channel.ack(0, true)
  await channel.call('tx.commit')
  await channel.close()
  await client.close()
}

const replying: Script = async (address) => {
  const client = await (await RawClient.connect(address)).handshake()
  const channel = await client.channel(1)
  await channel.call('basic.consume', { queue: 'amq.rabbitmq.reply-to', noAck: true, consumerTag: 'replies' })
  await channel.queue({ exclusive: true }, 'fuzz-rpc')
  channel.publish({
    routingKey: 'fuzz-rpc',
    body: 'ask',
    properties: { replyTo: 'amq.rabbitmq.reply-to', correlationId: '1' },
  })
  const request = await channel.get('fuzz-rpc', true)
  channel.publish({ routingKey: String(request?.content.properties.replyTo), body: 'answer' })
  await channel.delivery()
  const other = await client.channel(2)
  await other.call('confirm.select')
  await other.call('basic.qos', { prefetchCount: 2, global: true })
  await other.consume('fuzz-rpc', { consumerTag: 'two' })
  for (let i = 0; i < 6; i++) other.publishTo('fuzz-rpc', `${i}`.repeat(5000))
  await client.channel(3)
  client.send(3, 'basic.get', { queue: 'missing' })
  await client.expect(3, 'channel.close')
  client.send(3, 'channel.close-ok')
  await client.channel(3)
  client.send(3, 'channel.flow', { active: true })
  await client.expect(3, 'channel.flow-ok')
  await client.close()
}

const manyChannels: Script = async ({ uri }) => {
  const connection = await connect(`${uri}?heartbeat=5`)
  const channels = await Promise.all(Array.from({ length: 20 }, () => connection.createChannel()))
  for (const [i, channel] of channels.entries()) {
    await channel.assertQueue(`fuzz-many-${i % 3}`, { autoDelete: true })
    await channel.consume(`fuzz-many-${i % 3}`, () => {}, { noAck: i % 2 === 0, consumerTag: `many-${i}` })
    channel.sendToQueue(`fuzz-many-${(i + 1) % 3}`, Buffer.alloc(i * 300, 'm'))
  }
  const closed = once(connection, 'close')
  await Promise.all(channels.slice(5).map((channel) => channel.close()))
  await connection.close()
  await closed
}

/** Every mechanism, those that need a certificate included, and secrets that come later. */
const loggingIn: Script = async (address) => {
  const responses: readonly [string, string | Buffer][] = [
    ['PLAIN', '\0guest\0guest'],
    ['AMQPLAIN', tableBody({ LOGIN: 'guest', PASSWORD: 'guest' })],
    ['PLAIN', '\0fuzz-user\0wrong'],
    [
      'PLAIN',
      `\0token\0${['header', 'claims', 'signature'].map((part) => Buffer.from(part).toString('base64url')).join('.')}`,
    ],
    ['AMQPLAIN', tableBody({ LOGIN: 'fuzz-user', PASSWORD: 'wrong', x: [1, { y: 'z' }] })],
    ['EXTERNAL', 'fuzz-user'],
    ['ANONYMOUS', 'trace'],
  ]
  for (const [mechanism, response] of responses) {
    const client = await RawClient.connect(address)
    await client.startLogin({ mechanism, response, capabilities: {} })
    const answer = await client.next(0, 1000).catch(() => undefined)
    if (answer?.name === 'connection.tune') {
      client.send(0, 'connection.tune-ok', { channelMax: 10, frameMax: 131_072, heartbeat: 0 })
      await client.openVhost()
      client.send(0, 'connection.update-secret', { newSecret: 'fuzz-secret', reason: 'fuzz' })
      await client.expect(0, 'connection.update-secret-ok')
      await client.close()
    } else client.destroy()
  }
}

export const SCRIPTS: Readonly<Record<string, Script>> = {
  consuming,
  confirming,
  topology,
  cloudamqp,
  transacting,
  replying,
  manyChannels,
  loggingIn,
}
