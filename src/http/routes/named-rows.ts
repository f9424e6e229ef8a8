/** Rows of lists of what is in virtual hosts, by the virtual host and the name. */
import type { EmbeddedBroker } from '../../embedded/embedded-broker.ts'
import type { Call } from '../call.ts'
import type { KnownColumns, ListSource } from '../lists/list.ts'
import { compareTexts } from '../lists/sort.ts'

export interface NamedRow {
  readonly broker: EmbeddedBroker
  readonly name: string
}

export const NAME_COLUMNS: KnownColumns<NamedRow> = {
  name: ({ name }) => name,
  vhost: ({ broker }) => broker.name,
}

const byVhostAndName = (a: NamedRow, b: NamedRow): number =>
  (a.broker === b.broker ? 0 : compareTexts(a.broker.name, b.broker.name)) || compareTexts(a.name, b.name)

export function sourceOf<R extends NamedRow>(
  call: Call,
  brokers: readonly EmbeddedBroker[],
  allRowsOf: (broker: EmbeddedBroker) => Iterable<R | undefined>,
  objectOf: (broker: EmbeddedBroker, name: string) => object | undefined,
  columns: KnownColumns<R>,
): ListSource<R> {
  function* rowsOf(broker: EmbeddedBroker): Iterable<R | undefined> {
    if (call.isThere(broker)) yield* allRowsOf(broker)
  }
  const object = (broker: EmbeddedBroker, name: string) => (call.isThere(broker) ? objectOf(broker, name) : undefined)
  return {
    *rows() {
      for (const broker of brokers) yield* rowsOf(broker)
    },
    name: ({ name }) => name,
    compare: byVhostAndName,
    columns,
    object: ({ broker, name }) => object(broker, name),
    named: {
      key: JSON.stringify(brokers.map(({ name }) => name)),
      parts: brokers.map(rowsOf),
      object: (part, name) => object(brokers[part] as EmbeddedBroker, name), // the number is that of a broker
    },
  }
}
