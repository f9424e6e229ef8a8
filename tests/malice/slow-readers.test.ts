// Clients that ask for more than they read: what the broker keeps for them is bounded, and no other client waits for them.
import { describe, expect, test } from 'vitest'
import type { RawChannel } from '../support/raw-channel.ts'
import { frame, methodFrame } from '../support/wire-frames.ts'
import { type Scene, underAttack, until } from './under-attack.ts'

const MEBIBYTE = 1024 * 1024

/** A queue with one message of that size, declared by the channel that keeps working. */
async function queueWith(channel: RawChannel, bodyBytes: number): Promise<string> {
  const queue = await channel.queue({ exclusive: false, autoDelete: false })
  channel.publish({ routingKey: queue, body: Buffer.alloc(bodyBytes, 'x') })
  await channel.expectCounts(queue, 1, 0)
  return queue
}

/** Takes and puts back the same message many times, and reads nothing of it. */
function getAgainAndAgain(queue: string, times: number): Buffer {
  const pairs = Array.from({ length: times }, (_, i) => [
    methodFrame(1, 'basic.get', { queue }),
    methodFrame(1, 'basic.nack', { deliveryTag: i + 1, requeue: true }),
  ])
  return Buffer.concat(pairs.flat())
}

async function stopped(scene: Scene, frameMax: number): Promise<RawChannel> {
  const channel = await scene.channel({ tune: { frameMax } })
  channel.client.socket.pause()
  return channel
}

describe('a client that never reads', () => {
  test.each([
    ['small', 1000, 4096, 4000],
    ['medium', 30_000, 131_072, 4000],
    ['large', MEBIBYTE, 131_072, 2000],
    ['large, in small frames', MEBIBYTE, 4096, 500],
  ])('and takes %s messages again and again is kept waiting', async (_, bodyBytes, frameMax, times) => {
    await underAttack(
      async (scene) => {
        const owner = await scene.channel()
        const queue = await queueWith(owner, bodyBytes)
        const client = await stopped(scene, frameMax)
        client.client.write(getAgainAndAgain(queue, times))
        await scene.bystander.lives(50)
        expect(scene.grownMb()).toBeLessThan(25)
        client.client.destroy()
        await until(() => scene.connectionCount === 3, 'the connection is still there')
        await owner.expectCounts(queue, 1, 0)
      },
      { grownMbMax: 80 },
    )
  })

  test('and declares, binds and consumes without end is kept waiting', async () => {
    await underAttack(async (scene) => {
      const client = await stopped(scene, 131_072)
      const round = Buffer.concat(
        Array.from({ length: 2000 }, (_, i) => [
          methodFrame(1, 'queue.declare', { queue: `q${i % 50}`, exclusive: true }),
          methodFrame(1, 'basic.consume', { queue: 'q0', consumerTag: 'x'.repeat(200) + i }),
          methodFrame(1, 'basic.cancel', { consumerTag: 'x'.repeat(200) + i }),
        ]).flat(),
      )
      for (let i = 0; i < 10; i++) client.client.write(round)
      await scene.bystander.lives(50)
    })
  })

  test('and publishes what cannot be routed is kept waiting for its returns', async () => {
    await underAttack(
      async (scene) => {
        const client = await stopped(scene, 131_072)
        const lost = client.publishBytes({ routingKey: 'nowhere', mandatory: true, body: Buffer.alloc(100_000) })
        for (let i = 0; i < 400; i++) client.client.write(lost)
        await scene.bystander.lives(50)
        expect(scene.grownMb()).toBeLessThan(90) // most of the 40 MB still lie in the client itself
      },
      { grownMbMax: 90 },
    )
  })

  test('and consumes leaves the rest in its queue, for others to take', async () => {
    await underAttack(
      async (scene) => {
        const owner = await scene.channel()
        const queue = await owner.queue({ exclusive: false })
        const slow = await scene.channel()
        await slow.consume(queue, { noAck: true })
        slow.client.socket.pause()
        const fast = await scene.channel()
        await fast.consume(queue, { noAck: true })
        const one = owner.publishBytes({ routingKey: queue, body: Buffer.alloc(10_000, 'x') })
        let taken = 0
        const readAll = (async () => {
          for (; ; taken++) await fast.delivery()
        })().catch(() => {})
        for (let i = 0; i < 2000; i++) owner.client.write(one)
        await until(() => taken >= 1000, 'the fast consumer got too little', 8000)
        await owner.expectQuiet(queue)
        await scene.bystander.lives(20)
        const { args } = await owner.call('queue.declare', { queue, passive: true })
        expect(args).toMatchObject({ messageCount: 0 })
        fast.client.destroy()
        await readAll
      },
      { grownMbMax: 100 },
    )
  })

  test('and waits for direct replies misses those that it has no room for', async () => {
    await underAttack(
      async (scene) => {
        const requester = await scene.channel()
        await requester.call('basic.consume', { queue: 'amq.rabbitmq.reply-to', noAck: true })
        const replier = await scene.channel()
        const queue = await replier.queue()
        requester.publish({ routingKey: queue, properties: { replyTo: 'amq.rabbitmq.reply-to' } })
        await until(() => requester.client.socket.writableLength === 0, 'the request was not sent')
        await replier.consume(queue, { noAck: true })
        const request = await replier.delivery()
        requester.client.socket.pause()
        const reply = replier.publishBytes({
          routingKey: String(request.content.properties.replyTo),
          body: Buffer.alloc(100_000),
        })
        for (let i = 0; i < 20; i++) {
          for (let k = 0; k < 50; k++) replier.client.write(reply)
          await replier.expectQuiet()
        }
        expect(scene.grownMb()).toBeLessThan(40)
      },
      { grownMbMax: 60 },
    )
  })

  test('is read from again when it reads again, with nothing lost', async () => {
    await underAttack(
      async (scene) => {
        const owner = await scene.channel()
        const queue = await queueWith(owner, 100_000)
        const channel = await stopped(scene, 131_072)
        const times = 300
        channel.client.write(getAgainAndAgain(queue, times))
        await scene.bystander.lives(20)
        channel.client.socket.resume()
        for (let tag = 1; tag <= times; tag++) await channel.expect('basic.get-ok', { deliveryTag: tag })
        await channel.expectCounts(queue, 1, 0)
      },
      { grownMbMax: 100 },
    )
  })
})

describe('messages larger than what a client may leave unread', () => {
  test('reach a client that takes and gives them back, as often as it likes', async () => {
    await underAttack(
      async (scene) => {
        const channel = await scene.channel()
        for (const bodyBytes of [4.1 * MEBIBYTE, 4.5 * MEBIBYTE, 9 * MEBIBYTE]) {
          const queue = await queueWith(channel, Math.floor(bodyBytes))
          for (let i = 0; i < 25; i++) {
            const message = await channel.get(queue)
            channel.nack(Number(message?.args.deliveryTag))
          }
          await channel.call('queue.delete', { queue })
        }
      },
      { grownMbMax: 200 },
    )
  })

  test('reach a consumer that acknowledges each', async () => {
    await underAttack(
      async (scene) => {
        const channel = await scene.channel()
        const queue = await queueWith(channel, Math.floor(4.2 * MEBIBYTE))
        await channel.call('basic.qos', { prefetchCount: 1 })
        await channel.consume(queue)
        for (let tag = 1; tag <= 25; tag++) {
          await channel.delivery({ deliveryTag: tag })
          channel.nack(tag)
        }
      },
      { grownMbMax: 200 },
    )
  })
})

describe('a client that is gone', () => {
  test('without a word while much was on its way to it gives back what it had', async () => {
    await underAttack(
      async (scene) => {
        const owner = await scene.channel()
        const queue = await owner.queue({ exclusive: false })
        const slow = await scene.channel()
        await slow.consume(queue)
        slow.client.socket.pause()
        const one = owner.publishBytes({ routingKey: queue, body: Buffer.alloc(10_000, 'x') })
        for (let i = 0; i < 1000; i++) owner.client.write(one)
        await owner.expectQuiet(queue)
        slow.client.socket.resetAndDestroy()
        await until(() => scene.connectionCount === 3, 'the connection is still there')
        await owner.expectCounts(queue, 1000, 0)
      },
      { grownMbMax: 80 },
    )
  })

  test('and half closed is closed', async () => {
    await underAttack(async (scene) => {
      const clients = await Promise.all(Array.from({ length: 20 }, () => scene.open()))
      for (const client of clients) client.socket.end(frame(8, 0))
      await Promise.all(clients.map((client) => client.expectSocketClosed()))
    })
  })
})
