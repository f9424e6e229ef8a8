// The browser build of @cloudamqp/amqp-client in a real browser, over WebSockets. tests/browser/run finds the browser.
import { expect, test } from 'vitest'
import { logIn, plain, startServer, stopAfterTest, useDoors } from '../listeners/doors.ts'
import { CertificateFolder } from '../support/certificate-folder.ts'
import { Browser, type Library, Pages } from './browser.ts'

const command = process.env.LEVERET_TEST_BROWSER
if (!command) throw new Error('LEVERET_TEST_BROWSER is not set: run the tests through tests/browser/run')

const files = new CertificateFolder().server('browser')
useDoors()

/** A broker with a listener for WebSockets, and a page of the only origin that it lets in. */
async function start(protocol: 'ws' | 'wss' = 'ws') {
  const pages = await Pages.open()
  stopAfterTest(() => pages.close())
  const origins = [pages.origin]
  const broker = await startServer((builder) =>
    builder
      .withListeners([
        { protocol, host: '127.0.0.1', port: 0 },
        { protocol: 'amqp', host: '127.0.0.1', port: 0 },
      ])
      .withTls(files)
      .withWebSocket({ origins }),
  )
  return { ...broker, pages, url: `${protocol}://127.0.0.1:${broker.port}/ws` }
}

function open(): Browser {
  const browser = new Browser(command as string) // it was looked at above
  stopAfterTest(() => browser.kill())
  return browser
}

test.each(['ws', 'wss'] as const)(
  'a page publishes with confirms, consumes and acknowledges, over %s',
  async (over) => {
    const { pages, url, server } = await start(over)
    const work = async ({ AMQPWebSocketClient }: Library, url: string) => {
      const connection = await new AMQPWebSocketClient({ url, name: 'page' }).connect()
      const channel = await connection.channel()
      await channel.confirmSelect()
      await channel.prefetch(10)
      const { name: queue } = await channel.queueDeclare('from-a-page', { durable: false })
      const received: string[] = []
      const all = new Promise<void>((resolve, reject) => {
        channel
          .basicConsume(queue, { noAck: false }, async (message) => {
            const { contentType, messageId } = message.properties
            received.push(`${messageId} ${contentType} ${message.bodyString()?.length}`)
            await message.ack()
            if (received.length === 50) resolve()
          })
          .catch(reject)
      })
      const tags: number[] = []
      for (let at = 0; at < 50; at++) {
        const body = 'ö'.repeat(at * at * 50)
        tags.push(await channel.basicPublish('', queue, body, { messageId: String(at), contentType: 'text/plain' }))
      }
      await all
      const { messageCount } = await channel.queueDeclare(queue, { passive: true })
      await channel.queueDelete(queue)
      await connection.close()
      return { received, tags, messageCount }
    }
    expect(await pages.run(open(), work, url)).toEqual({
      received: Array.from({ length: 50 }, (_, at) => `${at} text/plain ${at * at * 50}`),
      tags: Array.from({ length: 50 }, (_, at) => at + 1),
      messageCount: 0,
    })
    await expect.poll(() => server.connections()).toEqual([])
  },
)

test('a page of another origin is refused, and the log says which', async () => {
  const { url, server, lines } = await start()
  const strange = await Pages.open()
  stopAfterTest(() => strange.close())
  const work = async ({ AMQPWebSocketClient }: Library, url: string) => {
    const client = new AMQPWebSocketClient({ url })
    return await client.connect().then(
      () => 'connected',
      () => 'refused',
    )
  }
  expect(await strange.run(open(), work, url)).toBe('refused')
  expect(server.connections()).toEqual([])
  expect(JSON.stringify(lines)).toContain(strange.origin)
})

test('a page hears of an error with its text, and of a wrong password', async () => {
  const { pages, url } = await start()
  const work = async ({ AMQPWebSocketClient }: Library, url: string) => {
    const errors: string[] = []
    const connection = await new AMQPWebSocketClient({ url }).connect()
    const channel = await connection.channel()
    await channel.queueDeclare('nowhere', { passive: true }).catch((error) => errors.push(error.message))
    await connection.close()
    const stranger = new AMQPWebSocketClient({ url, password: 'wrong' })
    await stranger.connect().catch((error) => errors.push(error.message))
    return errors
  }
  const errors = await pages.run(open(), work, url)
  expect(errors[0]).toContain("no queue 'nowhere' in vhost '/'")
  expect(errors).toHaveLength(2)
})

test('what a page had and did not acknowledge comes back when its browser is gone', async () => {
  const { pages, url, server } = await start()
  const browser = open()
  const work = async ({ AMQPWebSocketClient }: Library, url: string) => {
    const connection = await new AMQPWebSocketClient({ url }).connect()
    const channel = await connection.channel()
    await channel.queueDeclare('kept', { durable: false, autoDelete: false })
    await channel.basicPublish('', 'kept', 'one')
    return (await channel.basicGet('kept', { noAck: false }))?.bodyString()
  }
  expect(await pages.run(browser, work, url)).toBe('one')
  await browser.kill()
  await expect.poll(() => server.connections(), { timeout: 10_000 }).toEqual([])
  const client = await logIn(await plain(server.addresses[1]?.port ?? 0))
  const message = await (await client.channel(1)).get('kept', true)
  expect(message).toMatchObject({ args: { redelivered: true } })
})
