// A durable broker with a queue, whose disk takes nothing when a test wants that.
import { afterEach, beforeEach, expect } from 'vitest'
import type { RawChannel } from '../support/raw-channel.ts'
import { DurableServer, PERSISTENT } from './durable-server.ts'

/** Durable, and bound to amq.topic. */
export const QUEUE = 'orders'
export const QUIET_MS = 50

/** The broker of the test that runs. */
export let server: DurableServer
/** Lets the disk go on. */
export let release: () => void

/** Starts one for each test of a file. */
export function useStallingServer(): void {
  beforeEach(async () => {
    server = await DurableServer.start()
    const owner = await server.confirming()
    await owner.call('queue.declare', { queue: QUEUE, durable: true })
    await owner.call('queue.bind', { queue: QUEUE, exchange: 'amq.topic', routingKey: 'known' })
    owner.publish({ routingKey: QUEUE, body: 'kept', properties: PERSISTENT })
    await owner.expect('basic.ack')
    await owner.client.close()
  })

  afterEach(async () => {
    release()
    await server.remove()
  })
}

/** Nothing is written from now on until `release` is called. */
export function stall(): void {
  const isReleased = new Promise<void>((resolve) => {
    release = () => {
      server.files.fault = () => {}
      resolve()
    }
  })
  server.files.fault = (at) => (at === 'write' ? isReleased : undefined)
}

export async function expectNothing(channel: RawChannel): Promise<void> {
  await expect(channel.client.next(channel.id, QUIET_MS)).rejects.toThrow('nothing arrived')
}

export function declareNew(channel: RawChannel, queue = 'new'): void {
  channel.send('queue.declare', { queue, durable: true })
}
