import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import type { ReceivedMessage } from '../../src/embedded/received-message.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import { refusal } from './refusal.ts'

let started: TestBroker
let broker: EmbeddedBroker

beforeEach(async () => {
  started = await startTestBroker()
  broker = started.broker
})

afterEach(() => started.stop())

describe('settling', () => {
  beforeEach(() => {
    broker.declareQueue('q')
    for (const body of ['1', '2', '3', '4']) broker.publish('', 'q', body)
  })

  const bodies = async (): Promise<string[]> => {
    const found: string[] = []
    for (
      let next = await broker.get('q', { noAck: true });
      next !== undefined;
      next = await broker.get('q', { noAck: true })
    ) {
      found.push(`${next.body}${next.redelivered ? 'r' : ''}`)
    }
    return found
  }
  const take = async () => (await broker.get('q')) ?? expect.unreachable('the queue is empty')

  test('works by message and by delivery tag', async () => {
    broker.ack(await take())
    broker.ack((await take()).deliveryTag)
    expect(broker.queueInfo('q')).toMatchObject({ messagesReady: 2, messagesUnacked: 0 })
    expect(await bodies()).toEqual(['3', '4'])
  })

  test('gives messages back to their old place', async () => {
    const [one, two, three] = [await take(), await take(), await take()]
    broker.nack(three)
    broker.reject(one)
    broker.reject(two, { requeue: false })
    expect(await bodies()).toEqual(['1r', '3r', '4'])
  })

  test('of several settles those before it too', async () => {
    const [one, two, three] = [await take(), await take(), await take()]
    broker.ack(two, { multiple: true })
    expect(refusal(() => broker.ack(one))).toEqual({
      kind: 'precondition-failed',
      text: `unknown delivery tag ${one.deliveryTag}`,
    })
    expect(broker.queueInfo('q')?.messagesUnacked).toBe(1)
    const four = await take()
    broker.nack(four, { multiple: true })
    expect(refusal(() => broker.ack(three)).kind).toBe('precondition-failed')
    expect(await bodies()).toEqual(['3r', '4r'])
  })

  test('of several leaves other queues and consumers alone', async () => {
    broker.declareQueue('other')
    broker.publish('', 'other', 'x')
    const other = await broker.get('other')
    const seen = new Promise<void>((resolve) => broker.consume('q', () => resolve(), { prefetch: 1 }))
    await seen
    broker.ack(await take(), { multiple: true })
    expect(broker.queueInfo('q')?.messagesUnacked).toBe(1)
    expect(broker.queueInfo('other')?.messagesUnacked).toBe(1)
    broker.ack(other as NonNullable<typeof other>)
  })

  test('twice, of no-ack messages or at the wrong broker is refused', async () => {
    const message = await take()
    broker.ack(message)
    expect(refusal(() => broker.nack(message)).text).toBe(`unknown delivery tag ${message.deliveryTag}`)
    const settled = await broker.get('q', { noAck: true })
    expect(refusal(() => broker.ack(settled as NonNullable<typeof settled>)).kind).toBe('precondition-failed')
    const elsewhere = broker.createVhost('elsewhere')
    const another = await take()
    expect(refusal(() => elsewhere.ack(another)).kind).toBe('precondition-failed')
    expect(refusal(() => broker.ack(0)).kind).toBe('precondition-failed')
  })

  test('after the queue is gone does nothing, however much has come since', async () => {
    const message = await take()
    broker.deleteQueue('q')
    broker.ack(message)
    for (let round = 0; round < 3; round++) {
      broker.declareQueue('brief')
      broker.publishBatch(Array.from({ length: 1000 }, () => ({ exchange: '', routingKey: 'brief', body: 'x' })))
      const taken: (ReceivedMessage | undefined)[] = []
      for (let left = 1000; left > 0; left--) taken.push(await broker.get('brief'))
      broker.deleteQueue('brief')
      broker.ack(taken[0] as ReceivedMessage)
      broker.nack(taken[998] as ReceivedMessage, { multiple: true })
    }
    expect(broker.recover()).toBe(0)
  })

  test('is undone by recover', async () => {
    await take()
    await take()
    expect(broker.recover()).toBe(2)
    expect(await bodies()).toEqual(['1r', '2r', '3', '4'])
    expect(broker.recover()).toBe(0)
  })
})
