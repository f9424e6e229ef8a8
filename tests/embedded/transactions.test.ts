import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import {
  ackOperation,
  nackOperation,
  publishOperation,
  rejectOperation,
} from '../../src/embedded/transaction-operations.ts'
import type { Transactions } from '../../src/embedded/transactions.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'

let started: TestBroker
let broker: EmbeddedBroker
let transactions: Transactions

beforeEach(async () => {
  started = await startTestBroker()
  broker = started.broker
  transactions = started.server.transactions
  broker.declareQueue('in')
  broker.declareQueue('out')
})

afterEach(() => started.stop())

function fill(count: number): void {
  for (let i = 1; i <= count; i++) broker.publish('', 'in', String(i))
}

async function take() {
  return (await broker.get('in')) ?? expect.unreachable('the queue is empty')
}

async function bodies(queue: string): Promise<string[]> {
  const found: string[] = []
  for (let next = await broker.get(queue, { noAck: true }); next; next = await broker.get(queue, { noAck: true })) {
    found.push(String(next.body))
  }
  return found
}

test('the transactions of the server are those of its broker', () => {
  expect(started.server.transactions).toBe(broker.transactions)
})

describe('commit', () => {
  test('carries out everything, in order', async () => {
    fill(4)
    const [one, two, three, four] = [await take(), await take(), await take(), await take()]
    transactions.select(1)
    transactions.addOperation(1, publishOperation('', 'out', { body: 'a', properties: { messageId: 'm' } }))
    transactions.addOperation(1, ackOperation('in', two.deliveryTag, true))
    transactions.addOperation(1, nackOperation('in', three.deliveryTag))
    transactions.addOperation(1, rejectOperation('in', four.deliveryTag, false))
    transactions.addOperation(1, publishOperation('', 'out', { body: 'b' }))
    expect(broker.queueInfo('out')?.messagesReady).toBe(0)
    expect(broker.queueInfo('in')?.messagesUnacked).toBe(4)
    transactions.commit(1)
    expect((await broker.get('out'))?.properties.messageId).toBe('m')
    expect(await bodies('out')).toEqual(['b'])
    expect(broker.queueInfo('in')?.messagesUnacked).toBe(0)
    expect(await bodies('in')).toEqual(['3'])
    expect(() => broker.ack(one)).toThrow('unknown delivery tag')
  })

  test('leaves the channel transactional and empty', async () => {
    transactions.select(1)
    transactions.addOperation(1, publishOperation('', 'out', { body: 'a' }))
    transactions.commit(1)
    transactions.commit(1)
    expect(transactions.state(1)).toBe('active')
    expect(await bodies('out')).toEqual(['a'])
  })

  const refusals = [
    ['an exchange is missing', () => publishOperation('missing', '', { body: 'x' }), "no exchange 'missing'"],
    ['a delivery tag is unknown', () => ackOperation('in', 999_999), 'unknown delivery tag 999999'],
    [
      'no queue takes a mandatory message',
      () => publishOperation('', 'gone', { body: 'x' }, { mandatory: true }),
      'no queue takes a message',
    ],
    ['a message is too large', () => publishOperation('', 'out', { body: Buffer.alloc(16_777_217) }), 'message size'],
  ] as const
  test.each(refusals)('changes nothing when %s', async (_when, operation, text) => {
    fill(1)
    const message = await take()
    transactions.select(1)
    transactions.addOperation(1, publishOperation('', 'out', { body: 'a' }))
    transactions.addOperation(1, ackOperation('in', message.deliveryTag))
    transactions.addOperation(1, operation())
    expect(() => transactions.commit(1)).toThrow(text)
    expect(broker.queueInfo('out')?.messagesReady).toBe(0)
    expect(broker.queueInfo('in')?.messagesUnacked).toBe(1)
    expect(transactions.state(1)).toBe('pending')
    expect(transactions.statistics().totalCommits).toBe(0)
    transactions.rollback(1)
    broker.ack(message)
  })

  test('puts a mandatory message that is routed into its queues, and drops one that is not mandatory', async () => {
    transactions.select(1)
    transactions.addOperation(1, publishOperation('', 'out', { body: 'a' }, { mandatory: true }))
    transactions.addOperation(1, publishOperation('', 'gone', { body: 'b' }))
    transactions.commit(1)
    expect(await bodies('out')).toEqual(['a'])
  })

  test('refuses a mandatory message as no-route', async () => {
    const unroutable = publishOperation('amq.topic', 'k', { body: 'x' }, { mandatory: true })
    const failing = transactions.executeAtomic((add) => add(unroutable))
    await expect(failing).rejects.toMatchObject({ name: 'BrokerError', kind: 'no-route' })
  })

  test('changes nothing when a message is of another queue, or settled twice', async () => {
    fill(2)
    const [one, two] = [await take(), await take()]
    transactions.select(1)
    transactions.addOperation(1, ackOperation('out', one.deliveryTag))
    expect(() => transactions.commit(1)).toThrow(`unknown delivery tag ${one.deliveryTag}`)
    transactions.rollback(1)
    transactions.addOperation(1, ackOperation('in', two.deliveryTag, true))
    transactions.addOperation(1, rejectOperation('in', one.deliveryTag))
    expect(() => transactions.commit(1)).toThrow(`unknown delivery tag ${one.deliveryTag}`)
    expect(broker.queueInfo('in')?.messagesUnacked).toBe(2)
  })

  test('settles a message once when a later operation covers it again', async () => {
    fill(2)
    const [one, two] = [await take(), await take()]
    transactions.select(1)
    transactions.addOperation(1, rejectOperation('in', one.deliveryTag))
    transactions.addOperation(1, ackOperation('in', two.deliveryTag, true))
    transactions.commit(1)
    expect(broker.queueInfo('in')).toMatchObject({ messagesReady: 1, messagesUnacked: 0 })
  })

  test('gives the consumer its credit back', async () => {
    fill(3)
    transactions.select(1)
    const seen: string[] = []
    const done = new Promise<void>((resolve) => {
      broker.consume(
        'in',
        (message) => {
          seen.push(String(message.body))
          transactions.addOperation(1, ackOperation('in', message.deliveryTag))
          transactions.commit(1)
          if (seen.length === 3) resolve()
        },
        { prefetch: 1 },
      )
    })
    await done
    expect(seen).toEqual(['1', '2', '3'])
  })

  test('is refused while memory is short, and can be repeated', async () => {
    const small = await startTestBroker({ memoryLimitBytes: 1 })
    small.broker.transactions.select(1)
    small.broker.transactions.addOperation(1, publishOperation('', 'x', { body: 'a' }))
    expect(() => small.broker.transactions.commit(1)).toThrow('low on memory')
    expect(small.broker.transactions.pendingOperations(1)).toHaveLength(1)
    await small.stop()
  })

  test('publishes what was added, whatever happened to the buffer since', async () => {
    const body = Buffer.from('before')
    transactions.select(1)
    transactions.addOperation(1, publishOperation('', 'out', { body }))
    body.fill('x')
    transactions.commit(1)
    expect(await bodies('out')).toEqual(['before'])
  })
})

describe('rollback', () => {
  test('forgets everything and leaves the channel transactional', async () => {
    fill(1)
    const message = await take()
    transactions.select(1)
    transactions.addOperation(1, publishOperation('', 'out', { body: 'a' }))
    transactions.addOperation(1, ackOperation('in', message.deliveryTag))
    transactions.rollback(1)
    transactions.commit(1)
    expect(broker.queueInfo('out')?.messagesReady).toBe(0)
    broker.ack(message)
    expect(transactions.state(1)).toBe('active')
  })
})

describe('channels', () => {
  test('are independent of each other', async () => {
    transactions.select(1)
    transactions.select(2)
    transactions.addOperation(1, publishOperation('', 'out', { body: 'one' }))
    transactions.addOperation(2, publishOperation('', 'out', { body: 'two' }))
    transactions.rollback(1)
    transactions.commit(2)
    expect(await bodies('out')).toEqual(['two'])
  })

  test('must be selected, and keep what they have when selected again', () => {
    expect(transactions.isTransactional(1)).toBe(false)
    expect(transactions.state(1)).toBe('none')
    for (const act of [
      () => transactions.commit(1),
      () => transactions.rollback(1),
      () => transactions.addOperation(1, ackOperation('in', 1)),
    ]) {
      expect(act).toThrow('channel is not transactional')
    }
    transactions.select(1)
    transactions.addOperation(1, publishOperation('', 'out', { body: 'a' }))
    transactions.select(1)
    expect(transactions.isTransactional(1)).toBe(true)
    expect(transactions.state(1)).toBe('pending')
    expect(transactions.pendingOperations(1)).toEqual([publishOperation('', 'out', { body: 'a' })])
  })

  test('are over when closed', () => {
    transactions.select(1)
    transactions.addOperation(1, publishOperation('', 'out', { body: 'a' }))
    transactions.close(1)
    transactions.close(1)
    expect(transactions.isTransactional(1)).toBe(false)
    expect(transactions.pendingOperations(1)).toEqual([])
    expect(transactions.statistics().totalRollbacks).toBe(1)
  })

  test('refuse at once what AMQP cannot carry', () => {
    transactions.select(1)
    const operation = publishOperation('', 'k'.repeat(256), { body: 'a' })
    expect(() => transactions.addOperation(1, operation)).toThrow(RangeError)
    expect(transactions.state(1)).toBe('active')
  })
})

describe('executeAtomic', () => {
  test('commits what was added when the function is through', async () => {
    fill(1)
    const result = await transactions.executeAtomic(async (add) => {
      add(publishOperation('', 'out', { body: 'a' }))
      await Promise.resolve()
      expect(broker.queueInfo('out')?.messagesReady).toBe(0)
      add(ackOperation('in', (await take()).deliveryTag))
      return 'done'
    })
    expect(result).toBe('done')
    expect(await bodies('out')).toEqual(['a'])
    expect(broker.queueInfo('in')?.messagesUnacked).toBe(0)
  })

  test('commits nothing when the function fails, or an operation is refused', async () => {
    const failing = transactions.executeAtomic((add) => {
      add(publishOperation('', 'out', { body: 'a' }))
      throw new Error('changed my mind')
    })
    await expect(failing).rejects.toThrow('changed my mind')
    const refused = transactions.executeAtomic((add) => {
      add(publishOperation('', 'out', { body: 'a' }))
      add(ackOperation('in', 12345))
    })
    await expect(refused).rejects.toThrow('unknown delivery tag 12345')
    expect(broker.queueInfo('out')?.messagesReady).toBe(0)
    expect(transactions.statistics()).toMatchObject({ totalCommits: 0, totalRollbacks: 2 })
  })
})

test('statistics count what was committed and what is pending', async () => {
  fill(3)
  const [one, two, three] = [await take(), await take(), await take()]
  transactions.select(1)
  transactions.select(2)
  transactions.addOperation(1, publishOperation('', 'out', { body: 'a' }))
  transactions.addOperation(1, publishOperation('', 'nowhere', { body: 'b' }))
  transactions.addOperation(1, ackOperation('in', one.deliveryTag))
  transactions.addOperation(1, nackOperation('in', two.deliveryTag))
  transactions.addOperation(1, rejectOperation('in', three.deliveryTag))
  transactions.commit(1)
  transactions.addOperation(2, publishOperation('', 'out', { body: 'c' }))
  transactions.rollback(1)
  expect(transactions.statistics()).toEqual({
    totalCommits: 1,
    totalRollbacks: 1,
    activeTransactions: 2,
    pendingOperations: 1,
    operationCounts: { publish: 2, ack: 1, nack: 1, reject: 1 },
  })
})
