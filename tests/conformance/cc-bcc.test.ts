import { beforeEach, expect, test } from 'vitest'
import { useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'
import { plain, tagged, type WireValue } from '../support/wire-values.ts'

const broker = useBroker()
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

test('CC: every key of the list is routed as well', async () => {
  const queues = [await channel.queue(), await channel.queue(), await channel.queue()]
  const [first = '', ...rest] = queues
  channel.publish({ routingKey: first, body: 'm', properties: { headers: { CC: rest } } })
  for (const queue of queues) expect(await channel.drain(queue)).toEqual(['m'])
})

test('CC: the list stays in the headers and the routing key is the original one', async () => {
  const first = await channel.queue()
  const second = await channel.queue()
  channel.publish({ routingKey: first, body: 'm', properties: { headers: { CC: [second], other: 1 } } })
  const copy = await channel.get(second)
  expect(copy?.args).toMatchObject({ exchange: '', routingKey: first })
  expect(plain(copy?.content.properties.headers ?? null)).toEqual({ CC: [second], other: 1 })
})

test('BCC: routed like CC and removed from the headers', async () => {
  const first = await channel.queue()
  const hidden = await channel.queue()
  const headers = { CC: [unique('nowhere')], BCC: [hidden], keep: 'me' }
  channel.publish({ routingKey: first, body: 'm', properties: { headers } })
  for (const queue of [first, hidden]) {
    const copy = await channel.get(queue)
    expect(plain(copy?.content.properties.headers ?? null)).toEqual({ CC: headers.CC, keep: 'me' })
  }
})

test('CC and BCC that name one queue several times give one copy', async () => {
  const queue = await channel.queue()
  channel.publish({ routingKey: queue, body: 'once', properties: { headers: { CC: [queue, queue], BCC: [queue] } } })
  expect(await channel.drain(queue)).toEqual(['once'])
})

test.each(['direct', 'topic'])('CC and BCC work over a %s exchange', async (type) => {
  const exchange = await channel.exchange(type)
  const queues = [await channel.queue(), await channel.queue(), await channel.queue()]
  for (const [index, queue] of queues.entries()) await channel.bind(queue, exchange, `key.${index}`)
  const properties = { headers: { CC: ['key.1'], BCC: ['key.2', 'key.9'] } }
  channel.publish({ exchange, routingKey: 'key.0', body: 'm', properties })
  for (const queue of queues) expect(await channel.drain(queue)).toEqual(['m'])
})

test('CC works over exchange bindings', async () => {
  const source = await channel.exchange('direct')
  const destination = await channel.exchange('direct')
  const queue = await channel.queue()
  await channel.call('exchange.bind', { source, destination, routingKey: 'copy' })
  await channel.bind(queue, destination, 'copy')
  channel.publish({ exchange: source, routingKey: 'none', body: 'm', properties: { headers: { CC: ['copy'] } } })
  expect(await channel.drain(queue)).toEqual(['m'])
})

test('every key counts at every exchange on the way', async () => {
  const source = await channel.exchange('topic')
  const destination = await channel.exchange('direct')
  const queue = await channel.queue()
  await channel.call('exchange.bind', { source, destination, routingKey: 'leads.on' })
  await channel.bind(queue, destination, 'original')
  const properties = { headers: { CC: ['leads.on'] } }
  channel.publish({ exchange: source, routingKey: 'original', body: 'm', properties, mandatory: true })
  await channel.expectQuiet()
  expect(await channel.drain(queue)).toEqual(['m'])
})

test('a mandatory message that only CC can route is not returned', async () => {
  const queue = await channel.queue()
  const properties = { headers: { CC: [queue] } }
  channel.publish({ routingKey: unique('nowhere'), body: 'm', mandatory: true, properties })
  await channel.expectQuiet()
  expect(await channel.drain(queue)).toEqual(['m'])
})

test('the alternate exchange gets nothing when only CC could be routed', async () => {
  const alternate = await channel.exchange('fanout')
  const exchange = await channel.exchange('direct', { arguments: { 'alternate-exchange': alternate } })
  const rest = await channel.queue()
  const copied = await channel.queue()
  await channel.bind(rest, alternate)
  await channel.bind(copied, exchange, 'copy')
  const message = { exchange, routingKey: 'unbound', mandatory: true }
  channel.publish({ ...message, body: 'copied', properties: { headers: { CC: ['copy'] } } })
  channel.publish({ ...message, body: 'left over', properties: { headers: { CC: ['unbound as well'] } } })
  await channel.expectQuiet()
  expect(await channel.drain(copied)).toEqual(['copied'])
  expect(await channel.drain(rest)).toEqual(['left over'])
})

test('what is no text in a CC or BCC list is passed over', async () => {
  const [first, second, hidden] = [await channel.queue(), await channel.queue(), await channel.queue()]
  const headers = { CC: [1, true, null, ['x'], {}, second], BCC: [tagged('x', Buffer.from('x')), hidden] }
  channel.publish({ routingKey: first, body: 'm', properties: { headers } })
  for (const queue of [first, second, hidden]) expect(await channel.drain(queue)).toEqual(['m'])
})

test('BCC is taken out of what is returned', async () => {
  const headers = { CC: [unique('nowhere')], BCC: [unique('nowhere')], keep: 'me' }
  channel.publish({
    routingKey: unique('nowhere'),
    body: 'm',
    mandatory: true,
    properties: { headers, messageId: 'm' },
  })
  const { content } = await channel.returned()
  expect(plain({ ...content.properties })).toEqual({ headers: { CC: headers.CC, keep: 'me' }, messageId: 'm' })
})

test('BCC is taken out of what a transaction returns', async () => {
  await channel.call('tx.select')
  channel.publish({ routingKey: unique('nowhere'), mandatory: true, properties: { headers: { BCC: ['x'], keep: 1 } } })
  channel.send('tx.commit')
  const { content } = await channel.returned()
  expect(plain({ ...content.properties })).toEqual({ headers: { keep: 1 } })
  await channel.expect('tx.commit-ok')
})

test('an empty CC list is fine', async () => {
  const queue = await channel.queue()
  channel.publish({ routingKey: queue, body: 'm', properties: { headers: { CC: [], BCC: [] } } })
  expect(await channel.drain(queue)).toEqual(['m'])
})

const wrong: readonly (readonly [string, WireValue, string])[] = [
  ['CC', 'a string', 'longstr'],
  ['BCC', 'a string', 'longstr'],
  ['CC', 17, 'signedint'],
  ['CC', null, 'void'],
  ['BCC', true, 'bool'],
]

test.each(wrong)('%s = %j is 406', async (header, value, type) => {
  const queue = await channel.queue()
  channel.publish({ routingKey: queue, body: 'm', properties: { headers: { [header]: value } } })
  const text = `invalid message: {unacceptable_type_in_header,"${header}",${type}}`
  await channel.expectClose(406, text, 'basic.publish')
  await channel.reopen()
  expect(await channel.drain(queue)).toEqual([])
})
