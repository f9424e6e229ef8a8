import { connect } from 'amqplib'
import { expect, onTestFinished, test } from 'vitest'
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
