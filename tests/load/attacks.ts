/** Clients that mean no good: each keeps something up for a fixed time, and a bystander works meanwhile. */
import { encodeMethodFrame } from '../../protocol/method-codec.ts'
import type { LoadBroker } from './broker.ts'
import {
  bind,
  CHANNEL_CLOSE_OK,
  declareExchange,
  declareQueue,
  deleteQueue,
  EXCHANGE_DECLARE_OK,
  publish,
} from './frames.ts'
import { LoadClient, loginBytes } from './load-client.ts'
import type { Figures, Length, Scenario } from './scenarios.ts'

const CLOSE_CHANNEL = encodeMethodFrame(2, 'channel.close', { replyCode: 200, replyText: '', classId: 0, methodId: 0 })
const OPEN_CHANNEL = encodeMethodFrame(2, 'channel.open', {})

export function attacks(
  inMemory: readonly string[],
  manyLogIns: readonly string[],
): Readonly<Record<string, Scenario>> {
  return {
    slowloris: {
      description: '2,000 clients that have logged in and send a publish byte by byte',
      broker: [...inMemory, ...manyLogIns],
      seconds: 15,
      run: slowloris,
    },
    'slowloris-log-in': {
      description: '2,000 clients that log in byte by byte, and come again when they are cut off',
      broker: [...inMemory, ...manyLogIns, '--handshake-timeout', '5000'],
      seconds: 15,
      run: slowLogIns,
    },
    'half-open': {
      description: 'connections that say nothing, as many as the broker takes, from one address',
      broker: [...inMemory, '--handshake-timeout', '2000'],
      seconds: 15,
      run: halfOpen,
    },
    passwords: {
      description: '100,000 log-ins with wrong passwords, from one address, 100 at a time',
      broker: [...inMemory, '--login-failures-max', '0'],
      seconds: 60,
      run: (broker, length) => wrongPasswords(broker, length, ['guest', 'stranger']),
    },
    'passwords-waiting': {
      description:
        'the same for other users than those that log in from there, with the limit on failures that is the default',
      broker: inMemory,
      seconds: 60,
      run: (broker, length) => wrongPasswords(broker, length, ['stranger', 'admin']),
    },
    channels: {
      description: '10 clients that open and close channels without a pause',
      broker: inMemory,
      seconds: 15,
      run: (broker, length) =>
        storm(broker, length, 10, () => repeated(Buffer.concat([OPEN_CHANNEL, CLOSE_CHANNEL])), 100),
    },
    declares: {
      description: '4 clients that declare and delete queues without a pause',
      broker: inMemory,
      seconds: 15,
      run: (broker, length) =>
        storm(
          broker,
          length,
          4,
          (i) => repeated(Buffer.concat([declareQueue(`load-storm-${i}`), deleteQueue(`load-storm-${i}`)])),
          100,
        ),
    },
    bindings: {
      description: '1,000,000 bindings of a topic exchange to 100 queues',
      broker: inMemory,
      seconds: 60,
      run: bindings,
    },
  }
}

function repeated(bytes: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: 100 }, () => bytes))
}

async function slowloris(broker: LoadBroker, { seconds, scale }: Length): Promise<Figures> {
  const count = Math.round(2000 * scale)
  const clients: LoadClient[] = []
  for (let i = 0; i < count; i++) clients.push(await LoadClient.open(broker.target))
  const bytes = publish('nowhere', Buffer.alloc(100_000))
  const endsAt = performance.now() + seconds * 1000
  let at = 0
  for (; performance.now() < endsAt; at++) {
    for (const client of clients) client.write(bytes.subarray(at, at + 1))
    await sleep(200)
  }
  const lost = clients.filter(({ failure }) => failure !== undefined).length
  for (const client of clients) client.destroy()
  return { clients: clients.length, 'bytes each': at, lost }
}

async function slowLogIns(broker: LoadBroker, { seconds, scale }: Length): Promise<Figures> {
  const count = Math.round(2000 * scale)
  const bytes = loginBytes(broker.target)
  const open = new Map<LoadClient, number>()
  const endsAt = performance.now() + seconds * 1000
  let [begun, cutOff, through] = [0, 0, 0]
  while (performance.now() < endsAt) {
    for (let left = 50; left > 0 && open.size < count; left--) {
      open.set(await LoadClient.connect(broker.target), 0)
      begun++
    }
    for (const [client, at] of open) {
      if (client.failure === undefined && at < bytes.length) {
        client.write(bytes.subarray(at, at + 1))
        open.set(client, at + 1)
      } else {
        if (client.failure === undefined) through++
        else cutOff++
        client.destroy()
        open.delete(client)
      }
    }
    await sleep(100)
  }
  const atTheEnd = open.size
  for (const client of open.keys()) client.destroy()
  return { begun, 'cut off': cutOff, 'logged in': through, 'open at the end': atTheEnd }
}

/** For these users in turn. One that logs in rightly meanwhile must get in. */
async function wrongPasswords(
  broker: LoadBroker,
  { seconds, scale }: Length,
  users: readonly string[],
): Promise<Figures> {
  const count = Math.round(100_000 * scale)
  const startedAt = performance.now()
  const endsAt = startedAt + seconds * 1000
  let [tried, refused, right, rightMsMax] = [0, 0, 0, 0]
  const guess = async (): Promise<void> => {
    while (tried < count && performance.now() < endsAt) {
      const number = tried++
      const user = users[number % users.length] as string // there are some
      const client = await LoadClient.open({ ...broker.target, user, password: `guess ${number}` }).catch(
        () => undefined,
      )
      if (client === undefined || client.failure !== undefined) refused++
      client?.destroy()
    }
  }
  const guesses = Promise.all(Array.from({ length: 100 }, guess))
  let isOver = false
  void guesses.then(() => {
    isOver = true
  })
  while (!isOver) {
    const begunAt = performance.now()
    const client = await LoadClient.open(broker.target)
    if (client.failure === undefined) right++
    rightMsMax = Math.max(rightMsMax, performance.now() - begunAt)
    client.destroy()
    await sleep(100)
  }
  await guesses
  return {
    tried,
    'tried/s': Math.round((tried / (performance.now() - startedAt)) * 1000),
    'got in': tried - refused,
    'right log-ins': right,
    'right log-in ms at most': Math.round(rightMsMax),
  }
}

async function halfOpen(broker: LoadBroker, { seconds }: Length): Promise<Figures> {
  const endsAt = performance.now() + seconds * 1000
  const open = new Set<LoadClient>()
  let [tried, most] = [0, 0]
  while (performance.now() < endsAt) {
    for (let i = 0; i < 50; i++, tried++) {
      const client = await LoadClient.connect(broker.target)
      if (client.failure !== undefined) continue
      open.add(client)
      client.socket.once('close', () => open.delete(client))
    }
    most = Math.max(most, open.size)
    await sleep(20)
  }
  for (const client of open) client.destroy()
  return { 'tried/s': Math.round(tried / seconds), 'open at a time': most }
}

/** So many clients send the same again and again, as fast as the broker takes it. */
async function storm(
  broker: LoadBroker,
  { seconds }: Length,
  clients: number,
  batchOf: (i: number) => Buffer,
  perBatch: number,
): Promise<Figures> {
  const endsAt = performance.now() + seconds * 1000
  let rounds = 0
  const one = async (i: number): Promise<void> => {
    const client = await LoadClient.open(broker.target)
    const batch = batchOf(i)
    while (performance.now() < endsAt && client.failure === undefined) {
      client.write(batch)
      await client.drained(endsAt)
      rounds += perBatch
      await new Promise((resolve) => setImmediate(resolve))
    }
    client.destroy()
  }
  await Promise.all(Array.from({ length: clients }, (_, i) => one(i)))
  return { clients, 'rounds/s': Math.round(rounds / seconds) }
}

async function bindings(broker: LoadBroker, { scale }: Length): Promise<Figures> {
  const count = Math.round(1_000_000 * scale)
  const client = await LoadClient.open(broker.target)
  client.write(declareExchange('load-bindings', 'topic'))
  for (let i = 0; i < 100; i++) client.write(declareQueue(`load-bound-${i}`))
  const startedAt = performance.now()
  let made = 0
  for (; made < count && client.failure === undefined; made += 500) {
    const first = made
    const batch = Array.from({ length: 500 }, (_, i) =>
      bind(`load-bound-${i % 100}`, 'load-bindings', `key.${first + i}.*`),
    )
    client.write(Buffer.concat(batch))
    await client.drained()
  }
  await client.call(declareExchange('load-bindings', 'topic'), EXCHANGE_DECLARE_OK)
  const perSecond = Math.round((made / (performance.now() - startedAt)) * 1000)
  const failure = client.failure ?? ''
  const megabytes = broker.memory?.nowMb() ?? 0
  const removing = performance.now()
  if (failure === '') {
    for (let i = 0; i < 100; i++) client.write(deleteQueue(`load-bound-${i}`))
    await client.call(
      encodeMethodFrame(1, 'channel.close', { replyCode: 200, replyText: '', classId: 0, methodId: 0 }),
      CHANNEL_CLOSE_OK,
    )
  }
  const removed = Math.round(performance.now() - removing)
  client.destroy()
  return {
    bindings: made,
    'bound/s': perSecond,
    'RSS with them': `${megabytes} MB`,
    'removed in': `${removed} ms`,
    failure,
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
}
