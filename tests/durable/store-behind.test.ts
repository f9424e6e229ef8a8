// A disk that hangs: publishers of durable messages are told and wait, all others go on, and it ends once the disk is quick again.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DurableServer, PERSISTENT } from './durable-server.ts'

const LIMIT_MS = 300
const ALARM_MS = 5000

let server: DurableServer
let release: () => void

beforeEach(async () => {
  server = await DurableServer.start({}, { storeDelayLimitMs: LIMIT_MS })
  release = () => {}
})

afterEach(async () => {
  release()
  await server.remove()
})

/** The disk takes nothing until `release` is called. */
function hang(): void {
  const isReleased = new Promise<void>((resolve) => {
    release = () => {
      server.files.fault = () => {}
      resolve()
    }
  })
  server.files.fault = (at) => (at === 'write' ? isReleased : undefined)
}

test('who gives the store more is blocked while it is behind, and no other client', async () => {
  const publisher = await server.confirming()
  await publisher.call('queue.declare', { queue: 'kept', durable: true })
  const other = await server.confirming()
  const transient = await other.queue()
  hang()
  const publishing = setInterval(
    () => publisher.publish({ routingKey: 'kept', body: 'a body', properties: PERSISTENT }),
    100,
  )
  const blocked = await publisher.client.next(0, ALARM_MS)
  clearInterval(publishing)
  expect([blocked.name, blocked.args.reason]).toEqual(['connection.blocked', 'low on disk'])
  expect(server.server.stats().alarms).toEqual(['store'])
  expect(server.server.health()).toMatchObject({
    status: 'degraded',
    warnings: ['the store is behind: publishers of durable messages are blocked'],
  })
  other.publish({ routingKey: transient, body: 'not kept' })
  await other.expect('basic.ack')
  expect((await other.get(transient, true))?.content.body.toString()).toBe('not kept')
  await other.expectQuiet(transient)
  publisher.publish({ routingKey: 'kept', body: 'the last', properties: PERSISTENT })
  release()
  expect((await publisher.client.next(0, ALARM_MS)).name).toBe('connection.unblocked')
  for (let last = false; !last; ) {
    const { args } = await publisher.expect('basic.ack')
    last = Number(args.deliveryTag) === server.server.stats().messagesPublished - 1
  }
  expect(server.server.stats().alarms).toEqual([])
  expect(server.log.map(({ text }) => text)).toEqual(
    expect.arrayContaining([
      'the store is behind: publishers of durable messages wait, consumers go on',
      'the store keeps up again: publishers go on',
    ]),
  )
})
