import { beforeEach, expect, test } from 'vitest'
import { differsFromRabbit310, useBroker } from '../support/broker.ts'
import type { RawChannel } from '../support/raw-channel.ts'
import { unique } from '../support/unique.ts'

const broker = useBroker()
const onDefault = 'operation not permitted on the default exchange'
let channel: RawChannel

beforeEach(async () => {
  channel = await broker.channel()
})

test.each(['direct', 'fanout', 'topic', 'headers'])('exchange.declare: type %s, again and deleted', async (type) => {
  const exchange = unique(type)
  const declaration = { exchange, type, durable: true }
  await channel.call('exchange.declare', declaration)
  await channel.call('exchange.declare', declaration)
  await channel.call('exchange.delete', { exchange })
})

const base = { type: 'direct', durable: false, autoDelete: true, internal: false }

test.each([
  ['type', { type: 'fanout' }, "received 'fanout' but current is 'direct'"],
  ['durable', { durable: true }, "received 'true' but current is 'false'"],
  ['auto_delete', { autoDelete: false }, "received 'false' but current is 'true'"],
  ['internal', { internal: true }, "received 'true' but current is 'false'"],
  [
    'alternate-exchange',
    { arguments: { 'alternate-exchange': 'ae' } },
    "received the value 'ae' of type 'longstr' but current is none",
  ],
])('exchange.declare: another %s is 406 and names the argument', async (arg, change, tail) => {
  const exchange = unique('x')
  await channel.call('exchange.declare', { exchange, ...base })
  await channel.expectRefusal(
    'exchange.declare',
    { exchange, ...base, ...change },
    406,
    `inequivalent arg '${arg}' for exchange '${exchange}' in vhost '/': ${tail}`,
  )
})

test('exchange.declare: another alternate exchange is 406', async () => {
  const exchange = unique('x')
  const declaration = { exchange, ...base, arguments: { 'alternate-exchange': 'one' } }
  await channel.call('exchange.declare', declaration)
  await channel.call('exchange.declare', declaration)
  await channel.expectRefusal(
    'exchange.declare',
    { ...declaration, arguments: { 'alternate-exchange': 'two' } },
    406,
    `inequivalent arg 'alternate-exchange' for exchange '${exchange}' in vhost '/': received 'two' but current is 'one'`,
  )
  await channel.expectRefusal(
    'exchange.declare',
    { ...declaration, arguments: {} },
    406,
    `inequivalent arg 'alternate-exchange' for exchange '${exchange}' in vhost '/': ` +
      "received none but current is the value 'one' of type 'longstr'",
  )
})

test('exchange.declare: the checks go by type, durable, auto-delete, internal and arguments', async () => {
  const exchange = unique('x')
  await channel.call('exchange.declare', { exchange, ...base })
  const wrong = {
    type: 'topic',
    durable: true,
    autoDelete: false,
    internal: true,
    arguments: { 'alternate-exchange': 'ae' },
  }
  const changes = ['type', 'durable', 'autoDelete', 'internal'] as const
  const named = ['type', 'durable', 'auto_delete', 'internal', 'alternate-exchange']
  const attempt = { exchange, ...base, ...wrong }
  for (const [index, arg] of named.entries()) {
    const text = new RegExp(`inequivalent arg '${arg}' for exchange '${exchange}' in vhost '/': received .*`)
    await channel.expectRefusal('exchange.declare', attempt, 406, text)
    const change = changes[index]
    if (change) Object.assign(attempt, { [change]: base[change] })
  }
})

test('exchange.declare: unknown arguments are not compared', async () => {
  const exchange = unique('x')
  await channel.call('exchange.declare', { exchange, ...base, arguments: { colour: 'red' } })
  await channel.call('exchange.declare', { exchange, ...base, arguments: { colour: 'blue' } })
})

test('exchange.declare: an alternate exchange that is no string is 406', async () => {
  const exchange = unique('x')
  await channel.expectRefusal(
    'exchange.declare',
    { exchange, ...base, arguments: { 'alternate-exchange': 5 } },
    406,
    `invalid type 'signedint' for arg 'alternate-exchange' in exchange '${exchange}' in vhost '/'`,
  )
})

differsFromRabbit310('was 503')('exchange.declare: an unknown type is refused', async () => {
  const declaration = { exchange: unique('x'), type: 'x-no-such-type-anywhere' }
  const text = "unknown exchange type 'x-no-such-type-anywhere'"
  await channel.expectRefusal('exchange.declare', declaration, 406, text)
})

differsFromRabbit310('was 503')('exchange.declare: the type is checked before the empty name', async () => {
  const text = "unknown exchange type 'x-no-such-type-anywhere'"
  await channel.expectRefusal('exchange.declare', { exchange: '', type: 'x-no-such-type-anywhere' }, 406, text)
})

test.each([
  [null, "received the value 'undefined' of type 'void' but current is none"],
  [3.5, "received the value '3.5' of type 'double' but current is none"],
  [[], "received the value '[]' of type 'array' but current is none"],
])('exchange.declare: another alternate exchange is printed as Erlang does: %j', async (value, tail) => {
  const exchange = await channel.exchange('direct')
  const again = { exchange, type: 'direct', autoDelete: true, arguments: { 'alternate-exchange': value } }
  const text = `inequivalent arg 'alternate-exchange' for exchange '${exchange}' in vhost '/': ${tail}`
  await channel.expectRefusal('exchange.declare', again, 406, text)
})

test('exchange.declare: a client may not make names that start with amq.', async () => {
  const exchange = unique('amq.test')
  const text = `exchange name '${exchange}' contains reserved prefix 'amq.*'`
  await channel.expectRefusal('exchange.declare', { exchange, type: 'direct' }, 403, text)
})

test.each([
  ['amq.direct', 'direct'],
  ['amq.fanout', 'fanout'],
  ['amq.topic', 'topic'],
  ['amq.headers', 'headers'],
  ['amq.match', 'headers'],
])('exchange.declare: the predeclared %s may be declared as it is', async (exchange, type) => {
  await channel.call('exchange.declare', { exchange, type, durable: true })
  await channel.call('exchange.declare', { exchange, passive: true })
})

test('exchange.declare: a predeclared exchange does not change its type', async () => {
  const text =
    "inequivalent arg 'type' for exchange 'amq.direct' in vhost '/': received 'fanout' but current is 'direct'"
  const declaration = { exchange: 'amq.direct', type: 'fanout', durable: true }
  await channel.expectRefusal('exchange.declare', declaration, 406, text)
})

test('exchange.declare passive: a missing exchange is 404', async () => {
  const exchange = unique('missing')
  const text = `no exchange '${exchange}' in vhost '/'`
  await channel.expectRefusal('exchange.declare', { exchange, passive: true }, 404, text)
})

test('exchange.declare passive: type and flags are not compared', async () => {
  const exchange = await channel.exchange('topic')
  await channel.call('exchange.declare', { exchange, type: 'fanout', durable: true, passive: true })
})

test('exchange.declare: line breaks are stripped from the name', async () => {
  const exchange = unique('x')
  await channel.call('exchange.declare', { exchange: `\r\n${exchange}\n`, ...base })
  await channel.call('exchange.declare', { exchange, passive: true })
})

test.each([
  ['exchange.declare', { exchange: '', type: 'direct', durable: true }],
  ['exchange.declare', { exchange: '', passive: true }],
  ['exchange.delete', { exchange: '' }],
  ['exchange.bind', { destination: '', source: 'amq.fanout' }],
  ['exchange.bind', { destination: 'amq.fanout', source: '' }],
  ['exchange.unbind', { destination: '', source: 'amq.fanout' }],
  ['exchange.unbind', { destination: 'amq.fanout', source: '' }],
] as const)('%s %j: the default exchange refuses', async (method, args) => {
  await channel.expectRefusal(method, args, 403, onDefault)
})

test.each(['queue.bind', 'queue.unbind'] as const)('%s: the default exchange refuses', async (method) => {
  const queue = await channel.queue()
  await channel.expectRefusal(method, { queue, exchange: '', routingKey: queue }, 403, onDefault)
})

test('the default exchange routes by queue name', async () => {
  const queue = await channel.queue()
  channel.publishTo(queue, 'm')
  expect(await channel.drain(queue)).toEqual(['m'])
})

test.each(['amq.direct', 'amq.fanout', 'amq.topic', 'amq.headers', 'amq.match'])(
  'exchange.delete: the predeclared %s is not deleted',
  async (exchange) => {
    const text = `deletion of system exchange '${exchange}' in vhost '/' not allowed`
    await channel.expectRefusal('exchange.delete', { exchange }, 403, text)
  },
)

test('exchange.delete: a missing exchange is fine, and so is deleting twice', async () => {
  const exchange = await channel.exchange('direct')
  for (let round = 0; round < 3; round++) await channel.call('exchange.delete', { exchange })
})

test('exchange.delete if-unused: refused while something is bound to it', async () => {
  const exchange = await channel.exchange('direct', { autoDelete: false })
  const queue = await channel.queue()
  await channel.bind(queue, exchange, 'key')
  const text = `exchange '${exchange}' in vhost '/' in use`
  await channel.expectRefusal('exchange.delete', { exchange, ifUnused: true }, 406, text)
  await channel.call('queue.unbind', { queue, exchange, routingKey: 'key' })
  await channel.call('exchange.delete', { exchange, ifUnused: true })
  await channel.expectRefusal(
    'exchange.declare',
    { exchange, passive: true },
    404,
    `no exchange '${exchange}' in vhost '/'`,
  )
})

test('exchange.delete if-unused: being a destination is no use', async () => {
  const source = await channel.exchange('fanout')
  const exchange = await channel.exchange('fanout', { autoDelete: false })
  await channel.call('exchange.bind', { source, destination: exchange })
  await channel.call('exchange.delete', { exchange, ifUnused: true })
})

test('exchange.delete: the bindings go with it', async () => {
  const exchange = unique('x')
  const queue = await channel.queue()
  await channel.call('exchange.declare', { exchange, type: 'fanout' })
  await channel.bind(queue, exchange)
  await channel.call('exchange.delete', { exchange })
  await channel.call('exchange.declare', { exchange, type: 'fanout' })
  channel.publish({ exchange, mandatory: true, body: 'm' })
  await channel.returned({ exchange })
  await channel.call('exchange.delete', { exchange })
})
