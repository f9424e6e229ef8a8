// A message that takes several turns to get into its durable queues is confirmed once the disk has it for all of them.
import { afterEach, expect, test } from 'vitest'
import { systemError } from '../storage/level/faulty-files.ts'
import { methodFrame } from '../support/wire-frames.ts'
import { DurableServer, PERSISTENT } from './durable-server.ts'

const COUNT = 1500

let disk: DurableServer | undefined

afterEach(async () => {
  await disk?.remove()
  disk = undefined
})

test('a message for many durable queues is confirmed when it is safe in the last of them', async () => {
  disk = await DurableServer.start()
  const server = disk
  const publisher = await server.confirming()
  const exchange = await publisher.exchange('fanout', { durable: true, autoDelete: false })
  const queues = Array.from({ length: COUNT }, (_, i) => `q${i}`)
  const frames = queues.flatMap((queue) => [
    methodFrame(1, 'queue.declare', { queue, durable: true, nowait: true }),
    methodFrame(1, 'queue.bind', { queue, exchange, nowait: true }),
  ])
  publisher.client.write(Buffer.concat(frames))
  await publisher.expectQuiet()
  const bystander = await server.channel()
  let bytes = 0
  publisher.client.socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })

  let failures = 0
  server.files.fault = (at) => {
    if (at !== 'write') return
    failures++
    throw systemError('ENOSPC')
  }
  publisher.publish({ exchange, body: 'm', properties: PERSISTENT })
  const queue = queues.at(-1) as string
  let count: unknown = 0
  while (count === 0) count = (await bystander.call('queue.declare', { queue, passive: true })).args.messageCount
  await server.until(() => server.storage.journal.trouble !== undefined)
  for (const failed = failures; failures === failed; ) await bystander.expectQuiet()
  // When the disk fails before the last queue has the message, the client is told to wait.
  expect([0, methodFrame(0, 'connection.blocked', { reason: 'low on disk' }).length]).toContain(bytes)

  server.files.fault = () => {}
  await publisher.expect('basic.ack', { deliveryTag: 1, multiple: false })
  await server.restart()
  const after = await server.channel()
  for (const name of queues) await after.expectCounts(name, 1, 0)
})
