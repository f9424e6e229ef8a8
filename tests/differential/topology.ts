// Operations on queues, exchanges and bindings.
import type { WireTable } from '../support/wire-values.ts'
import { EXCHANGES, GENERATED_QUEUE, QUEUES } from './names.ts'
import { call, type Operation } from './operation.ts'
import { BUILT_IN, bindingArguments, bindingKey, exchangeName, queueArguments, queueName } from './values.ts'

export const declareQueue = call('queues', 10, (draw) => [
  'queue.declare',
  {
    queue: draw.weighted([
      [10, draw.pick(QUEUES)],
      [2, ''],
      [0.5, 'amq.mine'],
      [0.5, GENERATED_QUEUE],
      [0.3, '~q0\r\n'],
    ]),
    ...draw.flag('durable', 0.3),
    ...draw.flag('exclusive', 0.12),
    ...draw.flag('autoDelete', 0.15),
    ...draw.flag('nowait', 0.1),
    ...draw.flag('passive', 0.15),
    arguments: queueArguments(draw),
  },
])

const declareExchange = call('exchanges', 8, (draw) => [
  'exchange.declare',
  {
    exchange: draw.weighted([
      [10, draw.pick(EXCHANGES)],
      [1, draw.pick(BUILT_IN)],
      [0.5, ''],
      [0.5, 'amq.mine'],
      [0.3, '~e0\n'],
    ]),
    type: draw.weighted([
      [16, draw.pick(['direct', 'fanout', 'topic', 'headers'])],
      [0.15, 'bogus'],
    ]),
    ...draw.flag('passive', 0.12),
    ...draw.flag('durable', 0.3),
    ...draw.flag('autoDelete', 0.15),
    ...draw.flag('internal', 0.1),
    ...draw.flag('nowait', 0.1),
    arguments: draw.weighted<WireTable>([
      [10, {}],
      [2, { 'alternate-exchange': draw.pick([...EXCHANGES, 'amq.fanout', '~missing']) }],
      [0.7, { 'alternate-exchange': 1 }],
      [0.7, { foo: 1 }],
    ]),
  },
])

export const bindQueue = call('bindings', 11, (draw) => [
  'queue.bind',
  {
    queue: queueName(draw),
    exchange: exchangeName(draw),
    routingKey: bindingKey(draw),
    ...draw.flag('nowait', 0.1),
    arguments: bindingArguments(draw),
  },
])

const unbindQueue = call('bindings', 3, (draw) => [
  'queue.unbind',
  {
    queue: queueName(draw),
    exchange: exchangeName(draw),
    routingKey: bindingKey(draw),
    arguments: bindingArguments(draw),
  },
])

const bindExchange = (method: 'exchange.bind' | 'exchange.unbind', weight: number): Operation =>
  call('bindings', weight, (draw) => [
    method,
    {
      destination: draw.chance(0.95) ? draw.pick(EXCHANGES) : '',
      source: exchangeName(draw),
      routingKey: bindingKey(draw),
      ...draw.flag('nowait', 0.1),
      arguments: bindingArguments(draw),
    },
  ])

const purgeQueue = call('queues', 2, (draw) => ['queue.purge', { queue: queueName(draw), ...draw.flag('nowait', 0.1) }])

const deleteQueue = call('queues', 3, (draw) => [
  'queue.delete',
  {
    queue: queueName(draw),
    ...draw.flag('ifUnused', 0.25),
    ...draw.flag('ifEmpty', 0.25),
    ...draw.flag('nowait', 0.1),
  },
])

const deleteExchange = call('exchanges', 2, (draw) => [
  'exchange.delete',
  { exchange: exchangeName(draw), ...draw.flag('ifUnused', 0.3), ...draw.flag('nowait', 0.1) },
])

export const TOPOLOGY: readonly Operation[] = [
  declareQueue,
  declareExchange,
  bindQueue,
  unbindQueue,
  bindExchange('exchange.bind', 5),
  bindExchange('exchange.unbind', 2),
  purgeQueue,
  deleteQueue,
  deleteExchange,
]
