/** Tells the event log what becomes of the exchanges, queues and bindings of a virtual host. What is there again after a restart has not happened now. */
import type { Binding } from './exchanges/binding.ts'
import type { Exchange } from './exchanges/exchange.ts'
import { isReserved } from './names.ts'
import type { EventLog, EventName } from './statistics/event-log.ts'

export class VhostEvents {
  readonly #log: EventLog
  readonly #vhost: { readonly name: string; readonly isRestoring: boolean }

  constructor(log: EventLog, vhost: { readonly name: string; readonly isRestoring: boolean }) {
    this.#log = log
    this.#vhost = vhost
  }

  exchangeCreated({ name, type }: Exchange): void {
    if (!isPredeclared(name)) this.#tell('exchange.created', { name, type })
  }

  exchangeDeleted({ name }: Exchange): void {
    if (!isPredeclared(name)) this.#tell('exchange.deleted', { name })
  }

  queue(event: 'queue.created' | 'queue.deleted', { name }: { readonly name: string }): void {
    this.#tell(event, { name })
  }

  binding(event: 'binding.created' | 'binding.deleted', { source, destination, routingKey }: Binding): void {
    this.#tell(event, {
      source: source.name,
      destination: destination.name,
      destination_type: destination.kind,
      routing_key: routingKey,
    })
  }

  #tell(event: EventName, about: Readonly<Record<string, string>>): void {
    const { name, isRestoring } = this.#vhost
    if (!isRestoring) this.#log.add(event, { vhost: name, ...about })
  }
}

function isPredeclared(exchange: string): boolean {
  return exchange === '' || isReserved(exchange)
}
