// A client whose input waits in the line: we do not read from it meanwhile, which is not its fault.
import { expect, onTestFinished, test, vi } from 'vitest'
import { Connection } from '../../src/amqp/connection.ts'
import { InputLine, type Waiting } from '../../src/amqp/input-line.ts'
import { useBroker } from '../support/broker.ts'
import { methodFrame } from '../support/wire-frames.ts'

const broker = useBroker()
const DECLARES = 4000

test('it is not given up for its silence', async () => {
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
