// Names, keys and bindings that are made to break something.
import { describe, expect, test } from 'vitest'
import { methodFrame } from '../support/wire-frames.ts'
import { endOf, underAttack } from './under-attack.ts'

describe('a routing key of octets that are no text', () => {
  const key = Buffer.alloc(255, 0xff)

  test('comes back as it was with a message that cannot be routed', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      channel.client.write(channel.publishBytes({ routingKey: key as unknown as string, mandatory: true, body: 'b' }))
      const { name, content } = await channel.next()
      expect([name, content?.body.toString()]).toEqual(['basic.return', 'b'])
    })
  })

  test('harms no client that takes the message', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      const queue = await channel.queue()
      await channel.bind(queue, 'amq.fanout')
      for (let i = 0; i < 2; i++)
        channel.publish({ exchange: 'amq.fanout', routingKey: key as unknown as string, body: 'b' })
      expect((await channel.get(queue, true))?.content.body.toString()).toBe('b')
      await channel.consume(queue, { noAck: true })
      expect((await channel.delivery()).content.body.toString()).toBe('b')
    })
  })

  test('is not the same as another one', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      await channel.queue({ exclusive: true }, '\ufffd')
      channel.client.write(channel.publishBytes({ routingKey: Buffer.of(0xff) as unknown as string, mandatory: true }))
      await channel.expect('basic.return')
      await channel.expectCounts('\ufffd', 0, 0)
    })
  })

  test('is refused where it would be a name', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      channel.send('queue.declare', { queue: Buffer.of(0x71, 0xff) })
      expect(await endOf(channel.client)).toBe(501)
    })
  })
})

describe('names that JavaScript has', () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length']

  test('are names like any other', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      for (const name of names) {
        channel.send('queue.declare', { queue: name, passive: true })
        await channel.expectClose(404, `no queue '${name}' in vhost '/'`, 'queue.declare')
        await channel.reopen()
        await channel.queue({ arguments: Object.fromEntries([[name, 1]]) }, name)
        await channel.exchange('topic', {}, name)
        await channel.bind(name, name, name)
        channel.publish({
          exchange: name,
          routingKey: name,
          body: name,
          properties: { headers: Object.fromEntries([[name, name]]) },
        })
        expect((await channel.get(name, true))?.content.body.toString()).toBe(name)
        await channel.call('basic.consume', { queue: name, consumerTag: name })
      }
    })
  })

  test('are no kinds of exchange', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      for (const type of names) {
        channel.send('exchange.declare', { exchange: 'x', type })
        await channel.expectClose(406, `unknown exchange type '${type}'`, 'exchange.declare')
        await channel.reopen()
      }
    })
  })
})

describe('bindings', () => {
  test('of nothing but `#` match in no time', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      const queue = await channel.queue()
      for (let i = 1; i <= 60; i++) await channel.bind(queue, 'amq.topic', `${'#.'.repeat(i)}never`)
      await channel.bind(queue, 'amq.topic', `${'#.a.'.repeat(60)}#`)
      const startedAt = performance.now()
      for (let i = 0; i < 50; i++) channel.publish({ exchange: 'amq.topic', routingKey: `${'a.'.repeat(115)}${i}` })
      await channel.expectCounts(queue, 50, 0)
      expect(performance.now() - startedAt).toBeLessThan(1500)
    })
  })

  test('in a circle route a message once', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      const exchanges = ['a', 'b', 'c', 'd']
      for (const exchange of exchanges)
        await channel.exchange('fanout', { autoDelete: false, arguments: { 'alternate-exchange': 'a' } }, exchange)
      for (const source of exchanges)
        for (const destination of exchanges) await channel.call('exchange.bind', { source, destination })
      const queue = await channel.queue()
      for (const exchange of exchanges) await channel.bind(queue, exchange)
      channel.publish({ exchange: 'a', body: 'once' })
      expect(await channel.drain(queue)).toEqual(['once'])
    })
  })

  test('of thousands of auto-delete exchanges in a row go together', async () => {
    await underAttack(
      async (scene) => {
        const channel = await scene.channel()
        const count = 15_000
        const frames = Array.from({ length: count }, (_, i) =>
          methodFrame(1, 'exchange.declare', { exchange: `e${i}`, type: 'fanout', autoDelete: true, nowait: true }),
        )
        for (let i = 1; i < count; i++)
          frames.push(methodFrame(1, 'exchange.bind', { source: `e${i - 1}`, destination: `e${i}`, nowait: true }))
        channel.client.write(Buffer.concat(frames))
        channel.send('exchange.delete', { exchange: `e${count - 1}` })
        await channel.client.next(1, 10_000).then(({ name }) => expect(name).toBe('exchange.delete-ok'))
        channel.send('exchange.declare', { exchange: 'e0', passive: true })
        await channel.expectClose(404, "no exchange 'e0' in vhost '/'", 'exchange.declare')
      },
      { grownMbMax: 100 },
    )
  })
})

describe('a queue', () => {
  test('that is declared and deleted thousands of times leaves nothing behind', async () => {
    await underAttack(
      async (scene) => {
        const channel = await scene.channel()
        const round = Buffer.concat(
          Array.from({ length: 400 }, () => [
            methodFrame(1, 'queue.declare', {
              queue: 'again',
              exclusive: true,
              nowait: true,
              arguments: { filling: 'x'.repeat(200) },
            }),
            methodFrame(1, 'queue.bind', { queue: 'again', exchange: 'amq.topic', routingKey: 'a.#', nowait: true }),
            methodFrame(1, 'queue.delete', { queue: 'again', nowait: true }),
          ]).flat(),
        )
        for (let i = 0; i < 50; i++) {
          channel.client.write(round)
          await channel.expectQuiet()
        }
      },
      { grownMbMax: 15 },
    )
  }, 60_000)

  test('with thousands of consumers on one channel holds up no other client for long', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      const queue = await channel.queue()
      const consume = (i: number) =>
        methodFrame(1, 'basic.consume', {
          queue,
          consumerTag: `t${i}`,
          nowait: true,
          arguments: { 'x-priority': i % 7 },
        })
      channel.client.write(Buffer.concat(Array.from({ length: 10_000 }, (_, i) => consume(i))))
      await channel.expectCounts(queue, 0, 10_000)
      await channel.close()
      expect(scene.bystander.longestMs).toBeLessThan(1500)
    })
  })
})

describe('direct replies', () => {
  test('to addresses that were guessed or are gone go nowhere', async () => {
    await underAttack(async (scene) => {
      const requester = await scene.channel()
      await requester.call('basic.consume', { queue: 'amq.rabbitmq.reply-to', noAck: true })
      const forger = await scene.channel()
      for (const routingKey of [
        'amq.rabbitmq.reply-to',
        'amq.rabbitmq.reply-to.',
        'amq.rabbitmq.reply-to.guessed',
        `amq.rabbitmq.reply-to.${'A'.repeat(200)}`,
      ]) {
        forger.publish({ routingKey, mandatory: true, body: 'forged' })
        expect((await forger.returned()).content.body.toString()).toBe('forged')
      }
      for (const queue of ['amq.rabbitmq.reply-to', 'amq.rabbitmq.reply-to.guessed']) {
        forger.send('queue.bind', { queue, exchange: 'amq.fanout' })
        const { name, args } = await forger.next()
        expect(name).toBe('channel.close')
        expect([403, 404]).toContain(args.replyCode)
        forger.send('channel.close-ok')
        await forger.reopen()
      }
      await requester.expectQuiet()
    })
  })
})
