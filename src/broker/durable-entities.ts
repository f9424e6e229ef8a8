/**
 * Keeps the durable entities of the model in the storage, one record each, and has them made again after a restart
 * (`restored-entities.ts`). Messages are not its business: a queue's record has the number under which the storage keeps them.
 */
import { encodeRecord, type Field } from '../../protocol/field-table.ts'
import type { EntityRecords, EntityRegistry } from '../../storage/entity-registry.ts'
import type { Journal } from '../../storage/journal.ts'
import type { ResourceKind } from './errors.ts'
import type { Binding } from './exchanges/binding.ts'
import type { Exchange } from './exchanges/exchange.ts'
import type { UnbindingRecords } from './exchanges/unbindings.ts'
import { decodeLimits, encodeLimits } from './limits/limit-values.ts'
import { VHOST_LIMITS, type VhostLimitRecords, type VhostLimitValues } from './limits/vhost-limits.ts'
import { isReserved } from './names.ts'
import type { Policy, PolicyKind } from './policies/policy.ts'
import type { PolicyRecords } from './policies/vhost-policies.ts'
import type { Queue } from './queues/queue.ts'
import { type RecordLayout, RecordReader } from './record-fields.ts'
import { RememberedTables } from './remembered-tables.ts'
import {
  BINDING_LAYOUT,
  EXCHANGE_LAYOUT,
  type FindVhost,
  nameIn,
  QUEUE_LAYOUT,
  type Restore,
  restoreBinding,
  restoreExchange,
  restorePausedQueue,
  restorePolicy,
  restoreQueue,
  restoreUnbinding,
  restoreVhost,
} from './restored-entities.ts'
import type { Vhost } from './vhost.ts'

export class DurableEntities implements PolicyRecords, VhostLimitRecords, UnbindingRecords {
  readonly #vhosts: EntityRecords
  readonly #policies: EntityRecords
  readonly #vhostLimits: EntityRecords
  readonly #exchanges: EntityRecords
  readonly #queues: EntityRecords
  readonly #bindings: EntityRecords
  readonly #pausedQueues: EntityRecords
  readonly #unbindings: EntityRecords

  /** `journalOf` finds the journal of a virtual host, by its name. */
  constructor(registry: EntityRegistry, vhost: FindVhost, journalOf: (vhost: string) => Journal) {
    const tables = new RememberedTables()
    const register = (
      number: number,
      name: string,
      layout: RecordLayout,
      restore: Restore,
      staysWhenRefused = false,
    ): EntityRecords => {
      const reader = new RecordReader(layout, tables)
      return registry.register({
        number,
        name,
        staysWhenRefused,
        journal: ([vhostName = '']) => journalOf(vhostName),
        restore: (key, value) => restore(vhost, key, reader.read(value)),
      })
    }
    this.#vhosts = register(1, 'vhost', [], restoreVhost)
    // Before what they apply to. Without one that makes no sense to this version, queues may do more than they should.
    this.#policies = register(6, 'policy', [], restorePolicy, true)
    this.#vhostLimits = registry.register({
      number: 7,
      name: 'limits of vhost',
      staysWhenRefused: true,
      journal: ([vhostName = '']) => journalOf(vhostName),
      restore: (key, value) => {
        const limits = decodeLimits(VHOST_LIMITS, value)
        vhost(nameIn(key, 0)).limits.set(limits)
      },
    })
    this.#exchanges = register(2, 'exchange', EXCHANGE_LAYOUT, restoreExchange)
    this.#queues = register(3, 'queue', QUEUE_LAYOUT, restoreQueue)
    // Before the bindings, of which it says that they were going.
    this.#unbindings = register(14, 'unbinding', [], restoreUnbinding)
    this.#bindings = register(4, 'binding', BINDING_LAYOUT, restoreBinding)
    this.#pausedQueues = register(10, 'paused queue', [], restorePausedQueue)
  }

  /** Whether the disk does not know yet what became of the queue: it was made or deleted just now. */
  isQueueStaged(vhost: string, name: string): boolean {
    return this.#queues.isStaged([vhost, name])
  }

  isExchangeStaged(vhost: string, name: string): boolean {
    return this.#exchanges.isStaged([vhost, name])
  }

  isBindingStaged({ source, id }: Binding): boolean {
    return this.#bindings.isStaged([source.vhostName, source.name, id])
  }

  vhostAdded(name: string): void {
    put(this.#vhosts, [name], () => [])
  }

  vhostChanged({ name, defaultQueueType, isGoing, metadata: { description, tags, isProtected } }: Vhost): void {
    put(this.#vhosts, [name], () => [
      ...(defaultQueueType === undefined ? [] : [['defaultQueueType', text(defaultQueueType)] as const]),
      ...(description === '' ? [] : [['description', text(description)] as const]),
      ...(tags.length === 0 ? [] : [['tags', { type: 'A', value: tags.map(text) }] as const]),
      ...(isProtected ? [['protected', flag(true)] as const] : []),
      ...(isGoing ? [['going', flag(true)] as const] : []),
    ])
  }

  vhostRemoved(name: string): void {
    this.#vhosts.remove([name])
    this.#policies.removeRefused([name])
    this.#vhostLimits.removeRefused([name])
  }

  vhostLimitsSet(vhost: string, limits: VhostLimitValues): void {
    this.#vhostLimits.put([vhost], () => encodeLimits(limits))
  }

  vhostLimitsRemoved(vhost: string): void {
    this.#vhostLimits.remove([vhost])
  }

  policySet(vhost: string, kind: PolicyKind, { name, pattern, applyTo, priority, definition }: Policy): void {
    put(this.#policies, [vhost, kind, name], () => [
      ['pattern', text(pattern)],
      ['applyTo', text(applyTo)],
      ['priority', { type: 'd', value: priority }],
      ['definition', text(JSON.stringify(definition))],
    ])
  }

  refusedPolicyRemoved(vhost: string, kind: PolicyKind, name: string): boolean {
    return this.#policies.removeRefused([vhost, kind, name])
  }

  policyRemoved(vhost: string, kind: PolicyKind, name: string): void {
    this.#policies.remove([vhost, kind, name])
  }

  exchangeAdded(exchange: Exchange): void {
    if (!isDurableExchange(exchange)) return
    put(this.#exchanges, [exchange.vhostName, exchange.name], () => [
      ['type', text(exchange.type)],
      ['autoDelete', flag(exchange.autoDelete)],
      ['internal', flag(exchange.internal)],
      ['arguments', { type: 'F', value: exchange.arguments }],
      ...userField(exchange.user),
    ])
  }

  exchangeRemoved(exchange: Exchange): void {
    if (isDurableExchange(exchange)) this.#exchanges.remove([exchange.vhostName, exchange.name])
  }

  /** Called again when what the record has is another: the numbers of its logs, or that messages may have times of their own. */
  queueAdded(queue: Queue): void {
    put(this.#queues, [queue.vhostName, queue.name], () => {
      const { ids, beside } = queue.logs
      const [logId = 0, ...moreIds] = ids
      return [
        ['id', number(logId)],
        ...(moreIds.length === 0 ? [] : [['moreIds', { type: 'A', value: moreIds.map(number) }] as const]),
        ...Object.entries(beside).map(([purpose, id]) => [purpose, number(id)] as const),
        ['autoDelete', flag(queue.autoDelete)],
        ...(queue.hasExpirations ? [['expirations', flag(true)] as const] : []),
        ['arguments', { type: 'F', value: queue.arguments }],
        ...userField(queue.user),
      ]
    })
  }

  queueRemoved(queue: Queue): void {
    if (!queue.durable) return
    this.#queues.remove([queue.vhostName, queue.name])
    if (queue.isPaused) this.queueResumed(queue)
  }

  queuePaused({ durable, vhostName, name }: Queue): void {
    if (durable) put(this.#pausedQueues, [vhostName, name], () => [])
  }

  queueResumed({ durable, vhostName, name }: Queue): void {
    if (durable) this.#pausedQueues.remove([vhostName, name])
  }

  bindingAdded(binding: Binding): void {
    if (!isDurableBinding(binding)) return
    const { source, destination, routingKey } = binding
    put(this.#bindings, [source.vhostName, source.name, binding.id], () => [
      ['kind', text(destination.kind)],
      ['destination', text(destination.name)],
      ['routingKey', text(routingKey)],
      ['arguments', { type: 'F', value: binding.arguments }],
    ])
  }

  bindingRemoved(binding: Binding): void {
    if (isDurableBinding(binding)) this.#bindings.remove([binding.source.vhostName, binding.source.name, binding.id])
  }

  /** A binding that was going when the broker stopped. */
  leftOverBindingRemoved(key: readonly string[]): void {
    this.#bindings.remove(key)
  }

  unbindingBegun(vhost: string, kind: ResourceKind, name: string): void {
    put(this.#unbindings, [vhost, kind, name], () => [])
  }

  unbindingEnded(vhost: string, kind: ResourceKind, name: string): void {
    this.#unbindings.remove([vhost, kind, name])
  }
}

/** Of an entity that is just being made again, nothing has to be written, and `fields` is not called. */
function put(records: EntityRecords, key: readonly string[], fields: () => Iterable<readonly [string, Field]>): void {
  records.put(key, () => encodeRecord(new Map(fields())))
}

function userField(user: string | undefined): (readonly [string, Field])[] {
  return user === undefined ? [] : [['user', text(user)]]
}

/** Predeclared exchanges are there anyway. */
function isDurableExchange({ name, durable }: Exchange): boolean {
  return durable && name !== '' && !isReserved(name)
}

// RabbitMQ: a binding is durable when both its ends are.
function isDurableBinding({ source, destination }: Binding): boolean {
  return source.durable && destination.durable
}

function number(value: number): Field {
  return { type: 'l', value: BigInt(value) }
}

function text(value: string): Field {
  return { type: 'S', value }
}

function flag(value: boolean): Field {
  return { type: 't', value }
}
