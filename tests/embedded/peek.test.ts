import { beforeEach, expect, test } from 'vitest'
import type { EmbeddedBroker } from '../../src/embedded/embedded-broker.ts'
import { useDurableBroker } from './durable-broker.ts'

const durable = useDurableBroker()
let broker: EmbeddedBroker

beforeEach(() => {
  broker = durable.broker
})

const bodies = (messages: readonly { readonly body: Buffer }[]) => messages.map(({ body }) => body.toString())

test('peeking shows what is due next and leaves it where it is', async () => {
  broker.declareQueue('q')
  for (const body of ['1', '2', '3']) broker.publish('', 'q', body, { headers: { no: body }, persistent: true })
  expect(await broker.peek('q')).toEqual([
    {
      queue: 'q',
      exchange: '',
      routingKey: 'q',
      redelivered: false,
      deliveryCount: 0,
      properties: { headers: { no: '1' }, deliveryMode: 2 },
      body: Buffer.from('1'),
    },
  ])
  expect(bodies(await broker.peek('q', { count: 10 }))).toEqual(['1', '2', '3'])
  const message = await broker.get('q')
  expect([message?.body.toString(), message?.redelivered]).toEqual(['1', false])
  expect(bodies(await broker.peek('q', { count: 10 }))).toEqual(['2', '3'])
  broker.nack(message as NonNullable<typeof message>)
  const [again] = await broker.peek('q')
  expect(again).toMatchObject({ body: Buffer.from('1'), redelivered: true, deliveryCount: 1 })
  expect(broker.queueInfo('q')).toMatchObject({ messagesReady: 3, messagesUnacked: 0, messagesDelivered: 1 })
})

test('the order is that of delivery, whatever the priorities, and a paused queue can be looked at', async () => {
  broker.declareQueue('p', { arguments: { 'x-max-priority': 5 } })
  for (const priority of [1, 5, 0, 3, 5, 9]) broker.publish('', 'p', `${priority}`, { priority })
  broker.pauseQueue('p')
  expect(bodies(await broker.peek('p', { count: 100 }))).toEqual(['5', '5', '9', '3', '1', '0'])
  expect(bodies(await broker.peek('p', { count: 4 }))).toEqual(['5', '5', '9', '3'])
})

test('the order of a quorum queue is that of delivery, too, from wherever its levels have got to', async () => {
  broker.declareQueue('qq', { arguments: { 'x-queue-type': 'quorum' } })
  for (let number = 0; number < 9; number++)
    broker.publish('', 'qq', `${number}`, { priority: number % 3 === 0 ? 1 : 9 })
  for (let number = 9; number < 14; number++) broker.publish('', 'qq', `${number}`)
  const taken: string[] = []
  for (;;) {
    const peeked = bodies(await broker.peek('qq', { count: 100 }))
    const next = await broker.get('qq', { noAck: true })
    if (next === undefined) break
    taken.push(next.body.toString())
    expect(peeked[0]).toBe(taken.at(-1))
    expect(peeked).toHaveLength(15 - taken.length)
    const rest = bodies(await broker.peek('qq', { count: 100 }))
    expect(peeked.slice(1)).toEqual(rest)
  }
  expect(taken).toHaveLength(14)
  expect(new Set(taken.slice(0, 3)).has('0')).toBe(true) // a normal one among the first
})

test('peeking is bounded by the bytes of bodies, but shows one message', async () => {
  broker.declareQueue('q')
  const sizes = [100, 40_000, 100, 100]
  for (const size of sizes) broker.publish('', 'q', 'x'.repeat(size))
  const shown = async (maxBytes: number) =>
    (await broker.peek('q', { count: 9, maxBytes })).map(({ body }) => body.length)
  expect(await shown(40_200)).toEqual([100, 40_000, 100])
  expect(await shown(40_199)).toEqual([100, 40_000])
  expect(await shown(1)).toEqual([100])
})

test('peeking at nothing, at what is not there and with wrong options', async () => {
  broker.declareQueue('empty')
  expect(await broker.peek('empty', { count: 5 })).toEqual([])
  await expect(broker.peek('nothing')).rejects.toMatchObject({ kind: 'not-found' })
  await expect(broker.peek('empty', { count: 10_001 })).rejects.toThrow(RangeError)
  await expect(broker.peek('empty', { counts: 1 } as object)).rejects.toThrow("did you mean 'count'?")
})

test('what came back to a quorum queue is shown first, in the order in which it came back', async () => {
  broker.declareQueue('qq', { arguments: { 'x-queue-type': 'quorum' } })
  for (const [body, priority] of [
    ['1', 0],
    ['2', 9],
    ['3', 0],
    ['4', 9],
    ['5', 0],
  ] as const) {
    broker.publish('', 'qq', body, { priority })
  }
  const taken = new Map<string, number>()
  for (let count = 0; count < 4; count++) {
    const message = await broker.get('qq')
    if (message !== undefined) taken.set(message.body.toString(), message.deliveryTag)
  }
  for (const body of ['3', '2', '1', '4']) broker.nack(taken.get(body) as number)
  expect(bodies(await broker.peek('qq', { count: 9 }))).toEqual(['3', '2', '1', '4', '5'])
  expect(bodies(await broker.peek('qq', { count: 3 }))).toEqual(['3', '2', '1'])
  for (const body of ['3', '2', '1', '4', '5']) expect((await broker.get('qq'))?.body.toString()).toBe(body)
})
