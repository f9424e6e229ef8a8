// Too much of everything that is allowed once: connections, channels, promises of content, tiny pieces.
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { PROTOCOL_HEADER, RawClient } from '../support/raw-client.ts'
import { frame, headerFrame, methodFrame } from '../support/wire-frames.ts'
import { endOf, underAttack, until } from './under-attack.ts'

const MEBIBYTE = 1024 * 1024

function startOk(response = '\0guest\0guest'): Buffer {
  return methodFrame(0, 'connection.start-ok', { mechanism: 'PLAIN', response, locale: 'en_US' })
}

const TUNE_OK = methodFrame(0, 'connection.tune-ok', { channelMax: 2047, frameMax: 131_072, heartbeat: 0 })

describe('connections', () => {
  test('that come and go by the thousand leave nothing behind', async () => {
    await underAttack(
      async (scene) => {
        const whole = Buffer.concat([
          PROTOCOL_HEADER,
          startOk(),
          TUNE_OK,
          methodFrame(0, 'connection.open', { virtualHost: '/' }),
          methodFrame(1, 'channel.open'),
        ])
        for (let round = 0; round < 30; round++) {
          const sockets = Array.from({ length: 50 }, () => connect(scene.port, scene.host))
          await Promise.all(
            sockets.map(
              (socket, i) =>
                new Promise<void>((resolve) => {
                  socket.on('error', () => {})
                  socket.on('close', () => resolve())
                  socket.on('connect', () => {
                    socket.write(whole.subarray(0, (i * whole.length) / 49))
                    if (i % 3 === 0) socket.resetAndDestroy()
                    else if (i % 3 === 1) socket.end()
                    else setImmediate(() => socket.destroy())
                  })
                  socket.resume()
                }),
            ),
          )
        }
        await until(() => scene.connectionCount === 2, 'connections are still counted')
      },
      { grownMbMax: 40 },
    )
  })

  test('that never log in are cut off in time, whatever they trickle', async () => {
    await underAttack(
      async (scene) => {
        const silent = await Promise.all(Array.from({ length: 20 }, () => scene.connect()))
        const halfway = await Promise.all(Array.from({ length: 20 }, () => scene.connect()))
        for (const client of halfway) client.write(Buffer.concat([PROTOCOL_HEADER, startOk()]))
        const trickling = await scene.connect()
        trickling.write(PROTOCOL_HEADER)
        const drip = setInterval(() => trickling.write(startOk().subarray(0, 1)), 50)
        await Promise.all([...silent, ...halfway, trickling].map((client) => client.expectSocketClosed(3000)))
        clearInterval(drip)
      },
      { config: { handshakeTimeoutMs: 400 } },
    )
  })

  test('that are refused wait for their end without taking memory or another try', async () => {
    await underAttack(async (scene) => {
      const clients = await Promise.all(Array.from({ length: 100 }, () => scene.connect()))
      for (const client of clients) {
        client.write(Buffer.concat([PROTOCOL_HEADER, startOk('\0guest\0wrong'), startOk(), Buffer.alloc(100_000, 1)]))
      }
      await scene.bystander.lives(50)
      for (const client of clients) expect(client.isClosed).toBe(false)
      expect(scene.connectionCount).toBe(2)
    })
  })
})

describe('before the login', () => {
  test('nothing larger than the first frame-max is taken in, however it comes', async () => {
    await underAttack(
      async (scene) => {
        const clients = await Promise.all(Array.from({ length: 50 }, () => scene.connect()))
        for (const [i, client] of clients.entries()) {
          client.write(PROTOCOL_HEADER)
          const size = [8193, MEBIBYTE, 131_072, 2 ** 31][i % 4] ?? 0
          client.write(
            Buffer.concat([
              Buffer.of(i % 2 === 0 ? 1 : 3, 0, 0),
              Buffer.from([size >>> 24, size >>> 16, size >>> 8, size]),
            ]),
          )
          for (let k = 0; k < 8; k++) client.write(Buffer.alloc(128 * 1024))
        }
        for (const code of await Promise.all(clients.map(endOf))) expect([0, 501, 505]).toContain(code)
      },
      { grownMbMax: 40 },
    )
  })

  test('heartbeats and empty pieces without end change nothing', async () => {
    await underAttack(
      async (scene) => {
        const client = await scene.connect()
        client.write(PROTOCOL_HEADER)
        const heartbeats = Buffer.concat(Array.from({ length: 20_000 }, () => frame(8, 0)))
        for (let i = 0; i < 10; i++) client.write(heartbeats)
        await scene.bystander.lives(50)
      },
      { grownMbMax: 40 },
    )
  })
})

describe('channels', () => {
  test('are opened up to the number agreed on, and one more ends the connection', async () => {
    await underAttack(async (scene) => {
      const client = await scene.open()
      client.write(Buffer.concat(Array.from({ length: 2047 }, (_, i) => methodFrame(i + 1, 'channel.open'))))
      for (let i = 1; i <= 2047; i++) await client.expect(i, 'channel.open-ok')
      client.send(5000, 'channel.open')
      expect(await endOf(client)).toBe(530)
    })
  })

  test('that open and close without end cost nothing that stays', async () => {
    await underAttack(
      async (scene) => {
        const client = await scene.open()
        const round = Buffer.concat(
          Array.from({ length: 500 }, (_, i) => [
            methodFrame(i + 1, 'channel.open'),
            methodFrame(i + 1, 'channel.close'),
          ]).flat(),
        )
        for (let i = 0; i < 20; i++) {
          client.write(round)
          for (let k = 0; k < 1000; k++) await client.next()
        }
      },
      { grownMbMax: 40 },
    )
  })

  test('that fail again and again cost nothing that stays', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      for (let i = 0; i < 1000; i++) {
        channel.send('queue.declare', { queue: 'missing', passive: true })
        channel.publishTo('bystander-of-none', 'dropped')
        channel.send('channel.close-ok')
        channel.send('channel.open')
        await channel.expect('channel.close')
        await channel.expect('channel.open-ok')
      }
    })
  })

  test('that all announce 16 MiB and send nothing take no memory', async () => {
    await underAttack(
      async (scene) => {
        const client = await scene.open()
        const opening = Array.from({ length: 2000 }, (_, i) => methodFrame(i + 1, 'channel.open'))
        const promising = opening.map((_, i) =>
          Buffer.concat([methodFrame(i + 1, 'basic.publish', { routingKey: 'q' }), headerFrame(i + 1, 16 * MEBIBYTE)]),
        )
        client.write(Buffer.concat([...opening, ...promising]))
        for (let i = 1; i <= 2000; i++) await client.expect(i, 'channel.open-ok')
        await scene.bystander.lives(20)
      },
      { grownMbMax: 40 },
    )
  })

  test('that all announce 16 MiB and send one byte are bounded together', async () => {
    await underAttack(
      async (scene) => {
        const client = await scene.open()
        const piece = (id: number) =>
          Buffer.concat([
            methodFrame(id, 'basic.publish', { routingKey: 'q' }),
            headerFrame(id, 16 * MEBIBYTE),
            frame(3, id, Buffer.of(1)),
          ])
        for (let id = 1; id <= 2000; id++) client.write(Buffer.concat([methodFrame(id, 'channel.open'), piece(id)]))
        for (let id = 1; id <= 2000; id++) await client.expect(id, 'channel.open-ok')
        await scene.bystander.lives(20)
      },
      { grownMbMax: 300 },
    )
  })
})

describe('bodies in progress', () => {
  test('that are too many together end their connection with all that is on it', async () => {
    await underAttack(
      async (scene) => {
        const client = await scene.open()
        const announce = (id: number, size: number) =>
          Buffer.concat([
            methodFrame(id, 'basic.publish', { routingKey: 'q' }),
            headerFrame(id, size),
            frame(3, id, Buffer.alloc(10)),
          ])
        const other = await scene.channel()
        await other.queue({ exclusive: false, autoDelete: true }, 'shared')
        const consuming = await client.channel(200)
        await consuming.consume('shared')
        other.publishTo('shared', 'unacked')
        await consuming.delivery()
        for (let id = 1; id <= 140; id++) await client.channel(id)
        for (let id = 1; id <= 140; id++) client.write(announce(id, id < 3 ? id * 50 : MEBIBYTE / 8))
        expect(await endOf(client)).toBe(506)
        await other.call('queue.declare', { queue: 'other', exclusive: true })
        other.send('queue.declare', { queue: 'shared', passive: true })
        await other.expectClose(404, "no queue 'shared' in vhost '/'", 'queue.declare')
      },
      { config: { maxMessageSizeBytes: MEBIBYTE / 8 } },
    )
  })
})

describe('slow writers', () => {
  test('that send one byte at a time get as far as others', async () => {
    await underAttack(async (scene) => {
      const client = await RawClient.connect(scene)
      const drip = async (bytes: Uint8Array) => {
        for (const byte of bytes) {
          client.write(Buffer.of(byte))
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      await drip(PROTOCOL_HEADER)
      await client.expect(0, 'connection.start')
      await drip(startOk())
      await client.expect(0, 'connection.tune')
      await drip(
        Buffer.concat([
          TUNE_OK,
          methodFrame(0, 'connection.open', { virtualHost: '/' }),
          methodFrame(1, 'channel.open'),
        ]),
      )
      await client.expect(1, 'channel.open-ok')
      await drip(methodFrame(1, 'queue.declare', { queue: 'slow', exclusive: true }))
      await client.expect(1, 'queue.declare-ok')
      await drip(
        Buffer.concat([
          methodFrame(1, 'basic.publish', { routingKey: 'slow' }),
          headerFrame(1, 300),
          frame(3, 1, Buffer.alloc(300, 'x')),
          methodFrame(1, 'basic.get', { queue: 'slow' }),
        ]),
      )
      expect((await client.expect(1, 'basic.get-ok')).content?.body.length).toBe(300)
      client.destroy()
    })
  })

  test('that stop in the middle of a frame hold up no others', async () => {
    await underAttack(
      async (scene) => {
        const clients = await Promise.all(Array.from({ length: 40 }, () => scene.open()))
        for (const client of clients) {
          client.write(
            Buffer.concat([
              methodFrame(1, 'channel.open'),
              methodFrame(1, 'basic.publish'),
              headerFrame(1, 100_000),
              frame(3, 1, Buffer.alloc(100_000)).subarray(0, 50_000),
            ]),
          )
        }
        await scene.bystander.lives(50)
      },
      { grownMbMax: 40 },
    )
  })
})
