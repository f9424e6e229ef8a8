// More connections than the system lets the process have, made by clients that never log in.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { RawClient } from '../support/raw-client.ts'
import { BrokerProcess } from './broker-process.ts'

const OPEN_FILES = 120
const SOCKETS = 300
const REFUSED = 'a connection is refused: the system lets the process open no more files'

/** Opens so many connections and says nothing on them. Resolves when each is open, or closed again by the broker. */
async function flood(port: number, count: number) {
  const sockets: Socket[] = []
  let closed = 0
  for (let i = 0; i < count; i++) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.on('close', () => closed++)
    sockets.push(socket)
    await once(socket, 'connect').catch(() => {})
  }
  const end = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return { end, closed: () => closed }
}

async function publishDurable(client: RawClient, bodies: number): Promise<void> {
  const channel = await client.channel(1)
  await channel.call('confirm.select')
  await channel.call('queue.declare', { queue: 'kept', durable: true })
  for (let tag = 1; tag <= bodies; tag++) {
    channel.publish({ routingKey: 'kept', body: Buffer.alloc(1024 * 1024), properties: { deliveryMode: 2 } })
    await channel.expect('basic.ack')
  }
  await channel.call('queue.purge', { queue: 'kept' })
  await channel.close()
}

test.skipIf(process.platform === 'win32')(
  'a flood of connections takes no descriptor that the broker needs',
  async () => {
    const broker = await BrokerProcess.startWithFiles(OPEN_FILES)
    onTestFinished(async () => void (await broker.stop()))
    const bystander = await (await RawClient.connect(broker)).handshake()

    const attack = await flood(broker.port, SOCKETS)
    await expect.poll(() => attack.closed(), { timeout: 5000 }).toBeGreaterThan(SOCKETS - OPEN_FILES)
    // Long enough for the timers that look at memory, disk and catalogue; several log files are begun.
    const from = performance.now()
    while (performance.now() - from < 2500) await publishDurable(bystander, 10)
    expect(broker.messages.filter((message) => message === REFUSED)).toHaveLength(1)

    attack.end()
    let late: RawClient | undefined
    while (late === undefined) {
      const client = await RawClient.connect(broker)
      late = await client.handshake().catch(() => undefined)
    }
    await late.expectUsable()
    expect([broker.errors, broker.output]).toEqual([[], ''])
    expect(await broker.stop()).toBe(0)
    // The others were counted.
    expect(broker.messages.filter((message) => message === REFUSED)).toHaveLength(2)
  },
)
