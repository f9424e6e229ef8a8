import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { fieldTable } from '../../protocol/field-table-plain.ts'
import { encodeMethodFrame } from '../../protocol/method-codec.ts'
import type { Properties } from '../../protocol/properties.ts'
import { memorySocketPath } from '../../src/cli/ctl/control-place.ts'
import type { BrokerUri } from '../../src/perf/broker-uri.ts'
import type { ClientConnection } from '../../src/perf/client-connection.ts'
import { login } from '../../src/perf/login.ts'
import { CHANNEL, publishFrames } from '../frames.ts'
import { BINDING, CONSUMER, EXCHANGE, QUEUE } from '../method-arguments.ts'

/** Prepares on a connection of its own, and returns what is to be done while the bystander is looked after. */
export type Attack = (client: ClientConnection, uri: BrokerUri) => Promise<() => Promise<void>>

const BATCH = 500
const LEFT_MS = 2000
const BODY = Buffer.alloc(16, 'x')
const TAG = 'taker'
const ALL_ACKED = encodeMethodFrame(CHANNEL, 'basic.ack', { deliveryTag: 0, multiple: true })
const ALL_NACKED = encodeMethodFrame(CHANNEL, 'basic.nack', { deliveryTag: 0, multiple: true, requeue: true })
const DELETE = { queue: 'full', ifUnused: false, ifEmpty: false, nowait: false } as const

export const ATTACKS: Readonly<Record<string, Attack>> = {
  topic: async (client) => {
    const queue = await declare(client, 'topic', 'topic')
    // Some hundred different keys from the bits of a number, none like another.
    const word = (bits: number, at: number): string => ['a', '*', '#', 'a', '#.a', 'b'][(bits >>> (at % 27)) % 6] ?? 'a'
    const key = (i: number): string => Array.from({ length: 60 }, (_, at) => word(mixed(i), at)).join('.')
    await repeat(client, 3000, (i) => bind(queue, 'topic', key(i).slice(0, 250)))
    return () => repeat(client, 500, (i) => publish('topic', `${'a.'.repeat(60)}${'b.'.repeat(30)}${i}`))
  },
  headers: async (client) => {
    const queue = await declare(client, 'headers', 'headers')
    const table = (i: number) => fieldTable({ 'x-match': 'all', kind: 'order', region: 'eu', number: i })
    await repeat(client, 10_000, (i) => bind(queue, 'headers', '', table(i)))
    const headers = (i: number) => fieldTable({ kind: 'order', region: 'eu', number: i, more: 'x' })
    return () => repeat(client, 1000, (i) => publish('headers', '', { headers: headers(i) }))
  },
  fanout: async (client) => {
    await client.call('exchange.declare', { ...EXCHANGE, exchange: 'fanout', type: 'fanout' })
    await repeat(client, 20_000, (i) => {
      const queue = `fan-${i}`
      return Buffer.concat([
        encodeMethodFrame(CHANNEL, 'queue.declare', { ...QUEUE, queue, nowait: true }),
        bind(queue, 'fanout'),
      ])
    })
    return () => repeat(client, 40, () => publish('fanout', ''))
  },
  purge: async (client) => {
    await fill(client, 2_000_000)
    return async () => void (await client.call('queue.purge', { queue: 'full', nowait: false }))
  },
  delete: async (client) => {
    await fill(client, 2_000_000)
    return async () => void (await client.call('queue.delete', DELETE))
  },
  'purge-durable': async (client) => {
    await fill(client, 500_000, true)
    return async () => void (await client.call('queue.purge', { queue: 'full', nowait: false }))
  },
  'delete-durable': async (client) => {
    await fill(client, 500_000, true)
    return async () => void (await client.call('queue.delete', DELETE))
  },
  bind: async (client) => {
    const queue = await declare(client, 'binds', 'topic')
    const key = (i: number) => `some.key.${i}.of.many.#`
    return async () => {
      await repeat(client, 40_000, (i) => bind(queue, 'binds', key(i)))
      const unbind = (i: number) => ({ ...BINDING, queue, exchange: 'binds', routingKey: key(i) })
      await repeat(client, 40_000, (i) => encodeMethodFrame(CHANNEL, 'queue.unbind', unbind(i)))
    }
  },
  unacked: async (client) => {
    await takeAll(client, 1_000_000)
    return async () => client.destroy()
  },
  ack: async (client) => {
    await takeAll(client, 1_000_000)
    return () => repeat(client, 1, () => ALL_ACKED)
  },
  'ack-durable': async (client) => {
    await takeAll(client, 500_000, true)
    return () => repeat(client, 1, () => ALL_ACKED)
  },
  nack: async (client) => {
    await takeAll(client, 1_000_000)
    await client.call('basic.cancel', { consumerTag: TAG, nowait: false })
    return () => repeat(client, 1, () => ALL_NACKED)
  },
  recover: async (client) => {
    await takeAll(client, 1_000_000)
    await client.call('basic.cancel', { consumerTag: TAG, nowait: false })
    return async () => void (await client.call('basic.recover', { requeue: true }))
  },
  rollback: async (client) => {
    await takeAll(client, 500_000)
    await client.call('tx.select', {})
    return async () => {
      await repeat(client, 1, () => ALL_ACKED)
      await client.call('tx.rollback', {})
    }
  },
  commit: async (client) => {
    await takeAll(client, 500_000)
    await client.call('tx.select', {})
    return async () => {
      await repeat(client, 1, () => ALL_ACKED)
      await client.call('tx.commit', {})
    }
  },
  'commit-durable': async (client) => {
    await client.call('queue.declare', { ...QUEUE, queue: 'full', durable: true })
    await client.call('tx.select', {})
    await repeat(client, 200_000, () => publish('', 'full', { deliveryMode: 2 }))
    return async () => void (await client.call('tx.commit', {}))
  },
  exclusive: async (client) => {
    await repeat(client, 100_000, exclusiveQueue)
    return () => leave(client)
  },
  'exclusive-consumers': async (client) => {
    await repeat(client, 100_000, (i) => Buffer.concat([exclusiveQueue(i), consume(`own-${i}`)]))
    return () => leave(client)
  },
  'auto-delete': async (client) => {
    await repeat(client, 100_000, (i) => Buffer.concat([autoDeleteQueue(i), consume(`own-${i}`)]))
    return () => leave(client)
  },
  'auto-delete-durable': async (client) => {
    await repeat(client, 100_000, (i) => Buffer.concat([autoDeleteQueue(i, true), consume(`own-${i}`)]))
    return () => leave(client)
  },
  consumers: async (client, uri) => {
    const queue = (i: number) => ({ ...QUEUE, queue: `own-${i}`, nowait: true })
    await repeat(client, 100_000, (i) => encodeMethodFrame(CHANNEL, 'queue.declare', queue(i)))
    const consumer = await login(uri, 65_536)
    await repeat(consumer, 100_000, (i) => consume(`own-${i}`))
    return () => leave(consumer)
  },
  'vhost-connections': async (client, uri) => {
    await makeFull(uri)
    for (let i = 0; i < 5000; i++) {
      const inside = await login({ ...uri, vhost: 'full' }, 1024)
      inside.write(Buffer.concat([exclusiveQueue(i), consume(`own-${i}`)]))
    }
    return async () => {
      await control(uri, 'DELETE', '/api/vhosts/full')
      await repeat(client, 1, () => Buffer.alloc(0))
    }
  },
  vhost: async (client, uri) => {
    await makeFull(uri)
    const inside = await login({ ...uri, vhost: 'full' }, 65_536)
    const queue = (i: number) => ({ ...QUEUE, queue: `q-${i}`, durable: true, nowait: true })
    await repeat(inside, 100_000, (i) => encodeMethodFrame(CHANNEL, 'queue.declare', queue(i)))
    return async () => {
      await control(uri, 'DELETE', '/api/vhosts/full')
      await repeat(client, 1, () => Buffer.alloc(0))
    }
  },
  declare: async (client) => {
    const queue = (i: number) => ({ ...QUEUE, queue: `declared-${i}` })
    return () => repeat(client, 40_000, (i) => encodeMethodFrame(CHANNEL, 'queue.declare', queue(i)))
  },
}

function exclusiveQueue(i: number): Buffer {
  return encodeMethodFrame(CHANNEL, 'queue.declare', { ...QUEUE, queue: `own-${i}`, exclusive: true, nowait: true })
}

function autoDeleteQueue(i: number, durable = false): Buffer {
  const queue = { ...QUEUE, queue: `own-${i}`, autoDelete: true, durable, nowait: true }
  return encodeMethodFrame(CHANNEL, 'queue.declare', queue)
}

function consume(queue: string): Buffer {
  return encodeMethodFrame(CHANNEL, 'basic.consume', { ...CONSUMER, queue, consumerTag: queue, nowait: true })
}

/** What the client leaves behind may take the broker a while. */
async function leave(client: ClientConnection): Promise<void> {
  client.destroy()
  await new Promise((resolve) => setTimeout(resolve, LEFT_MS))
}

/** Makes the virtual host that is to be deleted. */
async function makeFull(uri: BrokerUri): Promise<void> {
  await control(uri, 'PUT', '/api/vhosts/full', {})
  const permissions = { configure: '.*', write: '.*', read: '.*' }
  await control(uri, 'PUT', `/api/permissions/full/${uri.user}`, permissions)
}

/** Asks the management API, at the control socket of the broker, which keeps everything in memory. */
async function control({ port }: BrokerUri, method: string, path: string, body?: object): Promise<void> {
  const socketPath = memorySocketPath(port, process.env)
  const asked = request({ agent: false, socketPath, method, path, headers: { 'content-type': 'application/json' } })
  asked.end(body && JSON.stringify(body))
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  answer.resume()
  await once(answer, 'end')
  if ((answer.statusCode ?? 0) >= 300) throw new Error(`${method} ${path}: ${answer.statusCode}`)
}

/** Has the client be delivered so many messages, all of which are unacked. */
async function takeAll(client: ClientConnection, count: number, isDurable = false): Promise<void> {
  await fill(client, count, isDurable)
  await client.call('basic.consume', { ...CONSUMER, queue: 'full', consumerTag: TAG })
  for (let left = 1; left > 0; ) left = await readyCount(client)
}

/** Declares a queue and an exchange. */
async function declare(client: ClientConnection, exchange: string, type: string): Promise<string> {
  await client.call('exchange.declare', { ...EXCHANGE, exchange, type })
  await client.call('queue.declare', { ...QUEUE, queue: 'target' })
  return 'target'
}

async function fill(client: ClientConnection, count: number, isDurable = false): Promise<void> {
  await client.call('queue.declare', { ...QUEUE, queue: 'full', durable: isDurable })
  const properties = { deliveryMode: isDurable ? 2 : 1 } as const
  await repeat(client, count, () => publish('', 'full', properties))
  while ((await readyCount(client)) < count) await new Promise((resolve) => setTimeout(resolve, 20))
  // Whatever a large queue leaves to be done in the background.
  await new Promise((resolve) => setTimeout(resolve, 1000))
}

async function readyCount(client: ClientConnection): Promise<number> {
  const answer = await client.call('queue.declare', { ...QUEUE, queue: 'full', passive: true })
  return answer.name === 'queue.declare-ok' ? answer.args.messageCount : 0
}

/** Sends so many frames, a batch at a time, and waits until the broker has seen them all. */
async function repeat(client: ClientConnection, count: number, frames: (i: number) => Buffer): Promise<void> {
  for (let sent = 0; sent < count; ) {
    const batch = Math.min(BATCH, count - sent)
    const first = sent
    const bytes = Buffer.concat(Array.from({ length: batch }, (_, i) => frames(first + i)))
    await new Promise<void>((resolve) => client.write(bytes, resolve))
    sent += batch
  }
  await client.call('exchange.declare', { ...EXCHANGE, exchange: 'amq.direct', passive: true })
}

function bind(queue: string, exchange: string, routingKey = '', args = BINDING.arguments): Buffer {
  return encodeMethodFrame(CHANNEL, 'queue.bind', { queue, exchange, routingKey, nowait: true, arguments: args })
}

function publish(exchange: string, routingKey: string, properties: Properties = { deliveryMode: 1 }): Buffer {
  return publishFrames(exchange, routingKey, BODY, properties)
}

/** Spreads the bits of a small number. */
function mixed(i: number): number {
  return Math.imul(i + 1, 0x9e3779b1) >>> 0
}
