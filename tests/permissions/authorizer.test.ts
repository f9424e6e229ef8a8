// A program that decides itself what users may do: at once, later, wrongly, or not at all.
import { afterEach, describe, expect, test } from 'vitest'
import { ALLOW_ALL, type Answer, type Authorizer } from '../../src/broker/authorizer.ts'
import type { Server } from '../../src/server/server.ts'
import { ServerBuilder } from '../../src/server/server-builder.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { RawClient } from '../support/raw-client.ts'

let server: Server
let clients: RawClient[] = []
let asked: string[] = []

afterEach(async () => {
  for (const client of clients) client.destroy()
  clients = []
  asked = []
  await server.shutdown({ graceMs: 0 })
})

async function start(authorizer: Partial<Authorizer>): Promise<void> {
  server = new ServerBuilder()
    .withConfig({ port: 0 })
    .withAuthorizer({ ...ALLOW_ALL, ...authorizer })
    .build()
  await server.listen()
}

async function open(): Promise<RawChannel> {
  const client = await RawClient.connect({ host: '127.0.0.1', port: server.addresses[0]?.port ?? 0 })
  clients.push(client)
  return await (await client.handshake()).channel(1)
}

const later = (answer: boolean): Promise<boolean> => new Promise((resolve) => setImmediate(() => resolve(answer)))

/** Answers about queues and exchanges by their names, and notes the questions. */
function deciding(answer: (name: string) => Answer): Pick<Authorizer, 'resource' | 'topic'> {
  return {
    resource: (_user, _vhost, kind, name, permission) => {
      asked.push(`${permission} ${kind} ${name}`)
      return answer(name)
    },
    topic: (_user, _vhost, exchange, key, permission) => {
      asked.push(`${permission} key ${exchange} ${key}`)
      return answer(key)
    },
  }
}

describe.each([
  ['at once', (answer: boolean): Answer => answer],
  ['later', later],
] as const)('an authorizer that answers %s', (_, answered) => {
  test('is asked once for each question, and what waits for it keeps its order', async () => {
    await start(deciding(() => answered(true)))
    const channel = await open()
    await channel.call('confirm.select')
    channel.send('queue.declare', { queue: 'q' })
    for (const body of ['1', '2', '3']) channel.publish({ routingKey: 'q', body })
    channel.send('basic.consume', { queue: 'q', consumerTag: 'c', noAck: true })
    await channel.expect('queue.declare-ok')
    const seen: string[] = []
    while (!seen.includes('3')) {
      const { name, content } = await channel.next()
      seen.push(content === undefined ? name : content.body.toString())
    }
    expect(seen.filter((name) => name !== 'basic.ack')).toEqual(['basic.consume-ok', '1', '2', '3'])
    expect(asked).toEqual(['configure queue q', 'write exchange amq.default', 'read queue q'])
  })

  test('refuses methods, messages and messages in pieces, and what follows them is ignored', async () => {
    await start(deciding((name) => answered(name !== 'no')))
    const channel = await open()
    await channel.expectRefusal(
      'queue.declare',
      { queue: 'no' },
      403,
      "configure access to queue 'no' in vhost '/' refused for user 'guest'",
    )
    for (const body of ['short', 'long'.repeat(100_000)]) {
      channel.publish({ exchange: 'amq.topic', routingKey: 'no', body })
      channel.publish({ exchange: 'amq.topic', routingKey: 'yes', body })
      const text = "write access to topic 'no' in exchange 'amq.topic' in vhost '/' refused for user 'guest'"
      await channel.expectClose(403, text, 'basic.publish')
      await channel.reopen()
    }
    await channel.call('exchange.declare', { exchange: 'yes', type: 'fanout' })
  })

  test('has delete-ok come before the cancel of the consumers that go with the queue', async () => {
    await start(deciding(() => answered(true)))
    const channel = await open()
    await channel.call('queue.declare', { queue: 'q' })
    await channel.call('basic.consume', { queue: 'q', consumerTag: 'c' })
    server.authorizationChanged()
    channel.send('queue.delete', { queue: 'q' })
    const names = [(await channel.next()).name, (await channel.next()).name]
    expect(names).toEqual(['queue.delete-ok', 'basic.cancel'])
  })

  test('lets a large body through, and a transaction', async () => {
    await start(deciding(() => answered(true)))
    const channel = await open()
    await channel.call('queue.declare', { queue: 'q' })
    const body = 'x'.repeat(300_000)
    channel.publish({ routingKey: 'q', body })
    expect((await channel.get('q', true))?.content.body.toString()).toBe(body)
    server.authorizationChanged()
    await channel.call('tx.select')
    channel.publish({ routingKey: 'q', body })
    channel.publish({ routingKey: 'gone', body: 'back', mandatory: true })
    channel.send('tx.commit')
    expect((await channel.returned()).content.body.toString()).toBe('back')
    await channel.expect('tx.commit-ok')
    expect((await channel.get('q', true))?.content.body.toString()).toBe(body)
  })

  test('is asked again, about consumers and the virtual host, too, when its answers have changed', async () => {
    let [mayOpen, mayRead] = [true, true]
    await start({
      ...deciding((name) => answered(name !== 'q' || mayRead)),
      vhostAccess: () => answered(mayOpen),
    })
    const channel = await open()
    await channel.call('queue.declare', { queue: 'q' })
    await channel.call('basic.consume', { queue: 'q', consumerTag: 'c' })
    mayRead = false
    server.authorizationChanged('someone else')
    await channel.call('basic.qos')
    server.authorizationChanged('guest')
    await channel.expect('basic.cancel', { consumerTag: 'c' })
    mayOpen = false
    server.authorizationChanged()
    await channel.client.expectConnectionClose(530, "access to vhost '/' refused for user 'guest'")
  })
})

test('answers count for their time: then consumers are asked about again', async () => {
  let mayRead = true
  await start({ answersTtlMs: 20, ...deciding((name) => later(name !== 'q' || mayRead)) })
  const channel = await open()
  await channel.call('queue.declare', { queue: 'q' })
  await channel.call('basic.consume', { queue: 'q', consumerTag: 'c' })
  mayRead = false
  await channel.expect('basic.cancel', { consumerTag: 'c' })
})

describe('an authorizer that fails', () => {
  const failing: [string, () => Answer][] = [
    ['with a promise', () => Promise.reject(new Error('no answer'))],
    [
      'at once',
      () => {
        throw new Error('no answer')
      },
    ],
  ]

  test.each(failing)('%s refuses what is new, each time anew, and takes nothing away', async (_, fail) => {
    let isBroken = false
    await start({ ...deciding(() => (isBroken ? fail() : true)), vhostAccess: () => (isBroken ? fail() : true) })
    const channel = await open()
    await channel.call('queue.declare', { queue: 'q' })
    await channel.call('basic.consume', { queue: 'q', consumerTag: 'c' })
    isBroken = true
    server.authorizationChanged()
    const text = "configure access to queue 'q' in vhost '/' refused for user 'guest'"
    await channel.expectRefusal('queue.declare', { queue: 'q' }, 403, text)
    await channel.expectRefusal('queue.declare', { queue: 'q' }, 403, text)
    await expect(open()).rejects.toThrow("access to vhost '/' refused for user 'guest'")
    isBroken = false
    await channel.call('queue.declare', { queue: 'q' })
  })
})

test('a connection that goes while it waits for an answer leaves nothing behind', async () => {
  let answer: (isAllowed: boolean) => void = () => {}
  await start({
    ...deciding(
      () =>
        new Promise((resolve) => {
          answer = resolve
        }),
    ),
  })
  const channel = await open()
  channel.publish({ routingKey: 'q', body: 'x'.repeat(200_000) })
  while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve))
  expect(server.core.memory.heldBytes).toBeGreaterThanOrEqual(200_000)
  await server.dropConnections()
  answer(true)
  await new Promise((resolve) => setImmediate(resolve))
  expect(server.core.memory.heldBytes).toBe(0)
})

test('a program that decides itself keeps the permissions itself', async () => {
  await start({})
  await expect(server.permissions.set('guest', { configure: '', write: '', read: '' })).rejects.toThrow('of its own')
  expect(() => server.permissions.list()).toThrow('of its own')
})

test('an authorizer that lacks a method is refused', () => {
  expect(() => new ServerBuilder().withAuthorizer({ resource: () => true } as never)).toThrow(
    "must have a method 'vhostAccess'",
  )
})
