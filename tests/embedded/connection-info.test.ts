import { connect } from 'amqplib'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startTestBroker } from '../../src/testing.ts'

test('what a client says of itself is in copies of its connection, too', async () => {
  const started = await startTestBroker()
  onTestFinished(() => started.stop())
  const connection = await connect(started.url, { clientProperties: { connection_name: 'orders' } })
  onTestFinished(() => connection.close())
  const [info] = started.server.clients.connections()
  const expected = { name: 'orders', clientProperties: expect.objectContaining({ connection_name: 'orders' }) }
  expect(info).toMatchObject(expected)
  expect({ ...info }).toMatchObject(expected)
  expect(JSON.parse(JSON.stringify(info))).toMatchObject(expected)
})

test('a connection is found by its number and by its route, and its channels by its number', async () => {
  const started = await startTestBroker()
  onTestFinished(() => started.stop())
  const [first, second] = [await connect(started.url), await connect(started.url)]
  await second.createChannel()
  const { clients } = started.server
  const [one, other] = [...clients.connections()]
  if (one === undefined || other === undefined) throw new Error('there are two connections')
  expect(clients.connection(one.id)).toEqual(one)
  expect(clients.connectionWithRoute(other.route)).toMatchObject({ id: other.id, route: other.route })
  expect(Array.from(clients.channels(other.id), ({ number, connection }) => [number, connection.id])).toEqual([
    [1, other.id],
  ])
  expect([...clients.channels(one.id)]).toEqual([])
  for (const route of ['', other.route.replace('127', '126'), `${other.route}0`, `x:${other.peerPort} -> y:1`]) {
    expect(clients.connectionWithRoute(route)).toBeUndefined()
  }
  await Promise.all([first.close(), second.close()])
  await vi.waitFor(() => expect(clients.connection(one.id)).toBeUndefined())
  expect(clients.connectionWithRoute(one.route)).toBeUndefined()
  expect([...clients.channels(other.id)]).toEqual([])
  expect(clients.close(one.id, 'gone')).toBe(false)
})
