// Code in this process that takes too long for an acknowledgement, by the rule of AMQP's channels. The broker looks about twice a second.
import { afterEach, expect, test } from 'vitest'
import type { ReceivedMessage } from '../../src/embedded/received-message.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import { refusal } from './refusal.ts'

const TIMEOUT_MS = 600
const LONG_MS = 3_600_000

let started: TestBroker

afterEach(() => started.stop())

async function queueWith(args: Record<string, number>, consumerTimeoutMs = 0) {
  started = await startTestBroker({ consumerTimeoutMs })
  const { broker } = started
  broker.declareQueue('q', { arguments: args })
  return broker
}

/** A message that `get` takes now is back: its time is over, and that of all that was handed out before. */
async function anotherTimesOut(): Promise<void> {
  const { broker } = started
  broker.declareQueue('limited', { arguments: { 'x-consumer-timeout': TIMEOUT_MS } })
  broker.publish('', 'limited', 'x')
  await broker.get('limited')
  await expect.poll(() => broker.queueInfo('limited')?.messagesReady, { timeout: 5000 }).toBe(1)
}

test('a consumer that settles nothing ends, is told, and gives back all that it has', async () => {
  const broker = await queueWith({ 'x-consumer-timeout': TIMEOUT_MS })
  for (const body of ['1', '2', '3']) broker.publish('', 'q', body)
  const seen: string[] = []
  const startedAt = performance.now()
  await new Promise<void>((onCancelled) => {
    const handler = (message: ReceivedMessage): void => {
      seen.push(message.body.toString())
      if (seen.length === 2) broker.ack(message)
    }
    broker.consume('q', handler, { prefetch: 2, onCancelled })
  })
  expect(performance.now() - startedAt).toBeGreaterThan(TIMEOUT_MS / 2)
  expect(seen).toEqual(['1', '2', '3'])
  expect(broker.queueInfo('q')).toMatchObject({ consumers: 0, messagesReady: 2, messagesUnacked: 0 })
  const again = await broker.get('q')
  expect([again?.body.toString(), again?.redelivered, again?.deliveryCount]).toEqual(['1', true, 1])
})

test('the tag of a consumer that has ended is free, and an auto-delete queue goes with it', async () => {
  const broker = await queueWith({})
  broker.declareQueue('auto', { autoDelete: true, durable: false })
  broker.publish('', 'auto', 'x')
  await new Promise<void>((onCancelled) => {
    broker.consume('auto', () => {}, { tag: 'mine', timeoutMs: TIMEOUT_MS, onCancelled })
  })
  expect(broker.queueInfo('auto')).toBeUndefined()
  broker.consume('q', () => {}, { tag: 'mine' })
})

test('a consumer may take its time for each message, as long as it settles them', async () => {
  const broker = await queueWith({ 'x-consumer-timeout': TIMEOUT_MS })
  for (let count = 0; count < 6; count++) broker.publish('', 'q', String(count))
  let isEnded = false
  await new Promise<void>((resolve) => {
    let left = 6
    const handler = (message: ReceivedMessage): void => {
      setTimeout(() => {
        broker.ack(message)
        if (--left === 0) resolve()
      }, TIMEOUT_MS / 3)
    }
    broker.consume('q', handler, { prefetch: 1, onCancelled: () => (isEnded = true) })
  })
  expect(isEnded).toBe(false)
  expect(broker.queueInfo('q')).toMatchObject({ consumers: 1, messagesReady: 0, messagesUnacked: 0 })
})

test.each([
  ['its own time counts before that of its queue', { 'x-consumer-timeout': TIMEOUT_MS }, 0, { timeoutMs: LONG_MS }],
  ['0 stands for any time', { 'x-consumer-timeout': TIMEOUT_MS }, 0, { timeoutMs: 0 }],
  ['that of its queue counts before that of the server', { 'x-consumer-timeout': LONG_MS }, TIMEOUT_MS, {}],
])('of a consumer, %s', async (_name, args, serverMs, options) => {
  const broker = await queueWith(args, serverMs)
  broker.publish('', 'q', 'x')
  broker.consume('q', () => {}, options)
  await anotherTimesOut()
  expect(broker.queueInfo('q')).toMatchObject({ consumers: 1, messagesUnacked: 1 })
})

test('the time of the server counts where nothing else does', async () => {
  const broker = await queueWith({}, TIMEOUT_MS)
  broker.publish('', 'q', 'x')
  await new Promise<void>((onCancelled) => broker.consume('q', () => {}, { onCancelled }))
  expect(broker.queueInfo('q')).toMatchObject({ consumers: 0, messagesReady: 1 })
})

test('what get has taken comes back when its time is over, and what was settled does not', async () => {
  const broker = await queueWith({ 'x-consumer-timeout': TIMEOUT_MS })
  for (const body of ['1', '2']) broker.publish('', 'q', body)
  const first = (await broker.get('q')) as ReceivedMessage
  broker.ack((await broker.get('q')) as ReceivedMessage)
  await expect.poll(() => broker.queueInfo('q')?.messagesReady, { timeout: 5000 }).toBe(1)
  expect(refusal(() => broker.ack(first)).text).toBe(`unknown delivery tag ${first.deliveryTag}`)
})
