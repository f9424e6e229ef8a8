// A client whose input waits in the line: we do not read from it meanwhile, which is not its fault.
import { expect, onTestFinished, test, vi } from 'vitest'
import { Connection } from '../../src/amqp/connection.ts'
import { InputLine, type Waiting } from '../../src/amqp/input-line.ts'
import { InputShares } from '../../src/amqp/input-shares.ts'
import { ReadPlace } from '../../src/amqp/read-place.ts'
import { Rest } from '../../src/amqp/rest.ts'
import { useBroker } from '../support/broker.ts'
import { methodFrame } from '../support/wire-frames.ts'

const broker = useBroker()
const DECLARES = 4000

test('a client whose input waits is not given up for its silence', async () => {
  const client = await broker.open({ tune: { heartbeat: 1 } })
  const channel = await client.channel(1)
  let held: Waiting | undefined
  vi.spyOn(InputLine.prototype, 'add').mockImplementationOnce((connection) => {
    held = connection
  })
  const ticks = vi.spyOn(Connection.prototype, 'tick')
  onTestFinished(() => void vi.restoreAllMocks())
  const declare = methodFrame(1, 'exchange.declare', { exchange: 'amq.direct', passive: true })
  client.write(Buffer.concat(Array(DECLARES).fill(declare)))
  await vi.waitUntil(() => held !== undefined && ticks.mock.calls.length > 0)
  const connection = ticks.mock.contexts[0] as Connection
  const nowMs = ticks.mock.calls[0]?.[0] as number
  // Its turn does not come for three intervals of its heartbeats.
  for (let ms = 500; ms <= 3000; ms += 500) connection.tick(nowMs + ms)
  held?.goOn()
  for (let left = DECLARES; left > 0; left--) expect((await channel.next()).name).toBe('exchange.declare-ok')
})

test('what was read into a large body, where it stays, is not copied to wait in a turn that is long already', async () => {
  const channel = await broker.channel()
  const queue = await channel.queue()
  onTestFinished(() => void vi.restoreAllMocks())
  const placed = vi.spyOn(ReadPlace.prototype, 'set')
  let lateTurns = 0
  vi.spyOn(InputShares.prototype, 'shareMs').mockImplementation(function (this: InputShares) {
    this.isLate = placed.mock.calls.length > 0
    if (this.isLate) lateTurns++
    return 0.02
  })
  const keep = vi.spyOn(Rest.prototype, 'keep')
  const body = Buffer.alloc(16 * 1024 * 1024, 'body')
  channel.publish({ routingKey: queue, body })
  channel.send('basic.get', { queue, noAck: true })
  expect((await channel.next()).content?.body.equals(body)).toBe(true)
  const copiedBytes = keep.mock.calls.reduce((sum, [, start, end]) => sum + end - start, 0)
  expect(copiedBytes).toBeLessThan(body.length / 2)
  expect(lateTurns).toBeGreaterThan(0)
})
