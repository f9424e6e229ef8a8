import { expect, test } from 'vitest'
import { ServerBuilder } from '../../src/index.ts'

const MESSAGES = 30_000
const BODY = Buffer.alloc(4000, 'x')

test('a server that was stopped keeps nothing of its messages, though the program keeps the server', async () => {
  const server = new ServerBuilder().build()
  await server.start()
  const before = process.memoryUsage().arrayBuffers
  server.broker.declareQueue('many')
  for (let n = 0; n < MESSAGES; n++) server.broker.publish('', 'many', BODY)
  const all = MESSAGES * BODY.length
  expect(process.memoryUsage().arrayBuffers - before).toBeGreaterThan(all)
  await server.shutdown()
  await expect.poll(() => process.memoryUsage().arrayBuffers - before, { timeout: 10_000 }).toBeLessThan(all / 2)
  expect(server.state).toBe('stopped')
})
