// What the log says of clients: one line for each thing they do, not one that they wrote, and not as many as they like.
import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import type { LogOutput } from '../../src/cli/log/log-output.ts'
import { createLogger } from '../../src/cli/log/logging.ts'
import { isPrintable } from '../../src/lib/printable.ts'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import { RawClient } from '../support/raw-client.ts'

/** Lines of a kind that the log takes in ten seconds. */
const LINES_MAX = 100
const HOSTILE =
  'x\n{"level":"error","msg":"forged"}\r\n\u001b[2J\u001b]0;title\u0007\u009b31m\u202etxt.exe\u2066\u2028next\u200b\u007f'

let broker: TestBroker
const clients: RawClient[] = []
let text: string

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await broker.stop()
})

async function start(logFormat: 'json' | 'pretty'): Promise<void> {
  text = ''
  const output: LogOutput = {
    isTerminal: false,
    onDropped: undefined,
    write: (line) => {
      text += line
    },
    flush: async () => {},
    flushSync: () => {},
  }
  broker = await startTestBroker({ logger: createLogger({ logFormat, logLevel: 'debug' }, output) })
}

async function connect(): Promise<RawClient> {
  const client = await RawClient.connect(broker)
  clients.push(client)
  return client
}

interface Line {
  readonly msg: string
  readonly times?: number
}

function lines(): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

/** Everything that a client can name, named like an attack on the log. */
async function nameAll(): Promise<void> {
  const client = await (await connect()).handshake({ clientProperties: { connection_name: HOSTILE } })
  const channel = await client.channel(1)
  for (const [method, args] of [
    ['queue.declare', { queue: HOSTILE, passive: true }],
    ['exchange.declare', { exchange: HOSTILE, type: HOSTILE }],
    ['queue.bind', { queue: HOSTILE, exchange: HOSTILE, routingKey: HOSTILE }],
    ['queue.declare', { queue: 'q', arguments: { 'x-overflow': HOSTILE } }],
    ['queue.declare', { queue: 'q', arguments: { 'x-queue-type': HOSTILE } }],
  ] as const) {
    channel.send(method, args)
    await channel.expect('channel.close')
    channel.send('channel.close-ok')
    await channel.reopen()
  }
  channel.publish({ exchange: HOSTILE, routingKey: HOSTILE })
  await channel.expect('channel.close')
  await client.close()
  const vhost = await connect()
  await vhost.login()
  vhost.send(0, 'connection.open', { virtualHost: HOSTILE })
  await vhost.next(0)
  const user = await connect()
  await user.startLogin({ user: HOSTILE, pass: HOSTILE, clientProperties: { connection_name: HOSTILE } })
  await user.next(0)
  const mechanism = await connect()
  await mechanism.startLogin({ mechanism: HOSTILE, capabilities: {} })
  const foreign = await connect()
  foreign.write(Buffer.from(HOSTILE))
  await foreign.expectSocketClosed()
}

describe('names that clients choose', () => {
  test('make no lines of their own in the JSON log, and nothing that a terminal would obey', async () => {
    await start('json')
    await nameAll()
    expect(lines().filter(({ msg }) => msg === 'forged')).toEqual([])
    for (const line of text.trimEnd().split('\n')) expect(isPrintable(line), JSON.stringify(line)).toBe(true)
    expect(lines().some(({ msg }) => msg.includes('no queue'))).toBe(true)
  })

  test('nor in the pretty one', async () => {
    await start('pretty')
    await nameAll()
    const input = new PassThrough()
    input.end(text)
    for await (const line of createInterface({ input, crlfDelay: 0 })) {
      expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} (?:debug|info |warn |error) /)
      expect(isPrintable(line), JSON.stringify(line)).toBe(true)
    }
  })
})

describe('a flood of clients', () => {
  test('writes so many lines of each kind, and then they are counted', async () => {
    await start('json')
    const count = LINES_MAX + 50
    for (let i = 0; i < count; i++) await (await (await connect()).handshake()).close()
    const refusing = await (await (await connect()).handshake()).channel(1)
    for (let i = 0; i < count; i++) {
      await refusing.expectRefusal(
        'queue.declare',
        { queue: `none-${i}`, passive: true },
        404,
        `no queue 'none-${i}' in vhost '/'`,
      )
    }
    const written = (kind: RegExp) => lines().filter(({ msg }) => kind.test(msg)).length
    expect(written(/^connection opened/)).toBe(LINES_MAX)
    expect(written(/^connection closed/)).toBe(LINES_MAX)
    expect(written(/^channel closed/)).toBe(LINES_MAX)
    for (const client of clients.splice(0)) client.destroy()
    await broker.stop()
    const counted = lines().filter(({ times }) => times !== undefined)
    expect(counted.map(({ msg, times }) => [msg, times])).toEqual(
      expect.arrayContaining([
        ['connection opened', 51],
        ['connection closed', 50],
        [`channel closed: NOT_FOUND - no queue 'none-${count - 1}' in vhost '/'`, 50],
      ]),
    )
  })
})

describe('secrets', () => {
  test('are in no line, whatever a client does with its password', async () => {
    await start('json')
    const secret = 'hush-hush-hush'
    for (const response of [`\0guest\0${secret}`, `guest\0${secret}`, `\0\0\0${secret}`, secret]) {
      const client = await connect()
      await client.startLogin({ response })
      await client.next(0).catch(() => {})
    }
    const client = await (await connect()).handshake()
    client.send(0, 'connection.update-secret', { newSecret: secret, reason: 'expiry' })
    await client.next(0)
    expect(text).toContain('login refused')
    expect(text).not.toContain('hush')
  })
})
