import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { RareLines } from '../../src/lib/rare-lines.ts'
import type { Arrival } from '../../src/listeners/arrival.ts'
import { Entrance } from '../../src/listeners/entrance.ts'
import { Listener } from '../../src/listeners/listener.ts'
import { OpenSockets } from '../../src/listeners/open-sockets.ts'
import { WaitingSockets } from '../../src/listeners/waiting-sockets.ts'

let close = (): void => {}

afterEach(() => close())

/** Lets one client in, whom `speak` is to take; resolves when it has been cut off. */
async function letIn(speak: (arrival: Arrival) => void): Promise<{ counts: readonly number[]; logged: string[] }> {
  const logged: string[] = []
  const log = (_: object, text: string): void => void logged.push(text)
  const [sockets, waiting] = [new OpenSockets(), new WaitingSockets({ inAll: 10, perAddress: 10 })]
  const entrance = new Entrance({
    sockets,
    waiting,
    rareLines: new RareLines({ debug: log, info: log, warn: log, error: log }),
    now: () => 0,
    handshakeTimeoutMs: 1000,
    entryTimeoutMs: 1000,
    proxies: undefined,
    tls: () => undefined,
    speakers: { amqp: speak, web: speak },
  })
  const listener = new Listener('amqp', { protocol: 'amqp' }, { accepted: () => {}, failed: () => {} })
  const server = createServer((socket) => entrance.enter(socket, listener)).listen(0, '127.0.0.1')
  close = () => server.close()
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.on('error', () => {})
  client.resume()
  await once(client, 'close')
  return { counts: [sockets.count, waiting.count], logged }
}

test.each([
  ['before it has said when the client is gone', () => {}],
  ['after it has', ({ stream, gone }: Arrival) => void stream.on('close', gone)],
] as const)('a client that nobody can take is cut off, and counted no longer: it failed %s', async (_, begin) => {
  const { counts, logged } = await letIn((arrival) => {
    begin(arrival)
    throw new Error('no room')
  })
  expect(counts).toEqual([0, 0])
  expect(logged).toEqual(['internal error while a client was let in'])
})
