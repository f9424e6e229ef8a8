// Operations on messages: publishing, consuming, fetching, settling.
import type { WireProperties } from '../support/wire-frames.ts'
import type { WireTable, WireValue } from '../support/wire-values.ts'
import type { Draw } from './draw.ts'
import { GENERATED_QUEUE, GENERATED_TAG, QUEUES, REPLY_ADDRESS } from './names.ts'
import { call, type Operation } from './operation.ts'
import type { Call, CallContent } from './step.ts'
import { exchangeName, headers, KEYS, queueName } from './values.ts'

/** Further routes of a message, right and wrong. */
function routes(draw: Draw): WireValue {
  return draw.weighted<WireValue>([
    [6, [draw.pick(KEYS)]],
    [4, ['~q0', draw.pick(QUEUES)]],
    [1, []],
    [1, 'a'],
    [1, [1]],
    [1, ['a', true]],
    [1, null],
  ])
}

function publishedHeaders(draw: Draw): WireTable {
  const table = draw.chance(0.4) ? headers(draw, true) : {}
  if (!draw.chance(0.15)) return table
  const isCopy = draw.chance(0.67)
  const other = draw.chance(0.2) ? { [isCopy ? 'BCC' : 'CC']: ['~q2'] } : {}
  return { ...table, [isCopy ? 'CC' : 'BCC']: routes(draw), ...other }
}

function properties(draw: Draw): WireProperties {
  if (draw.chance(0.5)) return {}
  const table = publishedHeaders(draw)
  const some = <T>(share: number, name: keyof WireProperties, values: readonly T[]) =>
    draw.chance(share) ? { [name]: draw.pick(values) } : {}
  return {
    ...(Object.keys(table).length > 0 && { headers: table }),
    ...some(0.3, 'deliveryMode', [1, 2, 2]),
    ...some(0.15, 'contentType', ['text/plain', '']),
    ...some(0.1, 'contentEncoding', ['gzip']),
    ...some(0.25, 'priority', [0, 1, 3, 5, 255]),
    ...some(0.1, 'correlationId', ['c-1']),
    ...some(0.08, 'replyTo', ['~q1', 'amq.rabbitmq.reply-to', 'amq.rabbitmq.reply-to.bogus']),
    ...some(0.1, 'expiration', [
      ...Array(6).fill('86400000'),
      '0',
      '0',
      'abc',
      '',
      '-1',
      '1.5',
      '10x',
      '99999999999999999999',
    ]),
    ...some(0.1, 'messageId', ['id']),
    ...some(0.1, 'timestamp', [1_700_000_000]),
    ...some(0.1, 'type', ['t']),
    ...some(0.06, 'userId', ['guest', 'guest', 'other', '']),
    ...some(0.1, 'appId', ['app']),
    ...some(0.05, 'clusterId', ['cl']),
  }
}

function content(draw: Draw): CallContent {
  const bytes = draw.weighted<number | undefined>([
    [12, undefined],
    [2, 0],
    [2, 300],
    [1, 5000],
    [0.3, 140_000],
  ])
  const frames = draw.weighted([
    [5, 1],
    [1, 2],
    [1, 7],
  ])
  return { properties: properties(draw), frames, ...(bytes !== undefined && { bytes }) }
}

export function publish(draw: Draw): Call {
  const isToQueue = draw.chance(0.5)
  const queue = draw.weighted([
    [6, draw.pick(QUEUES)],
    [1, '~missing'],
    [1, GENERATED_QUEUE],
    [1, REPLY_ADDRESS],
  ])
  return {
    method: 'basic.publish',
    args: {
      exchange: isToQueue ? '' : exchangeName(draw),
      routingKey: isToQueue ? queue : draw.pick(KEYS),
      ...draw.flag('mandatory', 0.3),
      ...draw.flag('immediate', 0.01),
    },
    content: content(draw),
  }
}

/** A request that wants an answer, or an answer. */
function exchangeOfReplies(draw: Draw): Call {
  const isAnswer = draw.chance(0.4)
  return {
    method: 'basic.publish',
    args: {
      exchange: isAnswer && draw.chance(0.1) ? 'amq.direct' : '',
      routingKey: isAnswer ? REPLY_ADDRESS : '~q0',
      ...draw.flag('mandatory', 0.4),
    },
    content: {
      properties: isAnswer
        ? { correlationId: 'c-1' }
        : { replyTo: draw.chance(0.9) ? 'amq.rabbitmq.reply-to' : REPLY_ADDRESS, headers: headers(draw, true) },
    },
  }
}

/** How often a tag is wrong is up to the sequence: `onlyDeliveries` leaves out what would find nothing to settle. */
export function settle(draw: Draw): Call {
  const deliveryTag = draw.weighted<number | string>([
    [14, `@${draw.random.below(100) / 100}`],
    [0.4, '@again'],
    [0.4, draw.pick([1, 2, 3, 999])],
    [0.4, 0],
  ])
  const method = draw.weighted<'basic.ack' | 'basic.nack' | 'basic.reject'>([
    [5, 'basic.ack'],
    [3, 'basic.nack'],
    [2, 'basic.reject'],
  ])
  const multiple = method === 'basic.reject' ? {} : draw.flag('multiple', 0.25)
  const requeue = method === 'basic.ack' ? {} : draw.flag('requeue', 0.6)
  return { method, args: { deliveryTag, ...multiple, ...requeue }, needsDelivery: draw.chance(0.9) }
}

const consume = call('consumers', 10, (draw, at) => {
  const tag = draw.weighted([
    [6, `t${draw.random.below(3)}`],
    [1, ''],
  ])
  draw.remembersTag(at, tag)
  return [
    'basic.consume',
    {
      queue: draw.weighted([
        [12, draw.homeOf(at)],
        [1, '~missing'],
        [0.5, ''],
      ]),
      consumerTag: tag,
      ...draw.flag('noAck', 0.3),
      ...draw.flag('exclusive', 0.1),
      ...(tag === '' ? {} : draw.flag('nowait', 0.12)),
      ...draw.flag('noLocal', 0.1),
      arguments: draw.weighted<WireTable>([
        [12, {}],
        [2, { 'x-priority': draw.pick([-1, 1, 10]) }],
        [1, { 'x-priority': '1' }],
        [0.5, { 'x-priority': 1.5 }],
        [1, { foo: 1 }],
        [0.5, { 'x-stream-offset': 'first' }],
        [0.5, { 'x-cancel-on-ha-failover': true }],
        [0.5, { 'x-consumer-timeout': draw.pick<WireValue>([86_400_000, 0, -1, 'a']) }],
      ]),
    },
  ]
})

const cancel = call('consumers', 4, (draw, at) => [
  'basic.cancel',
  {
    consumerTag: draw.weighted([
      [8, draw.tagOf(at)],
      [1, 'none'],
      [1, GENERATED_TAG],
    ]),
    ...draw.flag('nowait', 0.15),
  },
])

const get = call('settling', 9, (draw, at) => [
  'basic.get',
  { queue: queueName(draw), noAck: draw.chance(0.3) || !draw.mayFetch(at) },
])

const recover = call('settling', 3, (draw) => [
  draw.chance(0.8) ? 'basic.recover' : 'basic.recover-async',
  draw.flag('requeue', 0.93),
])

const limit = call('limits', 5, (draw, at) => [
  'basic.qos',
  {
    prefetchCount: draw.pick([0, 1, 2, 3]),
    global: draw.chance(0.3) && draw.mayLimit(at),
    prefetchSize: draw.chance(0.03) ? 1 : 0,
  },
])

const consumeReplies = call('replies', 0.4, (draw) => [
  'basic.consume',
  { queue: 'amq.rabbitmq.reply-to', consumerTag: 'reply', ...draw.flag('noAck', 0.85) },
])

export const MESSAGES: readonly Operation[] = [
  call('publishes', 28, publish),
  call('replies', 1, exchangeOfReplies),
  consumeReplies,
  consume,
  cancel,
  get,
  call('settling', 18, settle),
  recover,
  limit,
]
