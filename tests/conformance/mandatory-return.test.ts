import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'
import { plain } from '../support/wire-values.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

test('a mandatory message that no queue takes comes back whole', async () => {
  const routingKey = unique('nowhere')
  const properties = {
    contentType: 'text/plain',
    headers: { colour: 'green' },
    deliveryMode: 2,
    priority: 3,
    correlationId: 'c',
    messageId: 'm',
    timestamp: 1_700_000_000,
    appId: 'app',
  }
  channel.publish({ exchange: 'amq.direct', routingKey, body: 'back', properties, mandatory: true })
  const { args, content } = await channel.returned()
  expect(args).toEqual({ replyCode: 312, replyText: 'NO_ROUTE', exchange: 'amq.direct', routingKey })
  expect(content.body.toString()).toBe('back')
  expect(plain({ ...content.properties })).toEqual(properties)
})

test.each([
  ['the default exchange', ''],
  ['amq.direct', 'amq.direct'],
  ['amq.topic', 'amq.topic'],
  ['amq.headers', 'amq.headers'],
])('unroutable over %s: returned when mandatory, dropped when not', async (_, exchange) => {
  const routingKey = unique('nowhere')
  channel.publish({ exchange, routingKey, body: 'dropped' })
  channel.publish({ exchange, routingKey, body: 'returned', mandatory: true })
  expect((await channel.returned({ exchange, routingKey })).content.body.toString()).toBe('returned')
  await channel.expectQuiet()
})

test('a mandatory message that is routed does not come back', async () => {
  const queue = await channel.queue()
  channel.publish({ routingKey: queue, body: 'm', mandatory: true })
  await channel.expectQuiet(queue)
  expect(await channel.drain(queue)).toEqual(['m'])
})

test('returns come in the order of the publishes', async () => {
  const routingKey = unique('nowhere')
  const bodies = Array.from({ length: 50 }, (_, n) => `${n}`)
  for (const body of bodies) channel.publish({ routingKey, body, mandatory: true })
  for (const body of bodies) expect((await channel.returned()).content.body.toString()).toBe(body)
})

test('a large message and an empty one come back', async () => {
  const routingKey = unique('nowhere')
  const body = Buffer.alloc(1_000_000, 'leveret')
  channel.publish({ routingKey, body, mandatory: true })
  channel.publish({ routingKey, mandatory: true })
  expect((await channel.returned()).content.body.equals(body)).toBe(true)
  expect((await channel.returned()).content.body.length).toBe(0)
})

test('a message for a queue that was just deleted comes back', async () => {
  const queue = await channel.queue()
  channel.publish({ routingKey: queue, mandatory: true })
  await channel.expectQuiet(queue)
  await channel.call('queue.delete', { queue })
  channel.publish({ routingKey: queue, mandatory: true, body: 'late' })
  expect((await channel.returned({ routingKey: queue })).content.body.toString()).toBe('late')
})
