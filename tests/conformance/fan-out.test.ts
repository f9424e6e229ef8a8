// One message for thousands of queues: what its publisher does next finds it in all of them.
import { beforeEach, describe, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { QueueOptions, RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'
import { methodFrame } from '../support/wire-frames.ts'

const broker = useBroker()
const COUNT = 3000

interface Fan {
  readonly exchange: string
  readonly queues: readonly string[]
}

let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

async function fan(options: QueueOptions = { exclusive: true }): Promise<Fan> {
  const exchange = await channel.exchange('fanout')
  const prefix = unique('fan')
  const queues = Array.from({ length: COUNT }, (_, i) => `${prefix}-${i}`)
  const frames = queues.flatMap((queue) => [
    methodFrame(channel.id, 'queue.declare', { queue, nowait: true, ...options }),
    methodFrame(channel.id, 'queue.bind', { queue, exchange, nowait: true }),
  ])
  channel.client.write(Buffer.concat(frames))
  await channel.expectQuiet()
  return { exchange, queues }
}

/** Asks all queues at once, in one write behind `before`; what each answered. */
async function getAll({ queues }: Fan, asking: RawChannel, ...before: Buffer[]): Promise<(string | undefined)[]> {
  const frames = queues.map((queue) => methodFrame(asking.id, 'basic.get', { queue, noAck: true }))
  asking.client.write(Buffer.concat([...before, ...frames]))
  const bodies: (string | undefined)[] = []
  for (const _ of queues) bodies.push((await asking.next()).content?.body.toString())
  return bodies
}

function same(body: string): string[] {
  return Array(COUNT).fill(body)
}

describe('a message for thousands of queues', () => {
  test.each([1, 2])('is in the last of them before the next method, delivery mode %i', async (deliveryMode) => {
    const { exchange, queues } = await fan()
    const queue = queues.at(-1) as string
    await channel.call('confirm.select')
    const other = await channel.client.channel(2)
    const publish = channel.publishBytes({ exchange, body: 'm', properties: { deliveryMode }, mandatory: true })
    channel.client.write(Buffer.concat([publish, methodFrame(2, 'queue.declare', { queue, passive: true })]))
    await other.expect('queue.declare-ok', { queue, messageCount: 1, consumerCount: 0 })
    await channel.expect('basic.ack', { deliveryTag: 1, multiple: false })
    await channel.expectQuiet()
  })

  test('is confirmed in its turn', async () => {
    const all = await fan()
    const queue = all.queues[0] as string
    await channel.call('confirm.select')
    const publishes = [all.exchange, '', all.exchange].map((exchange) =>
      channel.publishBytes({ exchange, routingKey: exchange === '' ? queue : '', body: `to '${exchange}'` }),
    )
    channel.client.write(Buffer.concat(publishes))
    for (let confirmed = 0; confirmed < 3; ) {
      const { args } = await channel.expect('basic.ack')
      expect(Number(args.deliveryTag)).toBeGreaterThan(confirmed)
      confirmed = Number(args.deliveryTag)
    }
    expect(await channel.drain(queue)).toEqual([`to '${all.exchange}'`, "to ''", `to '${all.exchange}'`])
  })

  test.each([
    { name: 'small', body: '' },
    { name: 'large', body: 'x'.repeat(40_000) },
  ])(
    'comes before the one behind it in each of them: $name bodies',
    async ({ body }) => {
      const all = await fan()
      const publishes = ['a', 'b'].map((first) =>
        channel.publishBytes({ exchange: all.exchange, body: `${first}${body}` }),
      )
      const firsts = await getAll(all, channel, ...publishes)
      expect(new Set(firsts)).toEqual(new Set([`a${body}`]))
      expect(new Set(await getAll(all, channel))).toEqual(new Set([`b${body}`]))
    },
    60_000,
  )

  test('whose properties name further queues is in all of them', async () => {
    const all = await fan()
    const properties = { headers: { CC: ['nowhere'] }, deliveryMode: 1 }
    const publish = channel.publishBytes({ exchange: all.exchange, body: 'm', properties })
    expect(await getAll(all, channel, publish)).toEqual(same('m'))
  })

  test('is in all of them though its channel is closed behind it', async () => {
    const all = await fan()
    const closing = await channel.client.channel(2)
    await closing.call('confirm.select')
    const publish = closing.publishBytes({ exchange: all.exchange, body: 'm' })
    channel.client.write(Buffer.concat([publish, methodFrame(2, 'channel.close', { replyCode: 200 })]))
    expect(await getAll(all, channel)).toEqual(same('m'))
    for (let { name } = await closing.next(); name !== 'channel.close-ok'; name = (await closing.next()).name) {
      expect(name).toBe('basic.ack')
    }
  })

  test('is in all of them though its client is gone', async () => {
    const all = await fan({ exclusive: false })
    const gone = await broker.channel()
    const publish = gone.publishBytes({ exchange: all.exchange, body: 'm' })
    gone.client.write(publish)
    gone.client.socket.destroySoon()
    for (const queue of all.queues) {
      let count: unknown = 0
      while (count === 0) count = (await channel.call('queue.declare', { queue, passive: true })).args.messageCount
      expect(count).toBe(1)
      channel.send('queue.delete', { queue, nowait: true })
    }
    await channel.expectQuiet()
  })
})
