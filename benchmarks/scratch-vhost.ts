import type { EmbeddedBroker } from '../src/embedded/embedded-broker.ts'

const TRANSIENT = { durable: false } as const

/** A virtual host for one benchmark case. What a case leaves in it goes with it. */
export class ScratchVhost {
  readonly name: string
  readonly #broker: EmbeddedBroker
  #vhost: EmbeddedBroker | undefined

  constructor(broker: EmbeddedBroker, name: string) {
    this.#broker = broker
    this.name = `bench ${name}`
  }

  get vhost(): EmbeddedBroker {
    this.#vhost ??= this.#broker.createVhost(this.name)
    return this.#vhost
  }

  /** Starts over with an empty one. */
  renew(): void {
    this.#broker.deleteVhost(this.name)
    this.#vhost = undefined
  }

  /** Transient queues with these names. */
  queues(...names: readonly string[]): void {
    for (const name of names) this.vhost.declareQueue(name, TRANSIENT)
  }

  /** A transient exchange. */
  exchange(name: string, type: string): void {
    this.vhost.declareExchange(name, type, TRANSIENT)
  }

  /** Empties every queue, and fails when one does not hold what it should. */
  purge(expected: number): void {
    for (const { name } of this.vhost.queues()) {
      const purged = this.vhost.purgeQueue(name)
      if (purged !== expected) throw new Error(`${this.name}: queue '${name}' held ${purged} messages, not ${expected}`)
    }
  }
}
