import { setImmediate as nextTurn } from 'node:timers/promises'
import { connect } from 'amqplib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import type { ReceivedMessage } from '../../src/embedded/received-message.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'

let started: TestBroker
let broker: EmbeddedBroker

beforeEach(async () => {
  started = await startTestBroker()
  broker = started.broker
  broker.declareQueue('q')
})

afterEach(() => started.stop())

function publishNumbers(count: number, queue = 'q'): void {
  for (let i = 1; i <= count; i++) broker.publish('', queue, String(i))
}

/** Lets everything happen that needs no input. */
async function settleDown(): Promise<void> {
  for (let i = 0; i < 10; i++) await nextTurn()
}

describe('a consumer', () => {
  test('gets what is in the queue and what comes later, in order', async () => {
    publishNumbers(3)
    const seen: string[] = []
    broker.consume('q', (message) => {
      seen.push(String(message.body))
      broker.ack(message)
    })
    await settleDown()
    publishNumbers(2)
    await settleDown()
    expect(seen).toEqual(['1', '2', '3', '1', '2'])
    expect(broker.queueInfo('q')).toMatchObject({ messagesReady: 0, messagesUnacked: 0, messagesDelivered: 5 })
  })

  test('is never called from inside another call', async () => {
    publishNumbers(1)
    let isCalled = false
    broker.consume('q', () => {
      isCalled = true
    })
    publishNumbers(1)
    const got = broker.get('q')
    expect(isCalled).toBe(false)
    await got
  })

  test('may publish, settle, declare and delete in its handler', async () => {
    const seen: number[] = []
    broker.consume('q', (message) => {
      const number = Number(message.body)
      seen.push(number)
      broker.ack(message)
      if (number < 600) broker.publish('', 'q', String(number + 1))
      else broker.deleteQueue('q')
    })
    broker.publish('', 'q', '1')
    while (broker.queueInfo('q') !== undefined) await nextTurn()
    expect(seen).toHaveLength(600)
  })

  test('has no more unsettled than its prefetch count', async () => {
    publishNumbers(10)
    const unsettled: ReceivedMessage[] = []
    broker.consume('q', (message) => void unsettled.push(message), { prefetch: 3 })
    await settleDown()
    expect(unsettled).toHaveLength(3)
    expect(broker.queueInfo('q')).toMatchObject({ messagesReady: 7, messagesUnacked: 3 })
    broker.ack(unsettled[1] as ReceivedMessage, { multiple: true })
    await settleDown()
    expect(unsettled.map(({ body }) => String(body))).toEqual(['1', '2', '3', '4', '5'])
  })

  test('has no more waiting than its prefetch count, whether it acknowledges or not', async () => {
    publishNumbers(1000)
    let calls = 0
    let waitingMax = 0
    broker.consume(
      'q',
      () => {
        calls++
        waitingMax = Math.max(waitingMax, broker.queueInfo('q')?.messagesUnacked ?? 0)
      },
      { noAck: true, prefetch: 10 },
    )
    while (calls < 1000) await nextTurn()
    expect(waitingMax).toBeLessThanOrEqual(10)
    expect(broker.queueInfo('q')).toMatchObject({ messagesReady: 0, messagesUnacked: 0 })
  })

  test('gives the event loop a turn between many messages', async () => {
    publishNumbers(1000)
    let calls = 0
    broker.consume('q', () => void calls++, { prefetch: 1000 })
    const callsByTurn: number[] = []
    while (calls < 1000) {
      await nextTurn()
      callsByTurn.push(calls)
    }
    const turns = callsByTurn.map((count, i) => count - (callsByTurn[i - 1] ?? 0))
    expect(Math.max(...turns)).toBeLessThanOrEqual(512)
  })

  test('takes turns with others of its priority, after those of a higher one', async () => {
    const seen: string[] = []
    const log = (name: string) => (message: ReceivedMessage) => {
      seen.push(`${name}${message.body}`)
    }
    broker.consume('q', log('a'))
    broker.consume('q', log('b'))
    broker.consume('q', log('first'), { priority: 1, prefetch: 1 })
    publishNumbers(5)
    await settleDown()
    expect(seen.toSorted()).toEqual(['a2', 'a4', 'b3', 'b5', 'first1'])
  })

  test('shares a queue with AMQP consumers', async () => {
    const connection = await connect(started.url)
    const channel = await connection.createChannel()
    const seen: string[] = []
    const all = new Promise<void>((resolve) => {
      const see = (where: string): void => {
        seen.push(where)
        if (seen.length === 10) resolve()
      }
      broker.consume('q', () => see('here'), { noAck: true })
      void channel.consume('q', () => see('there'), { noAck: true }).then(() => publishNumbers(10))
    })
    await all
    expect(seen.filter((where) => where === 'here')).toHaveLength(5)
    expect(broker.consumers('q')).toEqual([
      expect.objectContaining({ inProcess: true, noAck: true, prefetch: 100 }),
      expect.objectContaining({ inProcess: false, noAck: true, prefetch: 0 }),
    ])
    await connection.close()
  })

  test('is refused when its tag, its queue or its options are', () => {
    broker.consume('q', () => {}, { tag: 't' })
    expect(() => broker.consume('q', () => {}, { tag: 't' })).toThrow("attempt to reuse consumer tag 't'")
    expect(() => broker.consume('nothing', () => {})).toThrow("no queue 'nothing' in vhost '/'")
    expect(() => broker.consume('q', () => {}, { exclusive: true })).toThrow("queue 'q' in vhost '/' in exclusive use")
    expect(() => broker.consume('q', () => {}, { prefetch: 0 })).toThrow(RangeError)
    expect(() => broker.consume('q', () => {}, { prefetch: 1.5 })).toThrow(RangeError)
    expect(() => broker.consume('q', () => {}, { priority: 2 ** 31 })).toThrow(RangeError)
    expect(broker.consumers()).toHaveLength(1)
  })
})

describe('cancel', () => {
  test('gives back what the handler has not seen', async () => {
    publishNumbers(5)
    const seen: ReceivedMessage[] = []
    const consumer = broker.consume('q', (message) => {
      seen.push(message)
      if (seen.length === 2) consumer.cancel()
    })
    await settleDown()
    expect(seen).toHaveLength(2)
    expect(broker.queueInfo('q')).toMatchObject({ messagesReady: 3, messagesUnacked: 2, consumers: 0 })
    for (const message of seen) broker.ack(message)
    expect(broker.queueInfo('q')?.messagesUnacked).toBe(0)
    expect(String((await broker.get('q'))?.body)).toBe('3')
  })

  test('loses nothing of a no-ack consumer', async () => {
    publishNumbers(5)
    let calls = 0
    const consumer = broker.consume(
      'q',
      () => {
        calls++
        consumer.cancel()
      },
      { noAck: true },
    )
    await settleDown()
    expect(calls).toBe(1)
    expect(broker.queueInfo('q')?.messagesReady).toBe(4)
  })

  test('before the first call is possible, and may be repeated', async () => {
    publishNumbers(1)
    const consumer = broker.consume('q', () => expect.unreachable(), { tag: 't' })
    consumer.cancel()
    consumer.cancel()
    await settleDown()
    broker.consume('q', () => {}, { tag: 't' })
    expect(broker.queueInfo('q')?.consumers).toBe(1)
  })

  test('of the last consumer deletes an auto-delete queue', () => {
    broker.declareQueue('brief', { autoDelete: true })
    const [one, two] = [broker.consume('brief', () => {}), broker.consume('brief', () => {})]
    one.cancel()
    expect(broker.queueInfo('brief')?.consumers).toBe(1)
    two.cancel()
    expect(broker.queueInfo('brief')).toBeUndefined()
  })

  test('of an old consumer leaves a new one with its tag alone', async () => {
    const old = broker.consume('q', () => {}, { tag: 't' })
    broker.deleteQueue('q')
    await settleDown()
    broker.declareQueue('q')
    broker.consume('q', () => {}, { tag: 't' })
    old.cancel()
    expect(broker.queueInfo('q')?.consumers).toBe(1)
    expect(() => broker.consume('q', () => {}, { tag: 't' })).toThrow("attempt to reuse consumer tag 't'")
  })
})

describe('when its queue goes, a consumer', () => {
  test('is told, once, and not from inside the call', async () => {
    let told = 0
    broker.consume('q', () => {}, { onCancelled: () => void told++ })
    broker.deleteQueue('q')
    expect(told).toBe(0)
    await settleDown()
    expect(told).toBe(1)
  })

  test('sees nothing more, not even what waited', async () => {
    publishNumbers(3)
    const seen: string[] = []
    broker.consume('q', ({ body }) => {
      seen.push(String(body))
      broker.deleteQueue('q')
    })
    await settleDown()
    expect(seen).toEqual(['1'])
  })

  test('may still settle what it has', async () => {
    publishNumbers(1)
    const message = await new Promise<ReceivedMessage>((resolve) => void broker.consume('q', resolve))
    broker.deleteQueue('q')
    broker.ack(message)
    expect(broker.recover()).toBe(0)
  })

  test('is told when the server stops', async () => {
    const told = new Promise<void>((resolve) => {
      broker.consume('q', () => {}, { onCancelled: resolve })
    })
    await started.stop()
    await told
    expect(() => broker.publish('', 'q', 'x')).toThrow('the broker was stopped')
  })
})

describe('a handler that fails', () => {
  test('leaves its message unsettled, and the others come', async () => {
    publishNumbers(3)
    const failed: string[] = []
    broker.consume(
      'q',
      async ({ body }) => {
        if (String(body) === '2') throw new Error('boom')
      },
      { onError: (error, message) => failed.push(`${(error as Error).message} ${message.body}`) },
    )
    await settleDown()
    expect(failed).toEqual(['boom 2'])
    expect(broker.queueInfo('q')?.messagesUnacked).toBe(3)
    expect(broker.recover()).toBe(3)
  })

  test('may have its message settled by onError', async () => {
    publishNumbers(1)
    broker.consume(
      'q',
      () => {
        throw new Error('boom')
      },
      { onError: (_error, message) => broker.reject(message, { requeue: false }) },
    )
    await settleDown()
    expect(broker.queueInfo('q')).toMatchObject({ messagesReady: 0, messagesUnacked: 0 })
  })

  test('is logged when no onError is given, as is an onError that fails', async () => {
    const logged: string[] = []
    const ignore = (): void => {}
    const error = (fields: object, message: string): void => {
      logged.push(`${message}: ${(fields as { err: Error }).err.message}`)
    }
    const server = new ServerBuilder().withLogger({ debug: ignore, info: ignore, warn: ignore, error }).build()
    await server.start()
    server.broker.declareQueue('q')
    server.broker.publish('', 'q', 'x')
    const consumer = server.broker.consume('q', () => Promise.reject(new Error('one')))
    await settleDown()
    consumer.cancel()
    server.broker.publish('', 'q', 'x')
    const onError = (): void => {
      throw new Error('two')
    }
    server.broker.consume('q', () => Promise.reject(new Error('three')), { onError })
    await settleDown()
    expect(logged).toEqual(['consumer failed: one', 'consumer failed: two'])
    await server.shutdown()
  })
})
