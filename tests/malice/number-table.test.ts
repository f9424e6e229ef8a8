// Every number that a client can send has a range: what is inside is taken, what is outside has the end that LIMITS.md names.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../../src/testing.ts'
import { RawClient } from '../support/raw-client.ts'
import { NUMBERS } from './number-table.ts'

const LIMITS = readFileSync(new URL('../../LIMITS.md', import.meta.url), 'utf8')
const HANDSHAKE = [
  '`channel-max` of tune-ok',
  '`frame-max` of tune-ok',
  '`heartbeat` of tune-ok',
  'length of a short string',
]

let broker: TestBroker
const errors: string[] = []

beforeAll(async () => {
  const ignore = (): void => {}
  const logger = {
    debug: ignore,
    info: ignore,
    warn: ignore,
    error: (_: object, text: string) => void errors.push(text),
  }
  broker = await startTestBroker({ logger })
  broker.broker.declareQueue('numbers')
})

afterAll(async () => {
  await broker.stop()
  expect(errors).toEqual([])
})

async function open(): Promise<RawClient> {
  const client = await (await RawClient.connect(broker)).handshake()
  await client.channel(1)
  return client
}

/** How the broker ends the channel or the connection for what was sent; undefined when it does not. */
async function endOf(client: RawClient): Promise<readonly [closes: string, code: number] | undefined> {
  client.send(7, 'channel.open')
  for (;;) {
    const { name, channel, args } = await client.next()
    if (name === 'channel.close' && channel !== 7) return ['channel', Number(args.replyCode)]
    if (name === 'connection.close') return ['connection', Number(args.replyCode)]
    if (name === 'channel.open-ok' && channel === 7) return undefined
  }
}

describe.each(NUMBERS)('$number', ({ fine, refused, code, closes }) => {
  test.skipIf(fine.length === 0)('is taken when it is within its range', async () => {
    for (const bytes of fine) {
      const client = await open()
      client.write(bytes)
      expect(await endOf(client)).toBeUndefined()
      client.destroy()
    }
  })

  test.skipIf(refused.length === 0)('is refused when it is not', async () => {
    for (const bytes of refused) {
      const client = await open()
      client.write(bytes)
      expect(await endOf(client)).toEqual([closes, code])
      client.destroy()
    }
  })
})

test('LIMITS.md has a row for each of them, and for no other', () => {
  const section = LIMITS.slice(LIMITS.indexOf('## Numbers'), LIMITS.indexOf('\n## ', LIMITS.indexOf('## Numbers') + 1))
  const rows = [...section.matchAll(/^\| (?!number \|)(?!---)(.+?) \|/gm)].map(([, number]) => number)
  expect(rows).toEqual([...HANDSHAKE, ...NUMBERS.map(({ number }) => number)])
})
