/**
 * Keeps the durable entities in the storage, one record each, and makes them again after a restart. Messages are not its
 * business: a queue's record has the number under which the storage keeps them.
 */
import { decodeFieldTable, encodeFieldTable, type Field, type FieldTable } from '../../protocol/field-table.ts'
import { Reader } from '../../protocol/reader.ts'
import type { Storage, StoredEntity } from '../../storage/storage.ts'
import { type Binding, createBinding } from './binding.ts'
import type { Exchange } from './exchange.ts'
import { isExchangeType } from './exchange-types/exchange-types.ts'
import { isReserved } from './names.ts'
import type { Queue } from './queue.ts'
import type { Vhost } from './vhost.ts'

/** Numbers on disk: never reuse one. */
const Kind = { vhost: 1, exchange: 2, queue: 3, binding: 4 } as const

/** What was made again, and what could not be. */
export interface RestoredEntities {
  exchanges: number
  queues: number
  bindings: number
  readonly problems: string[]
}

export class DurableEntities {
  readonly #storage: Storage
  /** What is being made again is in the storage already. */
  #isRestoring = false

  constructor(storage: Storage) {
    this.#storage = storage
  }

  vhostAdded(name: string): void {
    this.#put(Kind.vhost, [name], [])
  }

  vhostRemoved(name: string): void {
    this.#remove(Kind.vhost, [name])
  }

  exchangeAdded(exchange: Exchange): void {
    if (!isKept(exchange)) return
    this.#put(
      Kind.exchange,
      [exchange.vhostName, exchange.name],
      [
        ['type', text(exchange.type)],
        ['autoDelete', flag(exchange.autoDelete)],
        ['internal', flag(exchange.internal)],
        ['arguments', { type: 'F', value: exchange.arguments }],
      ],
    )
  }

  exchangeRemoved(exchange: Exchange): void {
    if (isKept(exchange)) this.#remove(Kind.exchange, [exchange.vhostName, exchange.name])
  }

  queueAdded(queue: Queue, queueId: number): void {
    this.#put(
      Kind.queue,
      [queue.vhostName, queue.name],
      [
        ['id', { type: 'l', value: BigInt(queueId) }],
        ['autoDelete', flag(queue.autoDelete)],
        ['arguments', { type: 'F', value: queue.arguments }],
      ],
    )
  }

  queueRemoved(queue: Queue): void {
    if (queue.durable) this.#remove(Kind.queue, [queue.vhostName, queue.name])
  }

  bindingAdded(binding: Binding): void {
    if (!isDurableBinding(binding)) return
    const { source, destination, routingKey } = binding
    this.#put(
      Kind.binding,
      [source.vhostName, source.name, binding.id],
      [
        ['kind', text(destination.kind)],
        ['destination', text(destination.name)],
        ['routingKey', text(routingKey)],
        ['arguments', { type: 'F', value: binding.arguments }],
      ],
    )
  }

  bindingRemoved(binding: Binding): void {
    if (isDurableBinding(binding))
      this.#remove(Kind.binding, [binding.source.vhostName, binding.source.name, binding.id])
  }

  /** Makes everything again: `vhost` finds or makes the one of that name. */
  restore(entities: readonly StoredEntity[], vhost: (name: string) => Vhost): RestoredEntities {
    const restored: RestoredEntities = { exchanges: 0, queues: 0, bindings: 0, problems: [] }
    this.#isRestoring = true
    // In the order of their kinds, everything finds what it refers to.
    for (const entity of [...entities].sort((a, b) => a.kind - b.kind)) {
      try {
        this.#restoreOne(entity, vhost, restored)
      } catch (error) {
        restored.problems.push(`entity ${entity.kind} ${entity.key} is left out: ${String(error)}`)
      }
    }
    this.#isRestoring = false
    return restored
  }

  #restoreOne(entity: StoredEntity, findVhost: (name: string) => Vhost, restored: RestoredEntities): void {
    const [vhostName, name = ''] = JSON.parse(entity.key) as [string, string?]
    const vhost = findVhost(vhostName)
    const fields = decodeFieldTable(new Reader(entity.value))
    switch (entity.kind) {
      case Kind.vhost:
        return
      case Kind.exchange:
        restoreExchange(vhost, name, fields)
        restored.exchanges++
        return
      case Kind.queue:
        restoreQueue(vhost, name, fields)
        restored.queues++
        return
      case Kind.binding:
        restoreBinding(vhost, name, fields)
        restored.bindings++
        return
      default:
        throw new Error('a kind this version does not know')
    }
  }

  #put(kind: number, key: readonly string[], fields: readonly (readonly [string, Field])[]): void {
    if (this.#isRestoring || !this.#storage.isDurable) return
    this.#storage.journal.put(kind, JSON.stringify(key), encodeFieldTable(new Map(fields)))
  }

  #remove(kind: number, key: readonly string[]): void {
    if (this.#storage.isDurable) this.#storage.journal.remove(kind, JSON.stringify(key))
  }
}

/** Predeclared exchanges are there anyway. */
function isKept({ name, durable }: Exchange): boolean {
  return durable && name !== '' && !isReserved(name)
}

// RabbitMQ: a binding is durable when both its ends are.
function isDurableBinding({ source, destination }: Binding): boolean {
  return source.durable && destination.durable
}

function restoreExchange(vhost: Vhost, name: string, fields: FieldTable): void {
  const type = textIn(fields, 'type')
  if (!isExchangeType(type)) throw new Error(`unknown exchange type '${type}'`)
  vhost.addExchange({
    name,
    type,
    durable: true,
    autoDelete: flagIn(fields, 'autoDelete'),
    internal: flagIn(fields, 'internal'),
    arguments: tableIn(fields, 'arguments'),
  })
}

function restoreQueue(vhost: Vhost, name: string, fields: FieldTable): void {
  const id = fields.get('id')
  if (id?.type !== 'l') throw new Error('its number is missing')
  vhost.addQueue(
    {
      name,
      durable: true,
      autoDelete: flagIn(fields, 'autoDelete'),
      arguments: tableIn(fields, 'arguments'),
      owner: undefined,
    },
    Number(id.value),
  )
}

function restoreBinding(vhost: Vhost, sourceName: string, fields: FieldTable): void {
  const source = vhost.requireExchange(sourceName)
  const name = textIn(fields, 'destination')
  const destination = textIn(fields, 'kind') === 'queue' ? vhost.requireQueue(name) : vhost.requireExchange(name)
  vhost.addBinding(createBinding(source, destination, textIn(fields, 'routingKey'), tableIn(fields, 'arguments')))
}

function text(value: string): Field {
  return { type: 'S', value }
}

function flag(value: boolean): Field {
  return { type: 't', value }
}

function textIn(fields: FieldTable, name: string): string {
  const field = fields.get(name)
  if (field?.type !== 'S') throw new Error(`${name} is missing`)
  return String(field.value)
}

function flagIn(fields: FieldTable, name: string): boolean {
  return fields.get(name)?.value === true
}

function tableIn(fields: FieldTable, name: string): FieldTable {
  const field = fields.get(name)
  return field?.type === 'F' ? field.value : new Map()
}
