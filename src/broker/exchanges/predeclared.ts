/** The durable exchanges that every virtual host has, as in RabbitMQ. */
import { INTERNAL_USER } from '../names.ts'
import type { ExchangeSpec } from './exchange.ts'
import type { ExchangeTypeName } from './types/exchange-types.ts'

const exchange = (name: string, type: ExchangeTypeName, internal = false): ExchangeSpec => ({
  name,
  type,
  internal,
  durable: true,
  autoDelete: false,
  arguments: new Map(),
  user: INTERNAL_USER,
})

export const PREDECLARED: readonly ExchangeSpec[] = [
  exchange('', 'direct'),
  exchange('amq.direct', 'direct'),
  exchange('amq.fanout', 'fanout'),
  exchange('amq.topic', 'topic'),
  exchange('amq.headers', 'headers'),
  exchange('amq.match', 'headers'),
  exchange('amq.rabbitmq.trace', 'topic', true),
]
