/** A virtual host for code in the same process, which may hold on to it for longer than it, or the server, is there. */
import { refuse } from '../broker/errors.ts'
import type { Vhost } from '../broker/vhost.ts'
import { durable } from './durable.ts'
import type { EmbeddedContext } from './embedded-context.ts'
import { aQueueType, type DefaultQueueType, type VhostInfo } from './vhost-options.ts'

export class LiveVhost {
  readonly name: string
  readonly #vhost: Vhost
  readonly #context: EmbeddedContext

  constructor(vhost: Vhost, context: EmbeddedContext) {
    this.name = vhost.name
    this.#vhost = vhost
    this.#context = context
  }

  /**
   * Throws Error after a shutdown, BrokerError when the virtual host is gone. Every call begins here, and the time of its own: the
   * caller's code may have worked for long in this turn.
   */
  readonly require = (): Vhost => {
    const vhost = this.startTime()
    if (this.#context.core.vhost(vhost.name) !== vhost) throw refuse.missingVhost(vhost.name)
    return vhost
  }

  /** For what was begun before the virtual host went. Throws Error after a shutdown. */
  startTime(): Vhost {
    this.#context.requireRunning()
    this.#vhost.ages.lookAnew()
    return this.#vhost
  }

  /** Resolves when everything done so far is durable. */
  async whenDurable(): Promise<void> {
    this.#context.requireRunning()
    await durable(this.#vhost.journal)
  }

  get defaultQueueType(): DefaultQueueType {
    this.#context.requireRunning()
    return this.#vhost.defaultQueueType ?? 'classic'
  }

  set defaultQueueType(type: DefaultQueueType) {
    const vhost = this.require()
    aQueueType(type, 'the default queue type')
    vhost.setDefaultQueueType(type)
  }

  get info(): VhostInfo {
    return { defaultQueueType: this.defaultQueueType, ...this.require().metadata }
  }
}
