import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { connect } from 'amqplib'
import { describe, expect, test, vi } from 'vitest'
import { UserList } from '../src/auth/user-list.ts'
import { startTestBroker } from '../src/testing.ts'
import { MemoryStorage } from '../storage/memory/memory-storage.ts'

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

test('a test broker that is not stopped does not keep the process alive', async () => {
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

test('a test broker takes a logger, hooks, a storage and users', async () => {
  const lines: string[] = []
  const ignore = (): void => {}
  const logger = { debug: ignore, info: (_: object, text: string) => lines.push(text), warn: ignore, error: ignore }
  const users = new UserList()
  users.add('ann', 'one')
  const names: string[] = []
  const storage = new MemoryStorage()
  await using broker = await startTestBroker({
    logger,
    hooks: { onConnect: ({ user }) => names.push(user.name) },
    storage,
    authenticator: users,
    defaultUser: 'ann',
    defaultPass: 'one',
  })
  broker.broker.declareQueue('q')
  broker.broker.publish('', 'q', Buffer.alloc(10_000))
  expect(storage.bytesInUse).toBeGreaterThan(10_000)
  await (await connect(broker.url)).close()
  expect(names).toEqual(['ann'])
  expect(lines).toContain('connection opened')
})

describe('waiting for a queue', () => {
  test('ends when its counts are as wanted', async () => {
    await using broker = await startTestBroker()
    const connection = await connect(broker.url)
    const channel = await connection.createChannel()
    const waiting = broker.waitForQueue('q', { messagesReady: 2, consumers: 0 })
    await channel.assertQueue('q')
    channel.sendToQueue('q', Buffer.from('one'))
    channel.sendToQueue('q', Buffer.from('two'))
    expect(await waiting).toMatchObject({ name: 'q', messagesReady: 2 })
    await channel.consume('q', () => {}, { noAck: false })
    await broker.waitForQueue('q', { messagesUnacked: 2, consumers: 1 })
    await broker.waitForQueue('q', ({ messagesDelivered }) => messagesDelivered === 2)
    await connection.close()
    await broker.waitForQueue('q', { messagesReady: 2, consumers: 0 })
  })

  test('gives up after a time, and says how the queue is', async () => {
    await using broker = await startTestBroker()
    broker.broker.declareQueue('q')
    broker.broker.publish('', 'q', 'one')
    await expect(broker.waitForQueue('q', { messagesReady: 2 }, { timeoutMs: 20 })).rejects.toThrow(
      "queue 'q' did not come to messagesReady 2 within 20 ms: it has messagesReady 1, messagesUnacked 0, consumers 0, " +
        'messagesPublished 1, messagesDelivered 0',
    )
    await expect(broker.waitForQueue('missing', () => true, { timeoutMs: 0 })).rejects.toThrow(
      "queue 'missing' was not as wanted within 0 ms: it is not there",
    )
  })

  test('goes by the real clock, whatever a test does to its own', async () => {
    await using broker = await startTestBroker()
    vi.useFakeTimers()
    try {
      await expect(broker.waitForQueue('q', {}, { timeoutMs: 20 })).rejects.toThrow('it is not there')
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('clients', () => {
  test('are cut off without a word, and may come again', async () => {
    await using broker = await startTestBroker()
    const connection = await connect(broker.url)
    const channel = await connection.createChannel()
    await channel.assertQueue('q', { durable: true })
    await channel.consume('q', () => {})
    const closed = new Promise<Error | undefined>((resolve) => connection.on('close', resolve))
    const failed = once(connection, 'error').catch(() => {})
    await broker.dropConnections()
    expect(broker.server.stats().connections).toBe(0)
    expect(broker.broker.queueInfo('q')?.consumers).toBe(0)
    expect(String((await closed)?.message ?? (await failed))).not.toContain('320')
    await (await connect(broker.url)).close()
  })

  test('are closed with 320, and may come again', async () => {
    await using broker = await startTestBroker()
    const connection = await connect(broker.url)
    const closed = new Promise<Error>((resolve) => connection.on('close', resolve))
    await broker.closeConnections()
    expect((await closed).message).toContain('320 (CONNECTION-FORCED)')
    expect(broker.server.connections()).toEqual([])
    await (await connect(broker.url)).close()
  })

  test('that publish are blocked and unblocked', async () => {
    await using broker = await startTestBroker()
    const connection = await connect(broker.url)
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue('q')
    const blocked = once(connection, 'blocked')
    broker.blockPublishers()
    expect(await blocked).toEqual(['low on memory'])
    expect(broker.server.health().status).toBe('degraded')
    expect(() => broker.broker.publish('', 'q', 'x')).toThrow('low on memory')
    const confirmed = new Promise((resolve) => channel.sendToQueue('q', Buffer.from('waits'), {}, resolve))
    const other = await connect(broker.url)
    await (await other.createChannel()).checkQueue('q')
    expect(broker.broker.queueInfo('q')?.messagesPublished).toBe(0)
    const unblocked = once(connection, 'unblocked')
    broker.unblockPublishers()
    await unblocked
    await confirmed
    expect(broker.broker.queueInfo('q')?.messagesReady).toBe(1)
    broker.blockPublishers()
    broker.reset()
    expect(broker.server.health().status).toBe('healthy')
    await Promise.all([connection.close(), other.close()])
  })
})

test('after stop every call says that the broker was stopped', async () => {
  const started = await startTestBroker()
  const { broker, server } = started
  const { transactions } = broker
  const { users } = server
  broker.declareQueue('q')
  transactions.select(1)
  const consumer = broker.consume('q', () => {})
  await started.stop()
  const add = (): void => {}
  const calls: Record<string, () => unknown> = {
    waitForQueue: () => started.waitForQueue('q', {}),
    dropConnections: () => started.dropConnections(),
    closeConnections: () => started.closeConnections(),
    blockPublishers: () => started.blockPublishers(),
    unblockPublishers: () => started.unblockPublishers(),
    reset: () => started.reset(),
    'server.broker': () => server.broker,
    'server.users': () => server.users,
    'server.transactions': () => server.transactions,
    'server.url': () => server.url,
    'server.start': () => server.start(),
    'server.listen': () => server.listen(),
    'server.listenAndServe': () => server.listenAndServe(0),
    'users.add': () => users.add('ann', 'one'),
    'users.remove': () => users.remove('guest'),
    declareExchange: () => broker.declareExchange('e', 'topic'),
    deleteExchange: () => broker.deleteExchange('e'),
    declareQueue: () => broker.declareQueue('q'),
    deleteQueue: () => broker.deleteQueue('q'),
    purgeQueue: () => broker.purgeQueue('q'),
    pauseQueue: () => broker.pauseQueue('q'),
    resumeQueue: () => broker.resumeQueue('q'),
    bindQueue: () => broker.bindQueue('q', 'amq.topic'),
    unbindQueue: () => broker.unbindQueue('q', 'amq.topic'),
    bindExchange: () => broker.bindExchange('amq.fanout', 'amq.topic'),
    unbindExchange: () => broker.unbindExchange('amq.fanout', 'amq.topic'),
    whenDurable: () => broker.whenDurable(),
    publish: () => broker.publish('', 'q', 'x'),
    publishBatch: () => broker.publishBatch([]),
    get: () => broker.get('q'),
    peek: () => broker.peek('q'),
    moveMessages: () => broker.moveMessages('q', 'r'),
    consume: () => broker.consume('q', () => {}),
    ack: () => broker.ack(1),
    nack: () => broker.nack(1),
    reject: () => broker.reject(1),
    recover: () => broker.recover(),
    stats: () => broker.stats(),
    exchangeInfo: () => broker.exchangeInfo('e'),
    queueInfo: () => broker.queueInfo('q'),
    exchanges: () => broker.exchanges(),
    queues: () => broker.queues(),
    consumers: () => broker.consumers(),
    cancelConsumer: () => broker.cancelConsumer('q', { connection: 1, channel: 1 }, 'c'),
    createVhost: () => broker.createVhost('v'),
    defaultQueueType: () => broker.defaultQueueType,
    info: () => broker.info,
    setDefaultQueueType: () => broker.setDefaultQueueType('quorum'),
    vhost: () => broker.vhost('v'),
    deleteVhost: () => broker.deleteVhost('v'),
    vhosts: () => broker.vhosts(),
    select: () => transactions.select(2),
    addOperation: () => transactions.addOperation(1, { kind: 'ack', queue: 'q', deliveryTag: 1, multiple: false }),
    commit: () => transactions.commit(1),
    rollback: () => transactions.rollback(1),
    close: () => transactions.close(1),
    executeAtomic: () => transactions.executeAtomic(add),
    isTransactional: () => transactions.isTransactional(1),
    state: () => transactions.state(1),
    pendingOperations: () => transactions.pendingOperations(1),
    statistics: () => transactions.statistics(),
  }
  // No call is forgotten here.
  const methods = [broker, transactions].flatMap((object) => Object.getOwnPropertyNames(Object.getPrototypeOf(object)))
  expect(Object.keys(calls)).toEqual(
    expect.arrayContaining(methods.filter((name) => !['constructor', 'name'].includes(name))),
  )
  for (const [name, call] of Object.entries(calls)) {
    await expect((async () => call())(), name).rejects.toThrow('the broker was stopped')
  }
  consumer.cancel()
  await started.stop()
})
