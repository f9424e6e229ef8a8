/**
 * The last things that were made, changed and removed, and who came and went: a thousand of queues, a thousand of connections, and so
 * on, so that a crowd of the one does not push out the others.
 */
import type { Clock } from '../../lib/clock.ts'

/** How the events of an entity that the storage keeps are called, and what the parts of its key are. */
const OF_ENTITIES = {
  vhost: { set: 'vhost.set', removed: 'vhost.deleted', key: ['vhost'] },
  user: { set: 'user.set', removed: 'user.deleted', key: ['user'] },
  policy: { set: 'policy.set', removed: 'policy.cleared', key: ['vhost', 'kind', 'name'] },
  'limits of vhost': { set: 'vhost.limits.set', removed: 'vhost.limits.cleared', key: ['vhost'] },
  'limits of user': { set: 'user.limits.set', removed: 'user.limits.cleared', key: ['user'] },
  permission: { set: 'permission.set', removed: 'permission.deleted', key: ['user', 'vhost'] },
  'topic permission': {
    set: 'topic.permission.set',
    removed: 'topic.permission.deleted',
    key: ['user', 'vhost', 'exchange'],
  },
  'global parameter': { set: 'parameter.set', removed: 'parameter.cleared', key: ['name'] },
} as const

/** RabbitMQ's names, where it has the event. */
export type EventName =
  | 'queue.created'
  | 'queue.deleted'
  | 'exchange.created'
  | 'exchange.deleted'
  | 'binding.created'
  | 'binding.deleted'
  | 'connection.created'
  | 'connection.closed'
  | 'alarm.set'
  | 'alarm.cleared'
  | (typeof OF_ENTITIES)[keyof typeof OF_ENTITIES]['set' | 'removed']

export interface BrokerEvent {
  /** Counts the events of a server from 1. */
  readonly id: number
  readonly name: EventName
  /** Milliseconds since 1970. */
  readonly atMs: number
  /** What it is about: names, and no secrets. */
  readonly about: Readonly<Record<string, string>>
}

const EVENTS_MAX = 1000

/** The place of the oldest is taken by the newest. */
class Ring {
  readonly events: BrokerEvent[] = []
  #next = 0

  add(event: BrokerEvent): void {
    this.events[this.#next] = event
    this.#next = (this.#next + 1) % EVENTS_MAX
  }
}

export class EventLog {
  readonly #clock: Clock
  /** By what events are about: `queue`, `connection` … */
  readonly #rings = new Map<string, Ring>()
  #count = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(name: EventName, about: BrokerEvent['about']): void {
    const group = name.slice(0, name.indexOf('.'))
    const ring = this.#rings.get(group) ?? new Ring()
    this.#rings.set(group, ring)
    ring.add({ id: ++this.#count, name, atMs: this.#clock.wallMs(), about })
  }

  /** An entity was put into the storage, or removed. Queues, exchanges and bindings are told of by their virtual host: not all are kept. */
  entityChanged(kind: string, key: readonly string[], isRemoved: boolean): void {
    if (!Object.hasOwn(OF_ENTITIES, kind)) return
    const { set, removed, key: names } = OF_ENTITIES[kind as keyof typeof OF_ENTITIES]
    this.add(isRemoved ? removed : set, Object.fromEntries(names.map((name, at) => [name, key[at] ?? ''])))
  }

  /** The newest first, up to so many; those with a number above `afterId` only. */
  latest(limit: number, afterId = 0): BrokerEvent[] {
    return Array.from(this.#rings.values(), ({ events }) => events)
      .flat()
      .filter(({ id }) => id > afterId)
      .sort((a, b) => b.id - a.id)
      .slice(0, limit)
  }
}
