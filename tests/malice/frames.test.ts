// Streams that are no AMQP, or are AMQP at the wrong moment: the broker ends the connection in plain words and no other client
// notices.
import { describe, expect, test } from 'vitest'
import type { RawClient } from '../support/raw-client.ts'
import { PROTOCOL_HEADER } from '../support/raw-client.ts'
import { frame, headerFrame, methodFrame } from '../support/wire-frames.ts'
import { ByteWriter, tableBody } from '../support/wire-values.ts'
import { Random } from './random.ts'
import { endOf, type Scene, underAttack } from './under-attack.ts'

/** Errors that say what the client did wrong, and a socket closed without a word. */
const CLEAR = [0, 501, 502, 503, 504, 505, 506, 530, 540]

async function expectEnds(clients: readonly RawClient[]): Promise<void> {
  const codes = await Promise.all(clients.map(endOf))
  for (const code of codes) expect(CLEAR).toContain(code)
}

/** One client for each of these streams; every one of them must be ended. */
async function sendAll(
  scene: Scene,
  streams: readonly Uint8Array[],
  prepare: (scene: Scene) => Promise<RawClient>,
): Promise<void> {
  for (let from = 0; from < streams.length; from += 20) {
    const clients = await Promise.all(
      streams.slice(from, from + 20).map(async (bytes) => {
        const client = await prepare(scene)
        client.write(bytes)
        return client
      }),
    )
    await expectEnds(clients)
    await scene.bystander.lives(2)
  }
}

const afterHeader = async (scene: Scene): Promise<RawClient> => {
  const client = await scene.connect()
  client.write(PROTOCOL_HEADER)
  await client.expect(0, 'connection.start')
  return client
}
const afterOpen = async (scene: Scene): Promise<RawClient> => {
  const channel = await scene.channel()
  return channel.client
}

/** Frames that are broken by themselves. */
function brokenFrames(): Buffer[] {
  const random = new Random(1)
  const broken: Buffer[] = [
    Buffer.alloc(64),
    Buffer.alloc(64, 0xff),
    Buffer.alloc(64, 0xce),
    Buffer.from('GET / HTTP/1.1\r\nHost: broker\r\n\r\n'),
    Buffer.from(PROTOCOL_HEADER),
    frame(0, 0),
    frame(4, 0, Buffer.from('reserved')),
    frame(255, 65_535),
    frame(1, 0, Buffer.alloc(4), 0xcd),
    frame(8, 1),
    Buffer.of(1, 0, 0, 0xff, 0xff, 0xff, 0xff),
    Buffer.of(3, 0, 1, 0x7f, 0xff, 0xff, 0xff),
    frame(1, 0),
    frame(1, 0, Buffer.of(0)),
    frame(1, 0, Buffer.of(0, 10, 0)),
    frame(1, 0, Buffer.of(0, 0, 0, 0)),
    frame(1, 0, Buffer.of(255, 255, 255, 255)),
    frame(2, 0, Buffer.alloc(14)),
    frame(3, 0, Buffer.alloc(100)),
    frame(3, 0, Buffer.alloc(5000)),
  ]
  for (let i = 0; i < 40; i++) broken.push(Buffer.concat([Buffer.of(9 + random.below(200)), random.bytes(60)]))
  return broken
}

describe('before the login', () => {
  test('whatever is no protocol header is answered with ours, and the socket closed', async () => {
    await underAttack(async (scene) => {
      const random = new Random(2)
      const first = [
        ...brokenFrames().filter((bytes) => !bytes.subarray(0, 4).equals(Buffer.from('AMQP'))),
        Buffer.from('AMQP\x00\x01\x00\x00'),
      ]
      for (let i = 0; i < 20; i++)
        first.push(Buffer.concat([Buffer.from('AMQ'), Buffer.of(random.below(80)), random.bytes(20)]))
      for (const bytes of first) {
        const client = await scene.connect()
        client.write(bytes)
        expect(await client.bytes(8)).toEqual(PROTOCOL_HEADER)
        await client.expectSocketClosed()
      }
    })
  })

  test('broken frames, methods out of order and content end the connection', async () => {
    await underAttack(async (scene) => {
      const early = [
        ...brokenFrames().filter((bytes) => bytes[0] !== 0x41),
        methodFrame(0, 'connection.open', { virtualHost: '/' }),
        methodFrame(0, 'connection.tune-ok', { frameMax: 131_072 }),
        methodFrame(0, 'connection.secure-ok', { response: 'x' }),
        methodFrame(0, 'connection.close-ok'),
        methodFrame(0, 'connection.start', { versionMinor: 9 }),
        methodFrame(1, 'channel.open'),
        methodFrame(1, 'basic.publish', { routingKey: 'q' }),
        methodFrame(0, 'basic.publish', { routingKey: 'q' }),
        Buffer.concat([methodFrame(1, 'basic.publish'), headerFrame(1, 0)]),
        headerFrame(0, 2 ** 40),
        Buffer.concat([methodFrame(0, 'basic.publish'), headerFrame(0, 4), frame(3, 0, Buffer.from('body'))]),
        frame(1, 0, Buffer.alloc(8193)).subarray(0, 7),
        frame(3, 0, Buffer.alloc(100_000)).subarray(0, 7),
      ]
      await sendAll(scene, early, afterHeader)
    })
  })

  test('a start-ok with a broken or hostile table ends the connection', async () => {
    await underAttack(async (scene) => {
      const startOk = (table: Buffer) =>
        frame(
          1,
          0,
          new ByteWriter()
            .short(10)
            .short(11)
            .bytes(table)
            .shortstr('PLAIN')
            .longstr('\0guest\0guest')
            .shortstr('en_US')
            .take(),
        )
      await sendAll(scene, hostileTables(1000).map(startOk), afterHeader)
    })
  })
})

/** Tables (with their length) that lie about lengths, nest without end or consist of nothing but fields. */
function hostileTables(depth: number): Buffer[] {
  const long = (value: number) => new ByteWriter().long(value).take()
  const nested = (tag: 'F' | 'A'): Buffer => {
    let inner = Buffer.alloc(0)
    for (let i = 0; i < depth; i++) {
      const value = Buffer.concat([Buffer.from(tag), long(inner.length), inner])
      inner = tag === 'A' ? value : Buffer.concat([Buffer.of(0), value])
    }
    const body = tag === 'A' ? Buffer.concat([Buffer.of(1, 0x61), inner]) : inner
    return Buffer.concat([long(body.length), body])
  }
  const withBody = (body: Buffer, length = body.length) => Buffer.concat([long(length), body])
  return [
    nested('F'),
    nested('A'),
    withBody(Buffer.from('\x01aS\xff\xff\xff\xff', 'latin1')),
    withBody(Buffer.from('\x01aF\xff\xff\xff\xff', 'latin1')),
    withBody(Buffer.from('\x01aA\x7f\xff\xff\xff', 'latin1')),
    withBody(Buffer.from('\x01aI\x00', 'latin1')),
    withBody(Buffer.from('\xffa', 'latin1')),
    withBody(Buffer.from('\x01aQ\x00\x00', 'latin1')),
    withBody(Buffer.from('\x01a', 'latin1')),
    withBody(Buffer.alloc(20), 0xffff_ffff),
    withBody(Buffer.alloc(20), 19),
    withBody(Buffer.alloc(300, 0)),
  ]
}

describe('after the login', () => {
  test('broken frames end the connection', async () => {
    await underAttack((scene) => sendAll(scene, brokenFrames(), afterOpen))
  })

  test('frames at the wrong moment end the connection', async () => {
    await underAttack(async (scene) => {
      const publish = methodFrame(1, 'basic.publish', { routingKey: 'q' })
      const body = frame(3, 1, Buffer.from('body'))
      const misplaced = [
        headerFrame(1, 0),
        body,
        Buffer.concat([publish, body]),
        Buffer.concat([publish, publish]),
        Buffer.concat([publish, methodFrame(1, 'tx.select')]),
        Buffer.concat([publish, headerFrame(1, 4), headerFrame(1, 4)]),
        Buffer.concat([publish, headerFrame(1, 4), publish]),
        Buffer.concat([publish, headerFrame(1, 3), body]),
        Buffer.concat([publish, headerFrame(2, 0)]),
        headerFrame(0, 0),
        frame(3, 0, Buffer.from('body')),
        methodFrame(2, 'basic.publish'),
        methodFrame(2, 'queue.declare', { queue: 'q' }),
        methodFrame(1, 'channel.open'),
        methodFrame(0, 'channel.open'),
        methodFrame(0, 'connection.start-ok', { mechanism: 'PLAIN', response: '\0guest\0guest' }),
        methodFrame(0, 'connection.open', { virtualHost: '/' }),
        methodFrame(0, 'connection.tune-ok'),
        methodFrame(1, 'connection.close'),
      ]
      await sendAll(scene, misplaced, afterOpen)
    })
  })

  test('methods that do not exist, or that only a broker sends, end the connection', async () => {
    await underAttack(async (scene) => {
      const unknown: Buffer[] = []
      for (const classId of [0, 10, 20, 30, 40, 50, 60, 61, 85, 90, 255, 65_535]) {
        for (const methodId of [0, 1, 12, 99, 65_535]) {
          unknown.push(frame(1, 1, new ByteWriter().short(classId).short(methodId).bytes(Buffer.alloc(40)).take()))
        }
      }
      const ours = [
        'basic.deliver',
        'basic.get-ok',
        'basic.return',
        'queue.declare-ok',
        'channel.open-ok',
        'basic.consume-ok',
        'tx.commit-ok',
      ] as const
      await sendAll(scene, [...unknown, ...ours.map((name) => methodFrame(1, name))], afterOpen)
    })
  })

  test('methods that are cut short or too long end the connection', async () => {
    await underAttack(async (scene) => {
      const whole = [
        methodFrame(1, 'queue.declare', { queue: 'name', arguments: { a: 1 } }),
        methodFrame(1, 'basic.consume', { queue: 'bystander', consumerTag: 'tag' }),
        methodFrame(1, 'basic.publish', { exchange: 'e', routingKey: 'k' }),
        methodFrame(1, 'basic.ack', { deliveryTag: 1 }),
      ]
      const cut = whole.flatMap((bytes) => {
        const payload = bytes.subarray(7, -1)
        const shorter = [4, 5, 7, payload.length - 1].filter((length) => length < payload.length)
        return [
          ...shorter.map((length) => frame(1, 1, payload.subarray(0, length))),
          frame(1, 1, Buffer.concat([payload, Buffer.of(0)])),
        ]
      })
      await sendAll(scene, cut, afterOpen)
    })
  })

  test('hostile tables in a method end the connection', async () => {
    await underAttack(async (scene) => {
      const declare = (table: Buffer) =>
        frame(1, 1, new ByteWriter().short(50).short(10).short(0).shortstr('bomb').octet(0).bytes(table).take())
      await sendAll(scene, hostileTables(15_000).map(declare), afterOpen)
      const many = Buffer.concat([
        new ByteWriter().long(130_000).octet(1).bytes(Buffer.from('aA')).long(129_993).take(),
        Buffer.alloc(129_993, 'V'),
      ])
      await sendAll(scene, [declare(many)], afterOpen)
    })
  })

  test('hostile tables in the properties of a message end the connection, as the only internal errors there are', async () => {
    await underAttack(async (scene) => {
      for (const table of hostileTables(15_000)) {
        const client = await afterOpen(scene)
        const header = new ByteWriter().short(60).short(0).longlong(0).short(0x2000).bytes(table).take()
        client.write(Buffer.concat([methodFrame(1, 'basic.publish', { routingKey: 'bystander' }), frame(2, 1, header)]))
        expect([501, 541]).toContain(await endOf(client))
      }
    })
  })

  test('a table as wide as a frame is only a table', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      const entries = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`k${i}`, true]))
      for (let i = 0; i < 10; i++) {
        await channel.call('queue.declare', { queue: `wide${i}`, exclusive: true, arguments: entries })
        channel.publish({ routingKey: `wide${i}`, properties: { headers: entries } })
      }
      await channel.expectQuiet()
    })
  })

  test('random bytes end the connection or wait for more, in every state', async () => {
    await underAttack(async (scene) => {
      const random = new Random(3)
      for (let round = 0; round < 60; round++) {
        const client = await random.pick([afterHeader, afterOpen, (all: Scene) => all.connect()])(scene)
        for (let i = 0; i < 5; i++) client.write(random.bytes(1 + random.below(300)))
        client.socket.end()
        await client.expectSocketClosed()
      }
    })
  })
})

test('the tables of these tests are what they are meant to be', () => {
  expect(tableBody({ a: true }).toString('latin1')).toBe('\x01at\x01')
})
