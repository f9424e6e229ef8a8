import type { FieldTable } from '../../protocol/field-table.ts'
import { fieldTable } from '../../protocol/field-table-plain.ts'
import { RABBITMQ_VERSION } from '../lib/version.ts'

/**
 * What connection.start says about the server. Clients and tools look for RabbitMQ's name and version to decide what
 * they may use (PerfTest, kombu, NServiceBus), so these say whose behaviour this is; the rest says who we are.
 */
export function serverProperties(version: string, clusterName: string): FieldTable {
  return fieldTable({
    product: 'RabbitMQ',
    version: RABBITMQ_VERSION,
    platform: `Node.js ${process.versions.node}`,
    copyright: 'The Leveret authors',
    information: `Leveret ${version}, behaves like RabbitMQ 4.2. Licensed under the Apache License 2.0`,
    cluster_name: clusterName,
    capabilities: {
      publisher_confirms: true,
      exchange_exchange_bindings: true,
      'basic.nack': true,
      consumer_cancel_notify: true,
      'connection.blocked': true,
      consumer_priorities: true,
      authentication_failure_close: true,
      per_consumer_qos: true,
      direct_reply_to: true,
    },
  })
}
