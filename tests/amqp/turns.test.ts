// One client that gives the broker much to do in one go, and another one that is answered meanwhile.
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { methodFrame } from '../support/wire-frames.ts'

const broker = useBroker()
const TIMES = 4000

/** Sends `work` for one client, then a small question of another: how much of the work was answered before the question. */
async function answeredBefore(work: Buffer, busy: RawChannel, answers: number, answerBytes: number): Promise<number> {
  const bystander = await broker.channel()
  let bytes = 0
  busy.client.socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  const before = new Promise<number>((resolve) => bystander.client.socket.once('data', () => resolve(bytes)))
  busy.client.write(work)
  bystander.send('exchange.declare', { exchange: 'amq.direct', passive: true })
  const answered = (await before) / answerBytes
  for (let i = 0; i < answers; i++) await busy.next()
  expect(bytes).toBe(answers * answerBytes)
  return answered
}

test('a flood of declarations in one read leaves room for others', async () => {
  const busy = await broker.channel()
  const one = methodFrame(1, 'exchange.declare', { exchange: 'amq.direct', passive: true })
  const answerBytes = methodFrame(1, 'exchange.declare-ok').length
  const answered = await answeredBefore(Buffer.concat(Array(TIMES).fill(one)), busy, TIMES, answerBytes)
  expect(answered).toBeLessThan(TIMES)
})

test('what is left of a read for later is looked at in order, and all of it', async () => {
  const channel = await broker.channel()
  const queue = await channel.queue()
  const work: Buffer[] = []
  for (let i = 0; i < 800; i++) {
    work.push(channel.publishBytes({ routingKey: queue, body: `${i}` }))
    work.push(methodFrame(1, 'basic.get', { queue, noAck: true }))
  }
  channel.client.write(Buffer.concat(work))
  for (let i = 0; i < 800; i++) {
    const { name, content } = await channel.next()
    expect([name, content?.body.toString()]).toEqual(['basic.get-ok', `${i}`])
  }
})

test('what a client that is gone had not acknowledged is back in its old order', async () => {
  const count = 9000
  const channel = await broker.channel()
  const queue = await channel.queue({ exclusive: false, autoDelete: false })
  const gone = await broker.channel()
  await gone.consume(queue)
  const publishes = Array.from({ length: count }, (_, i) => channel.publishBytes({ routingKey: queue, body: `${i}` }))
  channel.client.write(Buffer.concat(publishes))
  for (let i = 0; i < count; i++) await gone.delivery()
  channel.publishTo(queue, 'later')
  await gone.delivery()
  const other = await broker.channel()
  gone.send('channel.close', { replyCode: 200 })
  await gone.expect('channel.close-ok')
  await other.expectCounts(queue, count + 1, 0)
  await other.consume(queue, { noAck: true })
  for (let i = 0; i < count; i++) {
    const { content, args } = await other.delivery()
    expect(args.redelivered).toBe(true)
    if (content.body.toString() !== `${i}`) expect.fail(`${content.body} came in the place of ${i}`)
  }
  await channel.call('queue.delete', { queue })
})

test('a publish to thousands of queues leaves room for others', async () => {
  const busy = await broker.channel()
  const exchange = await busy.exchange('fanout')
  const declarations = Array.from({ length: TIMES }, (_, i) => [
    methodFrame(1, 'queue.declare', { queue: `${exchange}-${i}`, exclusive: true, nowait: true }),
    methodFrame(1, 'queue.bind', { queue: `${exchange}-${i}`, exchange, nowait: true }),
  ])
  busy.client.write(Buffer.concat(declarations.flat()))
  await busy.call('confirm.select')
  const ackBytes = methodFrame(1, 'basic.ack', { deliveryTag: 1 }).length
  expect(await answeredBefore(busy.publishBytes({ exchange, body: 'm' }), busy, 1, ackBytes)).toBe(0)
})

describe('with more unacked messages than are settled in one turn', () => {
  const COUNT = 9000
  let channel: RawChannel
  let queue: string

  beforeEach(async () => {
    channel = await broker.channel()
    queue = await channel.queue({ exclusive: false, autoDelete: false })
    onTestFinished(async () => void (await (await broker.channel()).call('queue.delete', { queue })))
    const publishes = Array.from({ length: COUNT }, (_, i) => channel.publishBytes({ routingKey: queue, body: `${i}` }))
    channel.client.write(Buffer.concat(publishes))
    await channel.consume(queue, { consumerTag: 'c' })
  })

  async function expectAll(redelivered: boolean): Promise<void> {
    for (let i = 0; i < COUNT; i++) {
      const { content, args } = await channel.delivery()
      if (args.redelivered !== redelivered || content.body.toString() !== `${i}`) expect.fail(`${i} is missing`)
    }
  }

  test.each([
    ['basic.ack', {}],
    ['basic.nack', { requeue: true }],
    ['basic.nack', { requeue: false }],
  ] as const)('%s of all of them (%o) is done before the next method', async (name, args) => {
    await expectAll(false)
    channel.client.write(
      Buffer.concat([
        methodFrame(1, 'basic.cancel', { consumerTag: 'c' }),
        methodFrame(1, name, { deliveryTag: COUNT, multiple: true, ...args }),
        methodFrame(1, 'queue.declare', { queue, passive: true }),
        methodFrame(1, 'basic.ack', { deliveryTag: COUNT - 1 }),
      ]),
    )
    await channel.expect('basic.cancel-ok')
    const isBack = 'requeue' in args && args.requeue
    await channel.expect('queue.declare-ok', { messageCount: isBack ? COUNT : 0 })
    await channel.expectClose(406, `unknown delivery tag ${COUNT - 1}`, 'basic.ack')
  })

  test('basic.nack has all of them delivered again, in order', async () => {
    await expectAll(false)
    channel.nack(0, { multiple: true })
    await expectAll(true)
  })

  test('basic.recover is answered first, then all of them come again, in order', async () => {
    await expectAll(false)
    channel.send('basic.recover', { requeue: true })
    await channel.expect('basic.recover-ok')
    await expectAll(true)
  })

  test('tx.rollback leaves all of them unacked, tx.commit settles them', async () => {
    await expectAll(false)
    await channel.call('tx.select')
    channel.ack(0, true)
    await channel.call('tx.rollback')
    channel.ack(COUNT - 1, true)
    channel.publishTo(queue, 'new')
    await channel.call('tx.commit')
    await channel.expectBodies('new')
    await channel.call('basic.recover', { requeue: true })
    const { content } = await channel.delivery({ redelivered: true })
    expect(content.body.toString()).toBe(`${COUNT - 1}`)
  })

  test('a transaction that was not committed gives all of them back in order', async () => {
    await expectAll(false)
    await channel.call('tx.select')
    channel.ack(0, true)
    await channel.call('channel.close', { replyCode: 200 })
    await channel.reopen()
    await channel.consume(queue, { consumerTag: 'c' })
    await expectAll(true)
  })
})
