// What has brought other brokers down, or let clients hold more than they should, by the names of the advisories: those about limits
// and frames. Each has a test here; the table below says where more is tested about the same thing.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { PROTOCOL_HEADER } from '../support/raw-client.ts'
import { frame, headerFrame, methodFrame } from '../support/wire-frames.ts'
import { ByteWriter, tagged } from '../support/wire-values.ts'
import { endOf, underAttack } from './under-attack.ts'

interface Elsewhere {
  readonly advisories: string
  /** A file beside `tests`, and the name of a test in it. */
  readonly file: string
  readonly name: string
}

const ELSEWHERE: readonly Elsewhere[] = [
  {
    advisories: 'CVE-2026-67235, GHSA-r9c8',
    file: 'malice/numbers.test.ts',
    name: 'above the largest message is thrown away as it comes, and closes the channel at its end',
  },
  {
    advisories: 'CVE-2026-67235, GHSA-r9c8',
    file: 'malice/floods.test.ts',
    name: 'that all announce 16 MiB and send nothing take no memory',
  },
  {
    advisories: 'CVE-2026-57220, CVE-2026-67225, GHSA-6xpg',
    file: 'malice/floods.test.ts',
    name: 'nothing larger than the first frame-max is taken in, however it comes',
  },
  { advisories: 'GHSA-xwwf', file: 'malice/numbers.test.ts', name: 'holds the client to the frame-max it asked for' },
  { advisories: 'GHSA-rm6m', file: 'malice/numbers.test.ts', name: 'takes every prefetch count there is' },
  {
    advisories: 'GHSA-j497, GHSA-c5pq',
    file: 'malice/frames.test.ts',
    name: 'methods that are cut short or too long end the connection',
  },
  {
    advisories: 'CVE-2026-69220, CVE-2012-4458, CVE-2026-66079, GHSA-4v58',
    file: 'malice/frames.test.ts',
    name: 'hostile tables in a method end the connection',
  },
  {
    advisories: 'CVE-2026-67419',
    file: 'malice/topology.test.ts',
    name: 'of nothing but `#` match in no time',
  },
  {
    advisories: 'CVE-2026-57215, GHSA-6chv',
    file: 'malice/topology.test.ts',
    name: 'to addresses that were guessed or are gone go nowhere',
  },
  {
    advisories: 'CVE-2026-67408, CVE-2026-67219, CVE-2026-66080',
    file: 'malice/number-table.test.ts',
    name: 'LIMITS.md has a row for each of them, and for no other',
  },
  {
    advisories: 'CVE-2026-67226, CVE-2026-67228, CVE-2026-67229, CVE-2026-66073',
    file: 'malice/topology.test.ts',
    name: 'are names like any other',
  },
  {
    advisories: 'CVE-2016-3094, CVE-2018-1298, CVE-2019-0200, CVE-2018-8030',
    file: 'malice/frames.test.ts',
    name: 'random bytes end the connection or wait for more, in every state',
  },
  {
    advisories: 'CVE-2016-4432',
    file: 'malice/frames.test.ts',
    name: 'broken frames, methods out of order and content end the connection',
  },
  {
    advisories: 'CVE-2025-50200, CVE-2026-66068, CVE-2026-67221, GHSA-6gmw, CVE-2022-31008',
    file: 'conformance/log-lines.test.ts',
    name: 'are in no line, whatever a client does with its password',
  },
  {
    advisories: 'CVE-2026-67230, CVE-2026-67232, GHSA-cfqc',
    file: 'listeners/web-socket.test.ts',
    name: 'holds little of an unfinished message before the log-in',
  },
  {
    advisories: 'CVE-2026-67232',
    file: 'listeners/web-socket.test.ts',
    name: 'compresses nothing',
  },
  {
    advisories: 'CVE-2026-67404',
    file: 'conformance/auth-over-https.test.ts',
    name: 'none come from a server with a certificate %s',
  },
  {
    advisories: 'CVE-2026-67409',
    file: 'auth/oauth2/token-check.test.ts',
    name: 'stay when the server answers with %s',
  },
  {
    advisories: 'CVE-2026-67242',
    file: 'auth/oauth2/token-check.test.ts',
    name: 'whose expiry has a fraction and is over',
  },
  {
    advisories: 'CVE-2026-67231',
    file: 'listeners/tls.test.ts',
    name: 'are of the authority whose key signed them, not of one that has its name',
  },
  {
    advisories: 'CVE-2023-46118, CVE-2026-57212',
    file: 'http/hostile.test.ts',
    name: 'stops reading a body that is too large, whatever its length says',
  },
  {
    advisories: 'CVE-2026-66070, CVE-2026-67236',
    file: 'http/hostile.test.ts',
    name: 'allows no other origin, unless it was told to, and no page to frame it',
  },
  {
    advisories: 'CVE-2026-66077, CVE-2026-57214, CVE-2026-67239, CVE-2026-44839, CVE-2025-30219',
    file: 'http/hostile.test.ts',
    name: 'takes names for names, whatever is in them',
  },
  {
    advisories: 'CVE-2026-66074, CVE-2026-67240, CVE-2026-67413',
    file: 'http/hostile.test.ts',
    name: 'filters lists by patterns that would take other engines for ever',
  },
  {
    advisories: 'CVE-2024-51988',
    file: 'http/access.test.ts',
    name: 'do in a virtual host what the permissions of the user allow, and nothing else',
  },
  {
    advisories: 'CVE-2015-8786',
    file: 'http/lists.test.ts',
    name: 'refuse pages that there are not, as RabbitMQ does',
  },
  {
    advisories: 'CVE-2026-67238',
    file: 'malice/topology.test.ts',
    name: 'to addresses that were guessed or are gone go nowhere',
  },
]

test.each(ELSEWHERE)('$advisories: more in $file', ({ file, name }) => {
  expect(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')).toContain(name)
})

const publish = methodFrame(1, 'basic.publish', { routingKey: 'nowhere' })
const long = (value: number) => new ByteWriter().long(value).take()
const declareWith = (table: Buffer) =>
  frame(1, 1, new ByteWriter().short(50).short(10).short(0).shortstr('q').octet(0).bytes(table).take())

/** Bytes on channel 1 of an open connection that must end it with this code. */
async function expectEnd(code: number, ...streams: readonly Uint8Array[]): Promise<void> {
  await underAttack(async (scene) => {
    for (const bytes of streams) {
      const channel = await scene.channel()
      channel.client.write(bytes)
      expect(await endOf(channel.client)).toBe(code)
    }
  })
}

describe('bodies and frames', () => {
  test('CVE-2026-67235: more body than its header has announced is refused, in one frame or in many', async () => {
    const piece = frame(3, 1, Buffer.alloc(100))
    await expectEnd(
      501,
      Buffer.concat([publish, headerFrame(1, 99), piece]),
      Buffer.concat([publish, headerFrame(1, 250), piece, piece, piece]),
    )
  })

  test('GHSA-r9c8: a size that no broker could hold is refused before the body comes', async () => {
    await expectEnd(501, Buffer.concat([publish, headerFrame(1, 2n ** 40n)]))
  })

  test('CVE-2026-57220, CVE-2026-67225, GHSA-6xpg: an oversized frame is refused in every state by its length alone', async () => {
    await underAttack(
      async (scene) => {
        const oversized = (bytes: number) => Buffer.concat([Buffer.of(1, 0, 0), long(bytes)])
        const waiting = await scene.connect()
        waiting.write(Buffer.concat([PROTOCOL_HEADER, oversized(8193)]))
        expect([0, 501]).toContain(await endOf(waiting))
        const tuning = await scene.connect()
        await tuning.startLogin()
        tuning.write(oversized(2 ** 31))
        expect([0, 501]).toContain(await endOf(tuning))
        const open = await scene.open()
        open.write(oversized(131_073))
        expect(await endOf(open)).toBe(501)
      },
      { grownMbMax: 40 },
    )
  })

  test('GHSA-xwwf: no frame-max below the least one is agreed on', async () => {
    await underAttack(async (scene) => {
      for (const frameMax of [0, 1, 4095, 2 ** 32 - 1]) {
        const client = await scene.connect()
        await client.login({ tune: { frameMax } })
        client.frameMax = 0
        expect(await endOf(client)).toBe(530)
      }
    })
  })

  test('GHSA-rm6m: the highest prefetch count is no negative one', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      const queue = await channel.queue()
      await channel.call('basic.qos', { prefetchCount: 65_535 })
      await channel.consume(queue)
      channel.publishTo(queue, 'a', 'b', 'c')
      await channel.expectBodies('a', 'b', 'c')
    })
  })

  test('GHSA-j497, GHSA-c5pq: a string that is longer than what it is in is refused', async () => {
    const shortString = new ByteWriter().short(50).short(10).short(0).octet(200).bytes(Buffer.from('short')).take()
    const longString = Buffer.concat([long(8), Buffer.from('\x01aS\xff\xff\xff\xffx', 'latin1')])
    await expectEnd(501, frame(1, 1, shortString), declareWith(longString))
  })
})

describe('tables', () => {
  test('CVE-2026-69220: tables in tables by the thousand are refused, and no stack runs over', async () => {
    let table = long(0)
    for (let i = 0; i < 10_000; i++) {
      const body = Buffer.concat([Buffer.from('\x01aF', 'latin1'), table])
      table = Buffer.concat([long(body.length), body])
    }
    await expectEnd(501, declareWith(table))
  })

  test('CVE-2012-4458, CVE-2026-66079: elements without width make no list that is larger than its frame', async () => {
    const items = Buffer.alloc(100_000, 'V')
    const body = Buffer.concat([Buffer.from('\x01aA', 'latin1'), long(items.length), items])
    const claimed = Buffer.concat([Buffer.from('\x01aA', 'latin1'), long(2 ** 32 - 1)])
    await expectEnd(
      501,
      declareWith(Buffer.concat([long(body.length), body])),
      declareWith(Buffer.concat([long(claimed.length), claimed])),
    )
  })

  test('GHSA-4v58: a field that says it is longer than its table is refused', async () => {
    const body = Buffer.from('\x01aF\x00\x00\x00\x20', 'latin1')
    await expectEnd(501, declareWith(Buffer.concat([long(body.length), body])))
  })
})

describe('the model', () => {
  test('CVE-2026-67419: topic patterns full of # neither take long to bind nor to match', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      const queue = await channel.queue()
      for (let i = 0; i < 50; i++) await channel.bind(queue, 'amq.topic', `${'#.'.repeat(40)}x${i}.${'#.'.repeat(40)}y`)
      for (let i = 0; i < 20; i++) channel.publish({ exchange: 'amq.topic', routingKey: `${'a.'.repeat(120)}z` })
      await channel.expectQuiet(queue)
      await scene.bystander.lives(20)
    })
  })

  test('CVE-2026-57215, GHSA-6chv: a reply address cannot be guessed, bound or kept', async () => {
    await underAttack(async (scene) => {
      const channel = await scene.channel()
      for (const address of ['amq.rabbitmq.reply-to', 'amq.rabbitmq.reply-to.AAAA.BBBB']) {
        channel.send('queue.bind', { queue: address, exchange: 'amq.fanout' })
        expect((await channel.next()).name).toBe('channel.close')
        channel.send('channel.close-ok')
        await channel.reopen()
      }
      channel.publish({ routingKey: 'amq.rabbitmq.reply-to.AAAA.BBBB', mandatory: true, body: 'forged' })
      expect((await channel.returned()).args.replyText).toBe('NO_ROUTE')
    })
  })

  test('CVE-2026-67408, CVE-2026-67219, CVE-2026-66080: no number in an argument makes the broker take memory', async () => {
    await underAttack(
      async (scene) => {
        const channel = await scene.channel()
        const most = tagged('l', 2n ** 63n - 1n)
        const names = ['x-max-length', 'x-max-length-bytes', 'x-delivery-limit', 'x-consumer-timeout', 'x-partitions']
        for (const name of [...names, 'hash-weight', 'x-max-age']) {
          channel.send('queue.declare', { queue: name, exclusive: true, arguments: { [name]: most } })
          const reply = await channel.next()
          if (reply.name === 'queue.declare-ok') continue
          channel.send('channel.close-ok')
          await channel.reopen()
        }
        await channel.call('queue.declare', { queue: 'levels', exclusive: true, arguments: { 'x-max-priority': 255 } })
      },
      { grownMbMax: 40 },
    )
  })

  test('CVE-2026-67226, CVE-2026-67228, CVE-2026-67229, CVE-2026-66073: names that are new each time leave nothing behind', async () => {
    await underAttack(
      async (scene) => {
        const channel = await scene.channel()
        for (let i = 0; i < 5000; i++) {
          const name = `${i}-`.padEnd(250, 'n')
          channel.publish({
            exchange: 'amq.topic',
            routingKey: name,
            properties: { headers: { [name]: name }, type: name },
          })
        }
        for (let i = 0; i < 500; i++) {
          const name = `${i}-`.padEnd(250, 'n')
          await channel.call('exchange.declare', { exchange: name, type: 'direct', autoDelete: true })
          await channel.call('exchange.delete', { exchange: name })
        }
        await channel.expectQuiet()
      },
      { grownMbMax: 40 },
    )
  })
})

describe('before the log-in', () => {
  test('CVE-2016-3094, CVE-2018-1298, CVE-2019-0200, CVE-2018-8030: no log-in, however it is made, ends the broker', async () => {
    await underAttack(
      async (scene) => {
        const responses = ['', '\0', '\0\0\0', '\xff\xfe\0\xff\0\xff', 'x'.repeat(7000), '\0guest\0'.padEnd(7000, '\0')]
        const logIn = async (mechanism: string, response: string): Promise<void> => {
          const client = await scene.connect()
          await client.startLogin({ mechanism, response: Buffer.from(response, 'latin1') })
          const answer = await client.next(0).catch(() => undefined)
          expect([undefined, 'connection.close', 'connection.secure']).toContain(answer?.name)
        }
        const mechanisms = ['PLAIN', 'AMQPLAIN', 'EXTERNAL', '', 'PLAIN'.repeat(40)]
        await Promise.all(mechanisms.flatMap((mechanism) => responses.map((response) => logIn(mechanism, response))))
      },
      { config: { loginFailuresMax: 1000 } },
    )
  })

  test('CVE-2016-4432: nothing but the next step of the log-in is taken', async () => {
    await underAttack(async (scene) => {
      for (const early of [
        methodFrame(0, 'connection.tune-ok', { channelMax: 10, frameMax: 131_072 }),
        methodFrame(0, 'connection.open', { virtualHost: '/' }),
        methodFrame(1, 'channel.open'),
        methodFrame(1, 'queue.declare', { queue: 'early' }),
      ]) {
        const client = await scene.connect()
        client.write(Buffer.concat([PROTOCOL_HEADER, early]))
        await client.expect(0, 'connection.start')
        expect([0, 503, 504, 505]).toContain(await endOf(client))
      }
    })
  })
})
