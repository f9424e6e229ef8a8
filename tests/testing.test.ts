import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { connect } from 'amqplib'
import { expect, test } from 'vitest'
import { startTestBroker } from '../src/testing.ts'

test('a test broker is real, and gone when its block is over', async () => {
  let url: string
  {
    await using broker = await startTestBroker()
    url = broker.url
    expect(url).toBe(`amqp://guest:guest@${broker.host}:${broker.port}`)
    const connection = await connect(url)
    await (await connection.createChannel()).assertQueue('q')
    expect(broker.broker.queueInfo('q')).toBeDefined()
    expect(broker.broker).toBe(broker.server.broker)
    await connection.close()
  }
  await expect(connect(url)).rejects.toThrow('ECONNREFUSED')
})

test('a test broker takes a configuration', async () => {
  await using broker = await startTestBroker({ defaultUser: 'a b', defaultPass: 'p@ss', maxMessageSizeBytes: 10 })
  await (await connect(broker.url)).close()
  broker.broker.declareQueue('q')
  expect(() => broker.broker.publish('', 'q', 'more than that')).toThrow('larger than configured max size 10')
})

test('test brokers run side by side', async () => {
  const brokers = await Promise.all(Array.from({ length: 5 }, () => startTestBroker()))
  expect(new Set(brokers.map(({ port }) => port)).size).toBe(5)
  await Promise.all(brokers.map((broker) => broker.stop()))
  await Promise.all(brokers.map((broker) => broker.stop()))
})

test('reset empties the broker and keeps its connections', async () => {
  await using broker = await startTestBroker()
  const connection = await connect(broker.url)
  const channel = await connection.createChannel()
  await channel.assertExchange('mine', 'topic')
  await channel.assertQueue('q')
  await channel.bindQueue('q', 'amq.topic', '#')
  await channel.bindExchange('mine', 'amq.topic', '#')
  await channel.bindExchange('amq.fanout', 'amq.direct', 'k')
  channel.sendToQueue('q', Buffer.from('x'))
  const cancelled = new Promise<void>((resolve) => {
    void channel.consume('q', (message) => {
      if (message === null) resolve()
      else broker.reset()
    })
  })
  await cancelled
  expect(broker.broker.queues()).toEqual([])
  expect(broker.broker.exchanges().every(({ name, bindings }) => /^$|^amq\./.test(name) && bindings === 0)).toBe(true)
  expect(broker.broker.exchanges()).toHaveLength(7)
  await channel.assertQueue('q')
  expect(broker.broker.queueInfo('q')).toMatchObject({ messagesReady: 0, messagesUnacked: 0 })
  expect(broker.server.stats()).toMatchObject({ connections: 1, channels: 1 })
  await connection.close()
})

test('reset empties other virtual hosts too', async () => {
  await using broker = await startTestBroker()
  const other = broker.broker.createVhost('other')
  other.declareQueue('q')
  broker.reset()
  expect(other.queues()).toEqual([])
})

test('a test broker that nobody stops does not keep the process alive', async () => {
  const source = new URL('../dist/src/testing.js', import.meta.url).href
  const program = `
    const { startTestBroker } = await import(${JSON.stringify(source)})
    const { broker, url } = await startTestBroker()
    broker.declareQueue('q')
    broker.consume('q', () => {})
    console.log(url.startsWith('amqp://guest:guest@127.0.0.1:'))`
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { timeout: 10_000 })
  expect((await run).stdout).toBe('true\n')
})
