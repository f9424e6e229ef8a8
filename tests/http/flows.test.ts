// What goes from where to where: a channel's publishes and deliveries, what comes into a queue and leaves an exchange.
import { type Channel, connect } from 'amqplib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ApiClient } from './api-client.ts'

let api: ApiClient
let channel: Channel
let name: string

beforeAll(async () => {
  api = await ApiClient.start()
  const connection = await connect(api.started.url)
  const confirming = await connection.createConfirmChannel()
  channel = confirming
  await channel.assertExchange('logs', 'topic')
  await channel.assertExchange('by header', 'headers')
  for (const queue of ['all', 'some']) await channel.assertQueue(queue)
  await channel.bindQueue('all', 'logs', '#')
  await channel.bindQueue('some', 'logs', 'a.*')
  await channel.bindQueue('all', 'by header', '', { 'x-match': 'any', to: 'all' })
  for (const key of ['a.1', 'a.2', 'b.1', 'a.1', 'a.1']) channel.publish('logs', key, Buffer.from('x'))
  channel.sendToQueue('some', Buffer.from('x'))
  channel.publish('by header', '', Buffer.from('x'), { headers: { to: 'all' } })
  channel.publish('logs', 'a.1', Buffer.from('x'), { expiration: '60000', CC: ['b.1'] })
  await confirming.waitForConfirms()
  name = `${(await api.get('/connections')).body[0].name} (1)`
})

afterAll(() => api.stop())

interface Shown {
  readonly exchange?: { readonly name: string }
  readonly queue?: { readonly name: string }
  readonly channel_details?: { readonly name: string }
  readonly stats: Readonly<Record<string, number>>
}

function counts(flows: readonly Shown[], stat = 'publish'): Record<string, number | undefined> {
  const named = flows.map(({ exchange, queue, channel_details, stats }) => [
    exchange?.name ?? queue?.name ?? channel_details?.name,
    stats[stat],
  ])
  return Object.fromEntries(named)
}

const at = (path: string) => api.get(path).then(({ body }) => body)

test('a channel tells what it has published to each exchange', async () => {
  const { publishes } = await at(`/channels/${encodeURIComponent(name)}`)
  expect(counts(publishes)).toEqual({ logs: 6, '': 1, 'by header': 1 })
})

test('an exchange tells from which channels and to which queues', async () => {
  const { incoming, outgoing } = await at('/exchanges/%2F/logs')
  expect(counts(incoming)).toEqual({ [name]: 6 })
  expect(counts(outgoing)).toEqual({ all: 6, some: 5 })
  expect(counts((await at('/exchanges/%2F/by%20header')).outgoing)).toEqual({ all: 1 })
  expect(counts((await at('/exchanges/%2F/amq.default')).outgoing)).toEqual({ some: 1 })
})

test('a queue tells from which exchanges, and counts on when routes change', async () => {
  expect(counts((await at('/queues/%2F/all')).incoming)).toEqual({ logs: 6, 'by header': 1 })
  await channel.assertQueue('another')
  channel.publish('logs', 'a.1', Buffer.from('x'))
  await channel.checkQueue('all')
  expect(counts((await at('/queues/%2F/all')).incoming)).toEqual({ logs: 7, 'by header': 1 })
})

test('a queue and a channel tell what went to consumers, with its rate', async () => {
  await channel.assertQueue('consumed')
  await channel.consume('consumed', () => {}, { noAck: true })
  await api.started.server.statistics.sample()
  for (let i = 0; i < 5; i++) channel.sendToQueue('consumed', Buffer.from('x'))
  await expect.poll(async () => (await at('/queues/%2F/consumed')).deliveries[0].stats.deliver_no_ack).toBe(5)
  await api.started.server.statistics.sample()
  const [delivery] = (await at('/queues/%2F/consumed')).deliveries
  expect([delivery.channel_details.name, delivery.stats.deliver_no_ack_details.rate > 0]).toEqual([name, true])
  expect(counts((await at(`/channels/${encodeURIComponent(name)}`)).deliveries, 'deliver_no_ack')).toEqual({
    consumed: 5,
  })
  const [incoming] = (await at('/queues/%2F/consumed')).incoming
  expect(incoming.stats.publish_details.rate).toBeGreaterThan(0)
  const { publishes } = await at(`/channels/${encodeURIComponent(name)}`)
  const toDefault = publishes.find(({ exchange }: Shown) => exchange?.name === '')
  expect(toDefault.stats.publish_details.rate).toBeGreaterThan(0)
})
