// How much is read from a client at once: thousands may have sent something when the event loop comes to read, and it reads from all of them.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { InputLine } from '../../src/amqp/input-line.ts'
import { OutboxFlusher } from '../../src/amqp/outbox-flusher.ts'
import { READ_BYTES, ReadBuffer } from '../../src/amqp/read-buffer.ts'
import { type Receiver, Transport } from '../../src/amqp/transport.ts'
import { Turn } from '../../src/lib/turn.ts'

const SENT_BYTES = 4 * 1024 * 1024
const LITTLE_BYTES = 4096

/** Sends much at once; how much of it was read in each piece. `isBusy`: each piece takes all the time of its turn. */
async function pieces(isBusy: boolean): Promise<number[]> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [accepted] = (await once(server, 'connection')) as [Socket]
  await new Promise((resolve) => client.write(Buffer.alloc(SENT_BYTES / 8), resolve))
  client.write(Buffer.alloc(SENT_BYTES - SENT_BYTES / 8))
  const sizes: number[] = []
  const turn = new Turn(() => performance.now())
  await new Promise<void>((resolve) => {
    let left = SENT_BYTES
    const receiver: Receiver = {
      receive: (_, start, end) => {
        sizes.push(end - start)
        left -= end - start
        if (isBusy) turn.putOff()
        if (left === 0) resolve()
        return end
      },
      finds: () => true,
      isInLargeBody: () => false,
      place: () => false,
      kept: () => {},
      unblocked: () => {},
      failed: () => {},
      closed: () => {},
    }
    new Transport(accepted, new ReadBuffer(LITTLE_BYTES), turn, new OutboxFlusher(), receiver).begin()
  })
  client.destroy()
  return sizes
}

test('of one that has not sent much yet, little is read at first, and then as much as there is', async () => {
  const [first, ...others] = await pieces(false)
  expect(first).toBe(LITTLE_BYTES)
  expect(Math.max(...others)).toBe(READ_BYTES)
  expect((await pieces(true)).slice(1)).toContain(READ_BYTES)
})

test('of one that waits among hundreds, little is read at first each time', async () => {
  vi.spyOn(InputLine.prototype, 'isCrowded', 'get').mockReturnValue(true)
  onTestFinished(() => void vi.restoreAllMocks())
  expect(Math.max(...(await pieces(true)))).toBe(LITTLE_BYTES)
})

test('more than sixty-four busy ones that wait are a crowd', () => {
  const line = new InputLine(
    () => {},
    () => 0,
  )
  const waiting = { goOn: () => {} }
  for (let i = 0; i < 64; i++) line.add(waiting, 'busy')
  for (let i = 0; i < 100; i++) line.add(waiting, 'short')
  expect(line.isCrowded).toBe(false)
  line.add(waiting, 'busy')
  expect(line.isCrowded).toBe(true)
})
