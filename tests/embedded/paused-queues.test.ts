// Queues that are paused by the program, and what their clients see of it.
import { expect, test } from 'vitest'
import { checkEntities } from '../../src/cli/store/check-entities.ts'
import { useDurableBroker } from './durable-broker.ts'
import { refusal } from './refusal.ts'

const durable = useDurableBroker()

test('a paused queue keeps its consumers and delivers nothing; resumed, it delivers in order', async () => {
  const { broker } = durable
  const consumer = await durable.channel()
  const queue = await consumer.queue({ exclusive: false })
  await consumer.consume(queue)
  consumer.publishTo(queue, '1')
  const [first] = await consumer.expectBodies('1')
  broker.pauseQueue(queue)
  broker.pauseQueue(queue)
  consumer.publishTo(queue, '2', '3')
  consumer.nack(Number(first))
  await consumer.expectQuiet(queue)
  await consumer.expectCounts(queue, 3, 1)
  expect(broker.queueInfo(queue)).toMatchObject({ paused: true, messagesReady: 3, consumers: 1 })
  const other = await durable.channel()
  await other.consume(queue)
  await other.expectQuiet(queue)
  await other.client.close()
  broker.resumeQueue(queue)
  broker.resumeQueue(queue)
  await consumer.expectBodies('1', '2', '3')
  expect(broker.queueInfo(queue)?.paused).toBe(false)
})

test('a paused queue looks empty to basic.get, and can be purged and deleted', async () => {
  const { broker } = durable
  const client = await durable.channel()
  const queue = await client.queue({ exclusive: false })
  client.publishTo(queue, '1')
  broker.pauseQueue(queue)
  expect(await client.get(queue)).toBeUndefined()
  expect(await broker.get(queue)).toBeUndefined()
  broker.resumeQueue(queue)
  expect((await client.get(queue, true))?.content.body.toString()).toBe('1')
  client.publishTo(queue, '2')
  broker.pauseQueue(queue)
  expect((await client.call('queue.purge', { queue })).args.messageCount).toBe(1)
  await client.call('queue.delete', { queue })
  expect(broker.declareQueue(queue).paused).toBe(false)
})

test('a queue is paused over a restart while it is durable, and not when it was deleted or resumed', async () => {
  const { broker } = durable
  for (const name of ['kept', 'resumed', 'deleted', 'again']) {
    broker.declareQueue(name)
    broker.pauseQueue(name)
  }
  broker.declareQueue('transient', { durable: false })
  broker.pauseQueue('transient')
  broker.publish('', 'kept', 'x', { persistent: true })
  broker.resumeQueue('resumed')
  broker.deleteQueue('deleted')
  broker.deleteQueue('again')
  broker.declareQueue('again')
  await durable.restart()
  expect(durable.server.recovery?.problems).toEqual([])
  const paused = durable.broker.queues().map(({ name, paused }) => [name, paused])
  expect(Object.fromEntries(paused)).toEqual({ kept: true, resumed: false, again: false })
  const client = await durable.channel()
  await client.consume('kept')
  await client.expectQuiet('kept')
  durable.broker.resumeQueue('kept')
  await client.expectBodies('x')
})

test('a pause without its queue is told of, and goes', () => {
  const { problems } = checkEntities([{ kind: 10, key: '["/","q"]', value: new Uint8Array(4) }])
  expect(problems).toEqual([`paused queue ["/","q"] is left out: no queue 'q' in vhost '/'`])
  expect(durable.server.core.entityRegistry.mayGo(10)).toBe(true)
})

test('pausing what is not there is refused', () => {
  const { broker } = durable
  const missing = { kind: 'not-found', text: "no queue 'q' in vhost '/'" }
  expect(refusal(() => broker.pauseQueue('q'))).toEqual(missing)
  expect(refusal(() => broker.resumeQueue('q'))).toEqual(missing)
})
