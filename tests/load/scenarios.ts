/** What is done to the broker. Each scenario has a fixed end, and returns its figures; a bystander works meanwhile. */
import { encodeMethodFrame } from '../../protocol/method-codec.ts'
import { attacks } from './attacks.ts'
import type { LoadBroker } from './broker.ts'
import { fairShare } from './fair-share.ts'
import { CONSUME_OK, consume, declareQueue, deleteQueue, prefetch, publish, QUEUE_DECLARE_OK } from './frames.ts'
import { CONNECTION_BLOCKED, LoadClient } from './load-client.ts'

export interface Length {
  readonly seconds: number
  /** Of the numbers that the scenario has, so much: 1 for all. */
  readonly scale: number
}

export type Figures = Readonly<Record<string, number | string>>

export interface Scenario {
  readonly description: string
  /** Options of the broker. */
  readonly broker: readonly string[]
  /** How long it runs when nothing else is said; the ten minutes of `flood` are for by hand. */
  readonly seconds: number
  /** Its memory limit in MiB, where it has one. */
  readonly limitMb?: number
  /** The load comes over TLS; the bystander does not. */
  readonly isEncrypted?: boolean
  run(broker: LoadBroker, length: Length): Promise<Figures>
}

const IN_MEMORY = ['--storage', 'memory']
/** All of them come from one address. */
const MANY_LOG_INS = ['--login-sockets-per-address-max', '100000', '--login-sockets-max', '100000']
const OPENING_AT_ONCE = 50
const FLOOD_LIMIT_MB = 256
/** In so much time the broker has noticed that they have left. */
const LEAVING_MS = 3000

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  connections: {
    description: '10,000 connections with a channel each, which publish to one another every five seconds',
    broker: [...IN_MEMORY, ...MANY_LOG_INS],
    seconds: 30,
    run: manyConnections,
  },
  'tls-connections': {
    description: '5,000 connections with TLS, which publish to one another every five seconds',
    broker: [...IN_MEMORY, ...MANY_LOG_INS],
    isEncrypted: true,
    seconds: 15,
    run: (broker, { seconds, scale }) => manyConnections(broker, { seconds, scale: scale / 2 }),
  },
  newcomers: {
    description: '1,000 new connections a second, each with a channel, closed in order',
    broker: [...IN_MEMORY, ...MANY_LOG_INS],
    seconds: 60,
    run: newcomers,
  },
  backlog: {
    description: '1,000,000 messages of 100 B behind a consumer that has stopped, which goes on then',
    broker: IN_MEMORY,
    seconds: 10,
    run: backlog,
  },
  flood: {
    description: `4 publishers at full speed, 1 KiB, durable, into a memory limit of ${FLOOD_LIMIT_MB} MiB and queues that drop their oldest`,
    broker: ['--memory-limit', `${FLOOD_LIMIT_MB}MiB`],
    seconds: 60,
    limitMb: FLOOD_LIMIT_MB,
    run: (broker, length) => flood(broker, length, true),
  },
  'flood-in-memory': {
    description: `the same with transient messages in memory and no limit on the queues: publishers are blocked`,
    broker: [...IN_MEMORY, '--memory-limit', `${FLOOD_LIMIT_MB}MiB`],
    seconds: 30,
    limitMb: FLOOD_LIMIT_MB,
    run: (broker, length) => flood(broker, length, false),
  },
  ...fairShare(IN_MEMORY),
  ...attacks(IN_MEMORY, MANY_LOG_INS),
}

/** Opens so many connections, some at a time. */
async function openMany(broker: LoadBroker, count: number): Promise<LoadClient[]> {
  const clients: LoadClient[] = []
  const open = async (): Promise<void> => {
    for (let left = count - clients.length; left > 0; left = count - clients.length) {
      clients.push(await LoadClient.open(broker.target))
    }
  }
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, open))
  return clients
}

async function manyConnections(broker: LoadBroker, { seconds, scale }: Length): Promise<Figures> {
  const count = Math.round(10_000 * scale)
  const idleMb = broker.memory?.nowMb() ?? 0
  const startedAt = performance.now()
  const clients = await openMany(broker, count)
  const perSecond = Math.round((clients.length / (performance.now() - startedAt)) * 1000)
  const kilobytes = Math.round((((broker.memory?.nowMb() ?? 0) - idleMb) * 1024) / clients.length)
  let [sent, received] = [0, 0]
  const body = Buffer.alloc(100)
  for (const [i, client] of clients.entries()) {
    client.onBody = () => void received++
    const queue = `load-${i % 100}`
    client.write(Buffer.concat([declareQueue(queue), consume(queue, true)]))
  }
  const endsAt = performance.now() + seconds * 1000
  for (let next = 0; performance.now() < endsAt; ) {
    // A five hundredth of them at a time, each once in five seconds.
    const until = Math.min(clients.length, next + Math.ceil(clients.length / 500))
    for (; next < until; next++, sent++) clients[next]?.write(publish(`load-${(next * 7) % 100}`, body))
    if (next >= clients.length) next = 0
    await sleep(10)
  }
  await sleep(500)
  const lost = clients.filter(({ failure }) => failure !== undefined).length
  for (const client of clients) client.destroy()
  await sleep(LEAVING_MS)
  return { connections: clients.length, 'opened/s': perSecond, 'KiB each': kilobytes, sent, received, lost }
}

async function newcomers(broker: LoadBroker, { seconds, scale }: Length): Promise<Figures> {
  const perSecond = 1000 * scale
  const startedAt = performance.now()
  let [begun, done, failed, open] = [0, 0, 0, 0]
  const one = async (): Promise<void> => {
    open++
    try {
      const client = await LoadClient.open(broker.target)
      client.close()
      done++
    } catch {
      failed++
    }
    open--
  }
  for (let elapsed = 0; elapsed < seconds; elapsed = (performance.now() - startedAt) / 1000) {
    // What the broker does not keep up with is not piled up in this process.
    for (const due = Math.floor(elapsed * perSecond); begun < due && open < 1000; begun++) void one()
    await sleep(5)
  }
  for (let waits = 0; open > 0 && waits < 500; waits++) await sleep(10)
  return { 'wanted/s': perSecond, 'done/s': Math.round(done / seconds), failed }
}

async function backlog(broker: LoadBroker, { scale }: Length): Promise<Figures> {
  const count = Math.round(1_000_000 * scale)
  const consumer = await LoadClient.open(broker.target)
  await consumer.call(declareQueue('load-backlog'), QUEUE_DECLARE_OK)
  consumer.write(prefetch(10))
  await consumer.call(consume('load-backlog', false), CONSUME_OK)
  const publisher = await LoadClient.open(broker.target)
  const startedAt = performance.now()
  const batch = Buffer.concat(Array.from({ length: 500 }, () => publish('load-backlog', Buffer.alloc(100))))
  for (let sent = 0; sent < count; sent += 500) {
    publisher.write(batch)
    await publisher.drained()
  }
  await publisher.call(declareQueue('load-backlog'), QUEUE_DECLARE_OK)
  const published = Math.round((count / (performance.now() - startedAt)) * 1000)
  const withBacklogMb = broker.memory?.nowMb() ?? 0
  let received = 0
  const goneOn = performance.now()
  const drain = await LoadClient.open(broker.target)
  drain.onBody = () => void received++
  drain.write(consume('load-backlog', true))
  while (received < count - 10 && drain.failure === undefined) await sleep(5)
  const taken = Math.round((received / (performance.now() - goneOn)) * 1000)
  for (const client of [consumer, publisher, drain]) client.destroy()
  return { messages: count, 'published/s': published, 'RSS with them': `${withBacklogMb} MB`, 'then taken/s': taken }
}

async function flood(broker: LoadBroker, { seconds }: Length, isDurable: boolean): Promise<Figures> {
  const queues = ['a', 'b', 'c', 'd'].map((name) => `load-flood-${name}`)
  const limit = isDurable ? { 'x-max-length-bytes': FLOOD_LIMIT_MB * 1024 * 1024 } : {}
  const endsAt = performance.now() + seconds * 1000
  let [sent, blocked] = [0, 0]
  const one = async (queue: string): Promise<void> => {
    const client = await LoadClient.open(broker.target)
    client.onMethod = (id) => {
      if (id === CONNECTION_BLOCKED) blocked++
    }
    await client.call(declareQueue(queue, limit, isDurable), QUEUE_DECLARE_OK)
    const message = publish(queue, Buffer.alloc(1024), isDurable)
    const batch = Buffer.concat(Array.from({ length: 100 }, () => message))
    while (performance.now() < endsAt && client.failure === undefined) {
      client.write(batch)
      await client.drained(endsAt)
      sent += 100
      await new Promise((resolve) => setImmediate(resolve))
    }
    client.destroy()
  }
  await Promise.all(queues.map(one))
  const cleaner = await LoadClient.open(broker.target)
  for (const queue of queues) cleaner.write(deleteQueue(queue))
  await cleaner.call(
    encodeMethodFrame(1, 'channel.close', { replyCode: 200, replyText: '', classId: 0, methodId: 0 }),
    (20 << 16) | 41,
  )
  cleaner.destroy()
  return { 'published/s': Math.round(sent / seconds), 'times blocked': blocked }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
}
