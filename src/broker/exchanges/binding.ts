/** Bindings. An exchange knows those that start at it; those that lead to a destination are in the `BindingIndex`. */
import { encodeFieldTable, type FieldTable } from '../../../protocol/field-table.ts'
import type { Queue } from '../queues/queue.ts'
import type { Exchange } from './exchange.ts'

export type Destination = Queue | Exchange

export interface Binding {
  readonly source: Exchange
  readonly destination: Destination
  readonly routingKey: string
  readonly arguments: FieldTable
  /** Equal for equal bindings of one source: destination, routing key and arguments. */
  readonly id: string
}

export function createBinding(
  source: Exchange,
  destination: Destination,
  routingKey: string,
  bindingArguments: FieldTable,
): Binding {
  return {
    source,
    destination,
    routingKey,
    arguments: bindingArguments,
    id: bindingId(destination, routingKey, bindingArguments),
  }
}

/** Lengths in front keep names with any characters apart. */
function bindingId(destination: Destination, routingKey: string, bindingArguments: FieldTable): string {
  const { kind, name } = destination
  const table = bindingArguments.size === 0 ? '' : encodeFieldTable(sorted(bindingArguments)).toString('latin1')
  return `${kind}:${name.length}:${name}${routingKey.length}:${routingKey}${table}`
}

function sorted(table: FieldTable): FieldTable {
  return new Map([...table].sort(([a], [b]) => (a < b ? -1 : 1)))
}
