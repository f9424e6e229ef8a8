/** Exchanges and bindings as RabbitMQ shows them. */
import { createHash } from 'node:crypto'
import type { BindingInfo } from '../../embedded/embedded-inventory.ts'
import type { SampledCounter } from '../../embedded/embedded-statistics.ts'
import type { ExchangeInfo } from '../../embedded/entities.ts'
import { jsonText } from '../../lib/exact-json.ts'
import { jsonTable } from '../json.ts'
import { exchangeStats } from './message-stats.ts'
import type { SampleRequest } from './rates.ts'

/** Of what was declared by nobody knows whom. */
const UNKNOWN_USER = 'unknown'

export function exchangeDefinition(vhost: string, info: ExchangeInfo) {
  return {
    arguments: jsonTable(info.arguments),
    auto_delete: info.autoDelete,
    durable: info.durable,
    internal: info.internal,
    name: info.name,
    type: info.type,
    user_who_performed_action: info.user ?? UNKNOWN_USER,
    vhost,
  }
}

export function exchangeShape(
  vhost: string,
  info: ExchangeInfo,
  counters: readonly SampledCounter[] | undefined,
  asked: SampleRequest,
) {
  const stats = exchangeStats(info, counters, asked)
  return {
    ...exchangeDefinition(vhost, info),
    ...(info.policy === undefined ? {} : { policy: info.policy }),
    ...(stats === undefined ? {} : { message_stats: stats }),
  }
}

export function bindingShape(vhost: string, info: BindingInfo) {
  return {
    source: info.source,
    vhost,
    destination: info.destination,
    destination_type: info.destinationType,
    routing_key: info.routingKey,
    arguments: jsonTable(info.arguments),
    properties_key: propertiesKey(info),
  }
}

/** What a binding is called in paths: its routing key, and a hash of its arguments if it has any. */
export function propertiesKey({ routingKey, arguments: table }: Pick<BindingInfo, 'routingKey' | 'arguments'>): string {
  const key = quotePlus(routingKey)
  const entries = Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1))
  if (entries.length > 0) {
    const hash = createHash('sha256')
      .update(jsonText(jsonTable(Object.fromEntries(entries))))
      .digest('base64url')
    return `${key}~${hash.slice(0, 11)}`
  }
  return key === '' ? '~' : key
}

/** As in forms, with `~` quoted, too. */
function quotePlus(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%20/g, '+')
}
