// The least and the greatest value of every number a client may send.
import { describe, expect, test } from 'vitest'
import { frame, headerFrame, methodFrame } from '../support/wire-frames.ts'
import type { MethodName } from '../support/wire-methods.ts'
import { ByteWriter, tagged } from '../support/wire-values.ts'
import { endOf, underAttack } from './under-attack.ts'

const LONGLONG_MAX = 2n ** 64n - 1n

describe('tune-ok', () => {
  const refused: readonly (readonly [string, object])[] = [
    ['a frame-max of 0', { frameMax: 0 }],
    ['a frame-max of 1', { frameMax: 1 }],
    ['a frame-max of 4095', { frameMax: 4095 }],
    ['a frame-max above ours', { frameMax: 131_073 }],
    ['the largest frame-max', { frameMax: 2 ** 32 - 1 }],
    ['a channel-max of 0', { channelMax: 0 }],
    ['a channel-max above ours', { channelMax: 2048 }],
    ['the largest channel-max', { channelMax: 65_535 }],
  ]

  test.each(refused)('with %s is refused', async (_, tune) => {
    await underAttack(async (scene) => {
      const client = await scene.connect()
      await client.login({ tune })
      client.frameMax = 0 // the refusal need not fit what was refused
      expect(await endOf(client)).toBe(530)
    })
  })

  test('with the least of all and the longest heartbeat is taken', async () => {
    await underAttack(async (scene) => {
      const client = await scene.open({ tune: { frameMax: 4096, channelMax: 1, heartbeat: 65_535 } })
      const channel = await client.channel(1)
      const queue = await channel.queue()
      channel.publish({ routingKey: queue, body: Buffer.alloc(20_000, 'x') })
      const found = await channel.get(queue, true)
      expect(found?.content.frameSizes).toEqual([4088, 4088, 4088, 4088, 3648])
      client.send(2, 'channel.open')
      expect(await endOf(client)).toBe(530)
    })
  })

  test('holds the client to the frame-max it asked for', async () => {
    await underAttack(async (scene) => {
      const client = await scene.open({ tune: { frameMax: 4096 } })
      client.write(frame(3, 1, Buffer.alloc(4097)))
      expect(await endOf(client)).toBe(501)
    })
  })
})

describe('basic.qos', () => {
  test('takes every prefetch count there is', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      const queue = await channel.queue()
      for (const global of [false, true]) {
        for (const prefetchCount of [0, 1, 32_767, 32_768, 65_535]) {
          await channel.call('basic.qos', { prefetchCount, global })
          const consumerTag = await channel.consume(queue)
          channel.publishTo(queue, 'body')
          const { args } = await channel.delivery()
          channel.ack(Number(args.deliveryTag))
          await channel.call('basic.cancel', { consumerTag })
        }
      }
    })
  })

  test.each([1, 2 ** 31, 2 ** 32 - 1])('refuses a prefetch size of %d', async (prefetchSize) => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      channel.send('basic.qos', { prefetchSize })
      expect(await endOf(channel.client)).toBe(540)
    })
  })
})

describe('a delivery tag', () => {
  const tags = [0n, 1n, 2n ** 31n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, LONGLONG_MAX]
  test.each(tags)('of %d that was not given out is refused, and named', async (deliveryTag) => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      const methods: MethodName[] = ['basic.ack', 'basic.nack', 'basic.reject']
      for (const name of methods) {
        channel.send(name, { deliveryTag })
        await channel.expectClose(406, `unknown delivery tag ${deliveryTag}`, name)
        await channel.reopen()
      }
    })
  })

  test('of 0 with the multiple bit means all of none', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      channel.ack(0, true)
      channel.nack(0, { multiple: true })
      await channel.expectQuiet()
    })
  })
})

describe('a body size', () => {
  test.each([2n ** 29n + 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n, LONGLONG_MAX])(
    'of %d is refused at the header',
    async (size) => {
      await underAttack(async (scene) => {
        const channel = await scene.channel()
        channel.client.write(
          Buffer.concat([methodFrame(1, 'basic.publish', { routingKey: 'q' }), headerFrame(1, size)]),
        )
        expect(await endOf(channel.client)).toBe(501)
      })
    },
  )

  test('above the largest message is thrown away as it comes, and closes the channel at its end', async () => {
    await underAttack(
      async (scene) => {
        const channel = await scene.channel()
        for (const size of [1001, 8 * 1024 * 1024]) {
          channel.publish({ routingKey: 'q', body: Buffer.alloc(size) })
          const text = `message size ${size} is larger than configured max size 1000`
          await channel.expectClose(406, text, 'basic.publish')
          await channel.reopen()
        }
        // One that never comes to its end holds nothing.
        channel.client.write(
          Buffer.concat([methodFrame(1, 'basic.publish', { routingKey: 'q' }), headerFrame(1, 2 ** 29)]),
        )
        await channel.client.expectUsable()
      },
      { config: { maxMessageSizeBytes: 1000 } },
    )
  })
})

describe('an argument', () => {
  const extremes = [
    tagged('b', -128),
    tagged('B', 255),
    tagged('s', -32_768),
    tagged('u', 65_535),
    tagged('I', -(2 ** 31)),
    tagged('i', 2 ** 32 - 1),
    tagged('l', -(2n ** 63n)),
    tagged('l', 2n ** 63n - 1n),
    tagged('T', LONGLONG_MAX),
    tagged('d', Number.NaN),
    tagged('d', Number.POSITIVE_INFINITY),
    tagged('f', -0),
    tagged('D', { scale: 255, unscaled: 2 ** 32 - 1 }),
    tagged('V', null),
    tagged('A', []),
    tagged('F', {}),
    tagged('x', Buffer.alloc(300, 0xff)),
  ]
  const names = [
    'x-expires',
    'x-message-ttl',
    'x-max-length',
    'x-max-length-bytes',
    'x-max-priority',
    'x-queue-version',
    'x-queue-type',
    'x-overflow',
    'x-dead-letter-exchange',
    'x-single-active-consumer',
    'x-unheard-of',
    '',
    '__proto__',
  ]

  test('of a queue is taken or refused on its channel, whatever value it has', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      for (const name of names) {
        for (const [index, value] of extremes.entries()) {
          const queue = `${name.slice(0, 20)}-${index}`
          channel.send('queue.declare', { queue, exclusive: true, arguments: Object.fromEntries([[name, value]]) })
          const reply = await channel.next()
          if (reply.name === 'queue.declare-ok') continue
          expect([reply.name, reply.args.replyCode]).toEqual(['channel.close', 406])
          channel.send('channel.close-ok')
          await channel.reopen()
        }
      }
    })
  })

  test('of a consumer or a binding is taken or refused, whatever value it has', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      const queue = await channel.queue()
      for (const value of extremes) {
        const requests: [MethodName, object][] = [
          ['basic.consume', { queue, arguments: { 'x-priority': value } }],
          ['queue.bind', { queue, exchange: 'amq.headers', arguments: { 'x-match': value, a: value } }],
          ['queue.bind', { queue, exchange: 'amq.headers', arguments: { 'x-match': 'any', a: value } }],
          [
            'exchange.declare',
            { exchange: 'x', type: 'direct', autoDelete: true, arguments: { 'alternate-exchange': value } },
          ],
        ]
        for (const [name, args] of requests) {
          channel.send(name, { ...args })
          const reply = await channel.next()
          if (reply.name === `${name}-ok`) continue
          expect([reply.name, reply.args.replyCode]).toEqual(['channel.close', 406])
          channel.send('channel.close-ok')
          await channel.reopen()
        }
        channel.publish({ exchange: 'amq.headers', properties: { headers: { a: value, CC: value } } })
        channel.send('exchange.declare', { exchange: 'amq.direct', passive: true })
        const reply = await channel.next()
        if (reply.name === 'channel.close') {
          channel.send('channel.close-ok')
          await channel.reopen()
        }
      }
    })
  })
})

describe('a property', () => {
  test('of any value reaches the consumer, or closes the channel or the connection in plain words', async () => {
    await underAttack(async (scene) => {
      const octet = Buffer.alloc(1, 0xff)
      const properties = [
        { deliveryMode: 0 },
        { deliveryMode: 255 },
        { priority: 255 },
        { timestamp: Number.MAX_SAFE_INTEGER },
        { expiration: '0' },
        { expiration: '-1' },
        { expiration: '9'.repeat(255) },
        { expiration: '1e3' },
        { expiration: '' },
        { userId: 'another' },
        { userId: '' },
        { replyTo: 'amq.rabbitmq.reply-to' },
        { replyTo: 'amq.rabbitmq.reply-to.forged' },
        { messageId: octet.toString('latin1').repeat(120) },
        { clusterId: 'x'.repeat(255) },
        { headers: { CC: ['a', 'b'], BCC: ['c'] } },
        { headers: { CC: 'no list' } },
        { headers: { BCC: [1, 2] } },
      ]
      for (const one of properties) {
        const channel = await scene.channel()
        const queue = await channel.queue()
        channel.publish({ routingKey: queue, body: 'b', properties: one })
        channel.send('basic.get', { queue, noAck: true })
        const reply = await channel.next()
        if (reply.name === 'channel.close') expect(reply.args.replyCode).toBe(406)
        // RabbitMQ: what no consumer waits for expires at once.
        else if ('expiration' in one && one.expiration === '0') expect(reply.name).toBe('basic.get-empty')
        else expect(reply.content?.properties).toEqual(expect.objectContaining('headers' in one ? {} : one))
        channel.client.destroy()
      }
    })
  })

  test('list that promises properties and has none, or has more than it promises, is refused', async () => {
    await underAttack(async (scene) => {
      const lists = [
        Buffer.of(0xff, 0xfc),
        Buffer.of(0x80, 0),
        Buffer.of(0x80, 0, 200),
        Buffer.of(0, 0, 1),
        Buffer.of(0, 3, 0, 0),
        Buffer.of(0x10, 0),
        Buffer.of(0, 0x40, 0),
      ]
      for (const list of lists) {
        const channel = await scene.channel()
        const header = new ByteWriter().short(60).short(0).longlong(0).bytes(list).take()
        channel.client.write(
          Buffer.concat([methodFrame(1, 'basic.publish', { routingKey: 'bystander' }), frame(2, 1, header)]),
        )
        expect([501, 541]).toContain(await endOf(channel.client))
      }
    })
  })
})
